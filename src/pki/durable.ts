import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm, symlink, unlink } from 'node:fs/promises';
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
  const why = (code === undefined ? undefined : words[code]) ?? (error instanceof Error ? error.message : String(error));
  return new PkiError('io', `cannot ${doing} ${path}: ${why}`, {
    hint: 'nothing is left half done: once that is mended, the same command goes on',
    cause: error,
  });
}

export async function orIoError<T>(doing: string, path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw ioError(error, doing, path);
  }
}

/** Writes and syncs a file that must not be there; on failure it is not there. */
export async function writeNew(path: string, { data, mode, ownership }: FileContent): Promise<void> {
  const file = await orIoError('create', path, open(path, 'wx', 0o600));
  try {
    if (ownership && (ownership.uid >= 0 || ownership.gid >= 0)) {
      await orIoError('change the owner of', path, file.chown(ownership.uid, ownership.gid));
    }
    await file.chmod(mode);
    await file.writeFile(data);
    await file.sync();
  } catch (error) {
    await file.close().catch(() => undefined);
    await unlink(path).catch(() => undefined);
    throw ioError(error, 'write', path);
  }
  await orIoError('write', path, file.close());
}

/** Makes what was created, renamed or linked in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await orIoError('open', path, open(path, 'r'));
  try {
    await orIoError('sync', path, folder.sync());
  } finally {
    await folder.close();
  }
}

/** A name beside `path` that no other run uses and no reader looks at. */
export const temporaryBeside = (path: string): string =>
  join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}.tmp`);

/** Replaces a file by rename(2): readers see the old content or the new. */
export async function replace(path: string, content: FileContent): Promise<void> {
  const temporary = temporaryBeside(path);
  await writeNew(temporary, content);
  try {
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw ioError(error, 'write', path);
  }
  await syncFolder(dirname(path));
}

/**
 * Creates a file once, whole, by link(2).
 * @returns whether this call created it; `false` means that another one did before.
 */
export async function createOnce(path: string, content: FileContent): Promise<boolean> {
  const temporary = temporaryBeside(path);
  await writeNew(temporary, content);
  try {
    await link(temporary, path);
  } catch (error) {
    if (foreignCode(error) === 'EEXIST') return false;
    throw ioError(error, 'create', path);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
  await syncFolder(dirname(path));
  return true;
}

/** Points a symbolic link at another target by rename(2). The folder is the caller's to sync. */
export async function pointLink(path: string, target: string): Promise<void> {
  const temporary = temporaryBeside(path);
  await orIoError('create', temporary, symlink(target, temporary));
  try {
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw ioError(error, 'switch', path);
  }
}

/** Creates a folder and those above it; the parents that were new are synced. */
export async function makeFolder(path: string, mode = 0o755): Promise<void> {
  const first = await orIoError('create', path, mkdir(path, { recursive: true, mode }));
  if (first !== undefined) await syncFolder(dirname(first));
}

export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return undefined;
    throw ioError(error, 'read', path);
  }
}

export async function removeAll(path: string): Promise<void> {
  await orIoError('remove', path, rm(path, { recursive: true, force: true }));
}

/** JSON of one of our files: an object whose `schema` this version knows. */
export async function readJson(path: string, schema = 1): Promise<Record<string, unknown> | undefined> {
  const bytes = await readIfThere(path);
  if (!bytes) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new PkiError('malformed', `${path} is not JSON`, { hint: 'restore it from a backup' });
  }
  if (typeof value !== 'object' || value === null || !('schema' in value) || typeof value.schema !== 'number') {
    throw new PkiError('malformed', `${path} has no "schema" number`, { hint: 'restore it from a backup' });
  }
  if (value.schema > schema) {
    throw new PkiError('unsupported', `${path} has schema ${value.schema}, this version knows ${schema}`, {
      hint: 'update certwright',
    });
  }
  return value as Record<string, unknown>;
}

export const jsonText = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
