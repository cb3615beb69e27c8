import { linkSync } from 'node:fs';
import { dirname } from 'node:path';
import { discard, ioError, syncFolder, temporaryBeside, writeNew, type FileContent } from './durable.ts';
import { foreignCode } from './errors.ts';
import type { Sync } from './sync.ts';

/**
 * Creates a file once, whole, by link(2).
 * @param beside where its draft is made, on the same file system.
 * @returns whether this call created it; `false` means that another one did before.
 */
export function createOnce(path: string, content: FileContent, beside = path): boolean {
  const temporary = temporaryBeside(beside);
  writeNew(temporary, content);
  const isNew = linkOnce(temporary, path);
  if (isNew) syncFolder(dirname(path));
  return isNew;
}

/** The same where the sync is somebody else's, and that of its folder the caller's. */
export async function createOnceBy(
  sync: Sync,
  path: string,
  content: FileContent,
  beside: string,
): Promise<boolean> {
  const temporary = temporaryBeside(beside);
  writeNew(temporary, content, 'later');
  try {
    await sync([temporary]);
  } catch (error) {
    discard(temporary);
    throw ioError(error, 'create', path);
  }
  return linkOnce(temporary, path);
}

/** Whatever becomes of it, the draft is gone; one that cannot be removed is swept by a later run. */
function linkOnce(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (foreignCode(error) === 'EEXIST') return false;
    throw ioError(error, 'create', path);
  } finally {
    discard(draft);
  }
}
