import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { foreignCode, PkiError } from './errors.ts';

/*
 * Files that are wholly there or absent, after a kill and after a power cut: written under another name, synced,
 * then renamed or linked, and the folder synced. Every failure names the file and what the system said.
 */

/** Who a new file belongs to; -1 leaves it as it is (fchown(2)). */
export interface Ownership {
  uid: number;
  gid: number;
}

export interface FileContent {
  data: string | Uint8Array;
  /** Exact permission bits, whatever the umask. */
  mode: number;
  ownership?: Ownership | undefined;
}

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'it is there already',
  EIO: 'the device failed',
  EISDIR: 'it is a folder',
  ELOOP: 'too many symbolic links',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'it is not there',
  ENOSPC: 'no space is left on the device',
  ENOTDIR: 'a part of the path is not a folder',
  EPERM: 'the operation is not permitted',
  EROFS: 'the file system is read-only',
  EXDEV: 'it is on another file system',
};

/** A failed system call, in words; `doing` is `write`, `read`, … */
export function ioError(error: unknown, doing: string, path: string): PkiError {
  if (error instanceof PkiError) return error;
  const code = foreignCode(error);
  const why =
    (code === undefined ? undefined : words[code]) ??
    (error instanceof Error ? error.message : String(error));
  return new PkiError('io', `cannot ${doing} ${path}: ${why}`, {
    hint: 'nothing is left half done: once that is mended, the same command goes on',
    cause: error,
  });
}

export function orIoError<T>(doing: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw ioError(error, doing, path);
  }
}

/**
 * Writes and syncs a file that must not be there; on failure it is not there.
 * The calls are synchronous: a hop to the thread pool costs more than most of them take.
 * @param durability `later` leaves the sync to somebody who does not need the file after a power cut.
 */
export function writeNew(path: string, content: FileContent, durability: 'now' | 'later' = 'now'): void {
  const file = orIoError('create', path, () => openSync(path, 'wx', 0o600));
  try {
    fill(file, path, content);
    if (durability === 'now') fsyncSync(file);
  } catch (error) {
    closeSync(file);
    discard(path);
    throw ioError(error, 'write', path);
  }
  orIoError('write', path, () => {
    closeSync(file);
  });
}

function fill(file: number, path: string, { data, mode, ownership }: FileContent): void {
  if (ownership && (ownership.uid >= 0 || ownership.gid >= 0)) {
    orIoError('change the owner of', path, () => {
      fchownSync(file, ownership.uid, ownership.gid);
    });
  }
  fchmodSync(file, mode);
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}

/** Makes what was created, renamed or linked in a folder survive a power cut. */
export function syncFolder(path: string): void {
  const folder = orIoError('open', path, () => openSync(path, 'r'));
  try {
    orIoError('sync', path, () => {
      fsyncSync(folder);
    });
  } finally {
    closeSync(folder);
  }
}

/** A name beside `path` that no other run uses and no reader looks at. */
export const temporaryBeside = (path: string): string =>
  join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}.tmp`);

/** Replaces a file by rename(2): readers see the old content or the new. */
export function replace(path: string, content: FileContent, durability: 'now' | 'later' = 'now'): void {
  const temporary = temporaryBeside(path);
  writeNew(temporary, content, durability);
  try {
    renameSync(temporary, path);
  } catch (error) {
    discard(temporary);
    throw ioError(error, 'write', path);
  }
  if (durability === 'now') syncFolder(dirname(path));
}

/**
 * Creates a file once, whole, by link(2).
 * @returns whether this call created it; `false` means that another one did before.
 */
export function createOnce(path: string, content: FileContent): boolean {
  const temporary = temporaryBeside(path);
  writeNew(temporary, content);
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (foreignCode(error) === 'EEXIST') return false;
    throw ioError(error, 'create', path);
  } finally {
    unlinkIfThere(temporary);
  }
  syncFolder(dirname(path));
  return true;
}

/** Points a symbolic link at another target by rename(2). The folder is the caller's to sync. */
export function pointLink(path: string, target: string): void {
  const temporary = temporaryBeside(path);
  orIoError('create', temporary, () => {
    symlinkSync(target, temporary);
  });
  try {
    renameSync(temporary, path);
  } catch (error) {
    discard(temporary);
    throw ioError(error, 'switch', path);
  }
}

/** Creates a folder and those above it; the folder that holds the topmost new one is synced. */
export function makeFolder(path: string, mode = 0o755, durability: 'now' | 'later' = 'now'): void {
  const first = orIoError('create', path, () => mkdirSync(path, { recursive: true, mode }));
  if (first !== undefined && durability === 'now') syncFolder(dirname(first));
}

export function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return undefined;
    throw ioError(error, 'read', path);
  }
}

/** Takes a file away where there is one. rmSync loads more code than everything else here together. */
export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (foreignCode(error) !== 'ENOENT') throw ioError(error, 'remove', path);
  }
}

/** Takes a folder away with what is in it: in ours, hardly ever another folder. */
export function removeAll(path: string): void {
  try {
    for (const name of readdirSync(path)) unlinkSync(join(path, name));
    rmdirSync(path);
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return;
    orIoError('remove', path, () => {
      rmSync(path, { recursive: true, force: true });
    });
  }
}

/** Removes what was in the making; a failure here would only hide the one that led to it. */
export function discard(path: string): void {
  try {
    removeAll(path);
  } catch {
    // What stays has a name that no reader looks at.
  }
}

/** JSON of one of our files: an object whose `schema` this version knows. */
export function readJson(path: string, schema = 1): Record<string, unknown> | undefined {
  const bytes = readIfThere(path);
  if (!bytes) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new PkiError('malformed', `${path} is not JSON`, { hint: 'restore it from a backup' });
  }
  if (
    typeof value !== 'object' ||
    value === null ||
    !('schema' in value) ||
    typeof value.schema !== 'number'
  ) {
    throw new PkiError('malformed', `${path} has no "schema" number`, { hint: 'restore it from a backup' });
  }
  if (value.schema > schema) {
    throw new PkiError('unsupported', `${path} has schema ${value.schema}, this version knows ${schema}`, {
      hint: 'update certwright',
    });
  }
  return value;
}

export const jsonText = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
