import { realpathSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';

/** Where a folder is, or would be, without a link on the way. */
export function realFolder(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(realFolder(above), basename(path));
  }
}

/** Where a file lies that is put in place by rename(2): a link under its own name is replaced, not followed. */
export const placeOf = (path: string): string => join(realFolder(dirname(path)), basename(path));

/** Whether a place is a folder or lies in it. */
export const liesIn = (place: string, folder: string): boolean =>
  `${place}${sep}`.startsWith(`${realFolder(folder)}${sep}`);
