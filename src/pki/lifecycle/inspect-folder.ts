import { readdirSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { ioError } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { readDocument, seemsKnown } from '../x509/document.ts';
import { describeDocument, type FileProblem, type FoundItem, type Lent } from './inspect.ts';
import { readIfWanted } from './read-whole.ts';

/** What one file turned out to be; nothing found and no problem: none of ours. */
export interface InspectedFile {
  file: string;
  found: FoundItem[];
  problems: FileProblem[];
}

/** Deeper than any real tree. */
const deepest = 64;
const mostFiles = 1_000_000;

/**
 * Walks a folder in the order of names. Links to folders are not followed, so that nothing is walked twice.
 * A file that holds nothing of the kind comes empty, one that cannot be read as a problem.
 */
export async function* inspectFolder(folder: string, lent: Lent): AsyncGenerator<InspectedFile> {
  let files = 0;
  for (const entry of walk(folder, 0)) {
    files += 1;
    if (files > mostFiles) {
      throw new PkiError('unsupported', `${folder} holds more than ${mostFiles} files`, {
        hint: 'name a folder further down',
      });
    }
    yield entry instanceof PkiError ? broken(folder, entry) : await inspectOne(entry, lent);
  }
}

function* walk(folder: string, depth: number): Generator<string | PkiError> {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    yield new PkiError('unreadable', ioError(cause, 'read', folder).message, { cause });
    return;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth < deepest) yield* walk(path, depth + 1);
    else if (entry.isFile() || entry.isSymbolicLink()) yield path;
  }
}

async function inspectOne(file: string, lent: Lent): Promise<InspectedFile> {
  try {
    const bytes = readIfWanted(file, seemsKnown);
    if (!bytes) return { file, found: [], problems: [] };
    const document = await readDocument(bytes, lent.ask);
    return { file, ...(await describeDocument(document, file, lent.now)) };
  } catch (error) {
    if (error instanceof PkiError) return broken(file, error);
    throw error;
  }
}

const broken = (file: string, { code, message, hint }: PkiError): InspectedFile => ({
  file,
  found: [],
  problems: [{ file, code, message, hint, block: undefined, offset: undefined, expected: undefined }],
});
