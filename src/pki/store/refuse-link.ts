import { lookAt } from '../durable.ts';
import { PkiError } from '../errors.ts';

/**
 * @returns whether anything is there
 * @throws PkiError `bad-input` where a symbolic link stands in the place of a folder of ours.
 */
export function refuseLink(path: string): boolean {
  const there = lookAt(path);
  if (there?.isSymbolicLink() !== true) return there !== undefined;
  throw new PkiError('bad-input', `${path} is a symbolic link`, {
    hint: 'a certificate lives in a folder of its own: remove the link, or use another store',
  });
}
