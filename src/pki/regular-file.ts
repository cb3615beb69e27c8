import { statSync } from 'node:fs';
import { PkiError } from './errors.ts';

/**
 * A device or a pipe is nothing to replace: root would put a file in the place of /dev/full.
 * @throws PkiError `bad-input`
 */
export function refuseIrregular(path: string): void {
  const there = statSync(path, { throwIfNoEntry: false });
  if (there && !there.isFile() && !there.isDirectory()) {
    throw new PkiError('bad-input', `${path} is not a regular file`, { hint: 'name a file to write' });
  }
}
