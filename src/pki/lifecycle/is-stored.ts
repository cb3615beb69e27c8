import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { folderName } from '../store/folder-name.ts';

/** Whether the store has a certificate of this name, as far as the caller may see. */
export function isStored(store: string, name: string): boolean {
  try {
    return lstatSync(join(store, folderName(name), 'current'), { throwIfNoEntry: false }) !== undefined;
  } catch {
    // Where a store is closed, files and servers can be named all the same. Whoever means the certificate learns why on reading it.
    return false;
  }
}
