import { accessSync, constants, readlinkSync, statSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { ioError } from './durable.ts';
import { foreignCode, PkiError } from './errors.ts';
import { placeOf } from './place.ts';

/*
 * Paths that a caller has named, looked at before anything is done: what is wrong with one is for the caller to mend, and no
 * failure of the run.
 */

/** A system call on what was named. @throws PkiError `not-found`, or else `unreadable` */
export function orUnreadable<T>(doing: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw unreadable(error, doing, path);
  }
}

/** The failure of such a call. */
export function unreadable(error: unknown, doing: string, path: string): PkiError {
  if (error instanceof PkiError) return error;
  const code = foreignCode(error) === 'ENOENT' ? 'not-found' : 'unreadable';
  return new PkiError(code, ioError(error, doing, path).message, {
    hint: 'name another, or see to it that this one can be read',
    cause: error,
  });
}

/** What stands there; `undefined` where nothing does. @throws PkiError `unreadable` */
export const lookAtGiven = (path: string): Stats | undefined =>
  orUnreadable('look at', path, () => {
    try {
      return statSync(path);
    } catch (error) {
      // With throwIfNoEntry, Node.js 22 passes over a file in the place of a folder (ENOTDIR) as well.
      if (foreignCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  });

/** Without opening it: a pipe gives what it holds only once. @throws PkiError `not-found`, `unreadable` */
export function refuseUnreadable(path: string): void {
  orUnreadable('read', path, () => {
    accessSync(path, constants.R_OK);
  });
  if (lookAtGiven(path)?.isDirectory() !== true) return;
  throw new PkiError('unreadable', `cannot read ${path}: it is a folder`, { hint: 'name a file' });
}

/** @throws PkiError `bad-input` where something that is no folder stands there */
export function refuseNoFolder(path: string): void {
  if (lookAtGiven(path)?.isDirectory() !== false) return;
  throw new PkiError('bad-input', `${path} is not a folder`, {
    hint: 'name a folder, or one that is to be made',
  });
}

/**
 * @param use what it was named for: a flag
 * @throws PkiError `not-found`, `bad-input` unless a folder is there
 */
export function requireFolder(path: string, use: string, hint: string): void {
  const there = lookAtGiven(path);
  if (!there) throw new PkiError('not-found', `there is no folder ${path} for ${use}`, { hint });
  if (!there.isDirectory()) {
    throw new PkiError('bad-input', `${path}, named for ${use}, is not a folder`, { hint });
  }
}

/**
 * A file that is to be written, or replaced: a run that has signed, asked or switched must not find out that it cannot be.
 * @throws PkiError `not-found`, `bad-input`
 */
export function checkDestination(
  file: string,
  use: string,
  hint = 'make the folder first, or name a file in another one',
): void {
  requireFolder(dirname(file), use, hint);
  refuseOurs(file, use);
  if (lookAtGiven(file)?.isFile() !== false) return;
  throw new PkiError('bad-input', `${use} ${file} is not a regular file`, {
    hint: 'name a file that is to be written or replaced',
  });
}

/**
 * What certwright lives by, in whatever store or CA it is and whatever links lead there, is no place for anything else: it could
 * be the key of a CA. Told by the link that such a folder turns on; beside a CA's `ca.json` there is room for its CSR.
 * @throws PkiError `bad-input`
 */
export function refuseOurs(path: string, use: string): void {
  const place = placeOf(path);
  for (
    let folder = dirname(place), below = place;
    folder !== below;
    below = folder, folder = dirname(folder)
  ) {
    const isCertificates = /^versions\/\d{6,15}$/.test(targetOf(join(folder, 'current')));
    const isCa = /^issuers\//.test(targetOf(join(folder, 'active')));
    if (!isCertificates && (!isCa || (below === place && place !== join(folder, 'ca.json')))) continue;
    const what = isCertificates ? 'what the store keeps' : 'a CA';
    throw new PkiError('bad-input', `${use} ${path} lies in ${folder}, the folder of ${what}`, {
      hint: 'name a place that nothing else is kept at',
    });
  }
}

/** Empty where no link is. */
function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
