import { lstatSync } from 'node:fs';
import { certificateFolder } from '../store/store.ts';

/** Whether the store has a certificate of this name. */
export const isStored = (store: string, name: string): boolean =>
  lstatSync(certificateFolder(store, name).currentPath, { throwIfNoEntry: false }) !== undefined;
