import { closeSync, constants, fchmodSync, fchownSync, fstatSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ioError, isThere, orIoError } from '../durable.ts';
import { foreignCode } from '../errors.ts';
import type { Access } from './generation.ts';

/** One file of a generation that others could do more with than they should, or their owner less. */
export interface Mended {
  file: string;
  /** Octal modes, and numbers of users and groups. */
  was: FileAccess;
  now: FileAccess;
  /** Whether it holds a private key that others could read or write. */
  exposed: boolean;
}

interface FileAccess {
  mode: string;
  uid: number;
  gid: number;
}

export interface AccessCheck {
  mended: Mended[];
  /** Names in the folder that are no plain files: links, which may lead anywhere. */
  strange: string[];
}

/** Whether a file of a generation holds a private key. */
export const isSecret = (name: string): boolean => /^(key\.pem|key\.der|pair\.pem)$/.test(name);

/**
 * Checks owner, group and mode of every file of a generation, and mends them through an open descriptor, so that a link
 * that somebody plants meanwhile is never followed.
 * @param mend `false` only looks.
 * @throws PkiError `io` where the system does not let us.
 */
export function checkAccess(folder: string, access: Access, mend: boolean): AccessCheck {
  const check: AccessCheck = { mended: [], strange: [] };
  if (!isThere(folder)) return check;
  const names = orIoError('read', folder, () => readdirSync(folder));
  for (const name of names.filter((one) => !one.startsWith('.')).sort()) {
    const found = checkFile(join(folder, name), name, access, mend);
    if (found === 'strange') check.strange.push(name);
    else if (found) check.mended.push(found);
  }
  return check;
}

function checkFile(
  path: string,
  name: string,
  access: Access,
  mend: boolean,
): Mended | 'strange' | undefined {
  let file: number;
  try {
    // Without O_NONBLOCK a pipe in the place of a file would hold us for ever.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (foreignCode(error) === 'ELOOP') return 'strange';
    throw ioError(error, 'open', path);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) return 'strange';
    const secret = isSecret(name);
    const { uid, gid } = access.ownership;
    const wanted = {
      mode: secret ? access.keyMode : 0o644,
      uid: uid < 0 ? stat.uid : uid,
      gid: gid < 0 ? stat.gid : gid,
    };
    const mode = stat.mode & 0o7777;
    if (mode === wanted.mode && stat.uid === wanted.uid && stat.gid === wanted.gid) return undefined;
    if (mend) {
      orIoError('mend the owner and mode of', path, () => {
        // Narrowed first: whoever gets the file gets it as it should be.
        fchmodSync(file, mode & wanted.mode);
        fchownSync(file, wanted.uid, wanted.gid);
        fchmodSync(file, wanted.mode);
      });
    }
    const exposed = secret && (mode & ~wanted.mode & 0o077) !== 0;
    const now = { ...wanted, mode: octal(wanted.mode) };
    return { file: path, was: { mode: octal(mode), uid: stat.uid, gid: stat.gid }, now, exposed };
  } finally {
    closeSync(file);
  }
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');
