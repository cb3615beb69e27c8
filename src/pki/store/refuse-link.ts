import type { Stats } from 'node:fs';
import { lookAt } from '../durable.ts';
import { PkiError } from '../errors.ts';

/**
 * @returns what is there
 * @throws PkiError `bad-input` where a symbolic link stands in the place of a folder of ours.
 */
export function refuseLink(path: string): Stats | undefined {
  const there = lookAt(path);
  if (there?.isSymbolicLink() !== true) return there;
  throw new PkiError('bad-input', `${path} is a symbolic link`, {
    hint: 'a certificate lives in a folder of its own: remove the link, or use another store',
  });
}
