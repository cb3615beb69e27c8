import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { discard, ioError, orIoError, syncFolder, temporaryBeside } from './durable.ts';

/** Replaces a file as `replace` does, by a content too large to be held at once. */
export function replaceInParts(
  path: string,
  mode: number,
  produce: (write: (bytes: Uint8Array) => void) => void,
): void {
  const temporary = temporaryBeside(path);
  const file = orIoError('create', path, () => openSync(temporary, 'wx', mode));
  try {
    const parts: Uint8Array[] = [];
    let held = 0;
    const flush = (): void => {
      const bytes = Buffer.concat(parts.splice(0));
      held = 0;
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    };
    produce((bytes) => {
      parts.push(bytes);
      held += bytes.length;
      if (held > 1_048_576) flush();
    });
    flush();
    fsyncSync(file);
    renameSync(temporary, path);
  } catch (error) {
    discard(temporary);
    throw ioError(error, 'write', path);
  } finally {
    closeSync(file);
  }
  syncFolder(dirname(path));
}
