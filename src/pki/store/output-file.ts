import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  type Stats,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import {
  discard,
  ioError,
  isThere,
  orIoError,
  syncFolder,
  temporaryBeside,
  writeNew,
  type FileContent,
} from '../durable.ts';
import { foreignCode, PkiError } from '../errors.ts';
import { sweepDrafts } from '../sweep.ts';

/** A file as it shall be at a place that is not the store's own. */
export interface OutputFile extends FileContent {
  path: string;
}

/** What stands in its place; the bytes where it is a file that we may read. */
export type Found =
  { kind: 'missing' | 'link' | 'unreadable' } | { kind: 'file'; bytes: Buffer; access: Stats };

/**
 * Looks at what stands at a path, never through a link.
 * @param most bytes that are read; what is larger is another file than ours, and its content does not matter.
 * @throws PkiError `bad-input` for a folder, a device or a pipe, also one that a link leads to: root would put a file in
 * the place of /dev/full.
 */
export function lookAt(path: string, most: number): Found {
  let file: number;
  try {
    // Without O_NONBLOCK a pipe would hold us for ever.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return withoutOpening(path, error);
  }
  try {
    const access = fstatSync(file);
    if (!access.isFile()) throw notAFile(path);
    const bytes = access.size > most ? Buffer.alloc(0) : readFileSync(file);
    return { kind: 'file', bytes, access };
  } catch (error) {
    throw ioError(error, 'read', path);
  } finally {
    closeSync(file);
  }
}

function withoutOpening(path: string, error: unknown): Found {
  const code = foreignCode(error) ?? '';
  if (code === 'ENOENT') return { kind: 'missing' };
  if (!['ELOOP', 'EACCES', 'ENXIO'].includes(code)) throw ioError(error, 'open', path);
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (!there) throw ioError(error, 'open', path);
  if (!there.isSymbolicLink()) {
    if (there.isFile()) return { kind: 'unreadable' };
    throw notAFile(path);
  }
  if (leadsToNoFile(path)) throw notAFile(path);
  return { kind: 'link' };
}

/** A link that leads nowhere, or in a circle, is replaced like one that leads to a file. */
function leadsToNoFile(link: string): boolean {
  try {
    return statSync(link, { throwIfNoEntry: false })?.isFile() === false;
  } catch {
    return false;
  }
}

const notAFile = (path: string): PkiError =>
  new PkiError('bad-input', `${path} is not a regular file`, {
    hint: 'name a file to write; a folder, a device or a pipe is never replaced',
  });

/** What became of files that belong together; where one failed, those that are not written are as they were. */
export interface Written {
  paths: readonly string[];
  failed: { path: string; error: unknown } | undefined;
}

/**
 * Writes files that belong together. All are whole on the disk before the first takes its name, so that a full disk or
 * a folder that refuses leaves every old one in place; then each is renamed.
 */
export function writeTogether(files: readonly OutputFile[]): Written {
  const drafts: { draft: string; path: string }[] = [];
  const paths: string[] = [];
  let failed: Written['failed'];
  let at = '';
  try {
    for (const { path, ...content } of files) {
      at = path;
      const draft = temporaryBeside(path);
      refuseMissingFolder(path);
      sweepDrafts(dirname(path), basename(path));
      writeNew(draft, content);
      drafts.push({ draft, path });
    }
    for (const { draft, path } of drafts) {
      at = path;
      orIoError('write', path, () => renameSync(draft, path));
      paths.push(path);
    }
  } catch (error) {
    // A draft that took its name is not there any more.
    for (const { draft } of drafts) discard(draft);
    failed = { path: at, error };
  }
  for (const folder of new Set(paths.map((path) => dirname(path)))) syncFolder(folder);
  return { paths, failed };
}

function refuseMissingFolder(path: string): void {
  const folder = dirname(path);
  if (isThere(folder)) return;
  throw new PkiError('io', `cannot write ${path}: there is no folder ${folder}`, {
    hint: 'make it, with the owner and mode that it shall have; the next run writes the file',
  });
}
