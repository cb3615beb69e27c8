import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { folderName } from '../store/folder-name.ts';

/** Whether the store has a certificate of this name. */
export const isStored = (store: string, name: string): boolean =>
  lstatSync(join(store, folderName(name), 'current'), { throwIfNoEntry: false }) !== undefined;
