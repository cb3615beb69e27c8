import { randomInt } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { foreignCode, PkiError } from './errors.ts';
import { runMark } from './owner.ts';

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
  /** In pieces where it is large: they are written one after the other and need not be in memory at once. */
  data: string | Uint8Array | Iterable<Buffer>;
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

/** What `temporaryBeside` makes of a name: that name, and the mark of the run that made it. */
export const draftName = /^\.(.+)\.([0-9a-f]{8}-\d+-\d+)-[0-9a-f]{8}\.tmp$/;

/** A path as it will be called, of one whose parts may be drafts. */
const finalPath = (path: string): string =>
  path
    .split('/')
    .map((part) => draftName.exec(part)?.[1] ?? part)
    .join('/');

/** A failed system call, in words; `doing` is `write`, `read`, … */
export function ioError(error: unknown, doing: string, path: string): PkiError {
  if (error instanceof PkiError) return error;
  const code = foreignCode(error);
  const why =
    (code === undefined ? undefined : words[code]) ??
    (error instanceof Error ? error.message : String(error));
  return new PkiError('io', `cannot ${doing} ${finalPath(path)}: ${why}`, {
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
  const pieces = typeof data === 'string' ? [Buffer.from(data)] : data instanceof Uint8Array ? [data] : data;
  for (const bytes of pieces) {
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
  }
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

/** A name beside `path` that nobody can foretell and no reader looks at; it says which run it belongs to. */
export const temporaryBeside = (path: string): string =>
  join(dirname(path), `.${basename(path).slice(0, 100)}.${runMark()}-${randomHex()}.tmp`);

/** randomInt keeps a store of random octets; randomBytes asks the system each time. */
const randomHex = (): string =>
  randomInt(2 ** 32)
    .toString(16)
    .padStart(8, '0');

/**
 * Replaces a file by rename(2): readers see the old content or the new. A device or a pipe is refused: root would put
 * a file in the place of /dev/full.
 */
export function replace(path: string, content: FileContent, durability: 'now' | 'later' = 'now'): void {
  const there = orIoError('look at', path, () => statSync(path, { throwIfNoEntry: false }));
  if (there && !there.isFile() && !there.isDirectory()) {
    throw new PkiError('bad-input', `${path} is not a regular file`, { hint: 'name a file to write' });
  }
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

/**
 * Creates a folder and those above it; `now` syncs each folder that got a new one.
 * Not mkdir's own `recursive`: of a read-only file system it says that the folder is not there.
 */
export function makeFolder(path: string, mode = 0o755, durability: 'now' | 'later' = 'now'): void {
  // An exception would cost more than the look.
  if (isFolder(path)) return;
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (isFolder(path)) return;
    if (foreignCode(error) !== 'ENOENT' || isThere(dirname(path))) throw ioError(error, 'create', path);
    makeFolder(dirname(path), mode, durability);
    makeFolder(path, mode, durability);
    return;
  }
  if (durability === 'now') syncFolder(dirname(path));
}

/**
 * A new folder of a store, through which whoever may read a key must come: 0755, whatever the umask. Those above it are made
 * by it too.
 */
export function makeOpenFolder(path: string, durability: 'now' | 'later' = 'now'): void {
  if (isFolder(path)) return;
  if (!isFolder(dirname(path))) makeOpenFolder(dirname(path), durability);
  makeFolder(path, 0o755, durability);
  orIoError('change the mode of', path, () => {
    chmodSync(path, 0o755);
  });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    return false;
  }
}

/** What has this name, be it a link to nowhere; `undefined` where nothing has. @throws PkiError `io` */
export const lookAt = (path: string): Stats | undefined =>
  orIoError('look at', path, () => lstatSync(path, { throwIfNoEntry: false }));

/** Whether anything has this name. */
export const isThere = (path: string): boolean => lookAt(path) !== undefined;

/** A regular file: a named pipe would be waited for without end, and a device may have none. */
export function readIfThere(path: string): Buffer | undefined {
  try {
    // An exception would cost more than the look.
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found) return undefined;
    if (!found.isFile() && !found.isDirectory()) {
      throw new PkiError('malformed', `${path} is not a regular file`, { hint: 'look who has put it there' });
    }
    return found.size < large ? readAsSeen(path, found.size) : readFileSync(path);
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return undefined;
    throw ioError(error, 'read', path);
  }
}

/** From here on a system call more is nothing. */
const large = 1_048_576;

/** With half of readFileSync's system calls, where nobody has replaced the file since. */
function readAsSeen(path: string, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size + 1);
  const file = openSync(path, 'r');
  try {
    if (size > 0 && readSync(file, bytes, 0, size + 1, 0) === size) return bytes.subarray(0, size);
  } finally {
    closeSync(file);
  }
  return readFileSync(path);
}

/** Takes a file away where there is one. rmSync loads more code than everything else here together. */
export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (foreignCode(error) !== 'ENOENT') throw ioError(error, 'remove', path);
  }
}

/** Takes away a file, a link (never what it points to), or a folder with what is in it. */
export function removeAll(path: string): void {
  try {
    if (lstatSync(path).isDirectory()) {
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        if (entry.isDirectory()) removeAll(`${path}/${entry.name}`);
        else unlinkIfThere(`${path}/${entry.name}`);
      }
      rmdirSync(path);
    } else unlinkSync(path);
  } catch (error) {
    if (foreignCode(error) !== 'ENOENT') throw ioError(error, 'remove', path);
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

/**
 * Takes a folder out of sight in one step, and then away: another run that is at work in it finds none of its files, and
 * not some of them.
 * @throws PkiError `io` where it stays
 */
export function removeAtOnce(path: string): void {
  const aside = temporaryBeside(path);
  try {
    renameSync(path, aside);
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return;
    throw ioError(error, 'remove', path);
  }
  discard(aside);
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
