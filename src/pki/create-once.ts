import { linkSync } from 'node:fs';
import { dirname } from 'node:path';
import { discard, ioError, syncFolder, temporaryBeside, writeNew, type FileContent } from './durable.ts';
import { foreignCode } from './errors.ts';

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

/**
 * Gives a file its name unless that is taken. Whatever becomes of it, the draft is gone; one that cannot be removed is
 * swept by a later run.
 * @returns whether this call has
 */
export function linkOnce(draft: string, path: string): boolean {
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
