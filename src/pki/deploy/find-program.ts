import { accessSync, constants, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/** Absolute path of a program: as it stands, or by the folders of PATH as execvp(3) does; `undefined` where it is not. */
export function findProgram(name: string, path = '/usr/local/bin:/usr/bin:/bin'): string | undefined {
  if (isAbsolute(name)) return runs(name) ? name : undefined;
  const folders = path.split(':').filter(isAbsolute);
  return folders.map((folder) => join(folder, name)).find(runs);
}

function runs(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
