import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join, parse, resolve, sep } from 'node:path';
import { ioError } from '../durable.ts';
import { PkiError } from '../errors.ts';

/** As many as Linux follows. */
const mostLinks = 40;

/**
 * Refuses a file that decides what is run, where another user could write it: the file itself, a folder on the way to
 * it, or a link on that way. Only root and we may; in a folder with the sticky bit nobody replaces what is not theirs.
 * @param what it is, and `verb` what it is not, for the message.
 * @throws PkiError `lax-permissions`
 */
export function refuseWritable(file: string, what: string, uid: number, verb = 'run'): void {
  if (uid < 0) return;
  let links = 0;
  const { root } = parse(resolve(file));
  let parts = resolve(file).slice(root.length).split(sep).filter(Boolean);
  let at = root;
  judge(at, lstat(at), file, { what, uid, verb });
  while (parts.length > 0) {
    const [next = '', ...rest] = parts;
    const path = join(at, next);
    const stat = lstat(path);
    judge(path, stat, file, { what, uid, verb });
    if (stat.isSymbolicLink()) {
      if (++links > mostLinks) {
        throw new PkiError('malformed', `${file}: too many symbolic links`, { hint: 'name the file itself' });
      }
      const target = resolve(dirname(path), readlinkSync(path));
      parts = [...target.slice(root.length).split(sep).filter(Boolean), ...rest];
      at = root;
    } else {
      parts = rest;
      at = path;
    }
  }
}

function lstat(path: string): Stats {
  try {
    return lstatSync(path);
  } catch (error) {
    throw ioError(error, 'look at', path);
  }
}

function judge(
  path: string,
  stat: Stats,
  file: string,
  asked: { what: string; uid: number; verb: string },
): void {
  const { what, uid, verb } = asked;
  const theirs = stat.uid !== 0 && stat.uid !== uid;
  // A link's own bits mean nothing: whoever owns it, or its folder, decides where it leads.
  const open = !stat.isSymbolicLink() && (stat.mode & 0o022) !== 0;
  const sticky = stat.isDirectory() && (stat.mode & 0o1000) !== 0;
  if (!theirs && (!open || sticky)) return;
  const whose = path === resolve(file) ? '' : ` (${path})`;
  const why = theirs ? `belongs to user ${stat.uid}` : 'may be written by others';
  throw new PkiError(
    'lax-permissions',
    `${what} ${file} is not ${verb}: it${whose ? `s way${whose}` : ''} ${why}`,
    {
      hint: theirs
        ? `it must belong to root, or to who runs certwright: chown ${uid} ${path}`
        : `chmod go-w ${path}`,
    },
  );
}
