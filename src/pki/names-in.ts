import { readdirSync } from 'node:fs';
import { ioError, isThere } from './durable.ts';
import { foreignCode } from './errors.ts';

/** What is in a folder, without drafts and whatever else is hidden; nothing where it is not there. @throws PkiError `io` */
export function namesIn(folder: string): string[] {
  // Most certificates have no such folder: an exception for each would cost more than the look.
  if (!isThere(folder)) return [];
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return [];
    throw ioError(error, 'read', folder);
  }
}
