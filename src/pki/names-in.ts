import { readdirSync } from 'node:fs';
import { ioError } from './durable.ts';
import { foreignCode } from './errors.ts';

/** What is in a folder, without drafts and whatever else is hidden; nothing where it is not there. @throws PkiError `io` */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return [];
    throw ioError(error, 'read', folder);
  }
}
