import { chmodSync, lstatSync, readdirSync, realpathSync, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ioError, isThere, orIoError } from '../../durable.ts';
import { crlFolder, issuedFolder, issuersFolder, revokedFolder } from '../../authorities/local/layout.ts';
import type { Examined } from './finding.ts';

/** Modes and owners of what a CA consists of; its records are in folders that only their owner may enter. */
export function examineAccess({ folder: named, findings }: Examined): void {
  // A link to the CA has neither a mode nor an owner that counts.
  const folder = orIoError('look at', named, () => realpathSync(named));
  const { uid, gid } = statusOf(folder);
  for (const path of [folder, ...foldersIn(folder), ...filesIn(folder), ...strangersIn(folder, uid)]) {
    const status = lstatSync(path, { throwIfNoEntry: false });
    if (!status || status.isSymbolicLink()) continue;
    const allowed = limitOf(path, folder, status);
    const mode = status.mode & 0o777;
    if ((mode & ~allowed) !== 0) {
      const more = basename(path) === 'key.pem' ? '; if others have read it, make a new CA' : '';
      findings.wrong(
        'mode',
        path,
        `mode ${octal(mode)}, at most ${octal(allowed)} is allowed`,
        `chmod ${octal(mode & allowed)} ${path}${more}`,
        () => {
          orIoError('change the mode of', path, () => {
            chmodSync(path, mode & allowed);
          });
        },
      );
    }
    if (status.uid !== uid) {
      findings.wrong(
        'owner',
        path,
        `belongs to user ${status.uid}, the CA to user ${uid}`,
        `chown -R ${uid}:${gid} ${folder}, and run certwright as that user`,
      );
    }
  }
  examineAbove(folder, findings);
}

/** Who may write to the folder above may put another CA in this one's place. */
function examineAbove(folder: string, findings: Examined['findings']): void {
  const above = dirname(folder);
  const { mode } = statusOf(above);
  if ((mode & 0o002) === 0 || (mode & 0o1000) !== 0) return;
  findings.wrong('mode', above, 'everybody may write here, and replace the CA', `chmod o-w ${above}`);
}

function limitOf(path: string, folder: string, status: Stats): number {
  if (path === folder) return 0o700;
  if (basename(path) === 'key.pem') return 0o600;
  return status.isDirectory() ? 0o755 : 0o644;
}

function foldersIn(folder: string): string[] {
  const issuers = issuersFolder(folder);
  const each = entriesOf(issuers).map((id) => join(issuers, id));
  const within = each.flatMap((issuer) => {
    const months = entriesOf(issuedFolder(issuer)).map((month) => join(issuedFolder(issuer), month));
    const crls = entriesOf(crlFolder(issuer)).filter((name) => /^\d+$/.test(name));
    const crlFolders = crls.map((number) => join(crlFolder(issuer), number));
    return [issuedFolder(issuer), ...months, revokedFolder(issuer), crlFolder(issuer), ...crlFolders];
  });
  return [issuers, ...each, ...within].filter(isThere);
}

/** A revocation that another user has written, of each issuer: there may be very many, and one says it. */
const strangersIn = (folder: string, uid: number): string[] =>
  entriesOf(issuersFolder(folder)).flatMap((id) => {
    const facts = revokedFolder(join(issuersFolder(folder), id));
    const ofAnother = entriesOf(facts)
      .map((name) => join(facts, name))
      .find((path) => (lstatSync(path, { throwIfNoEntry: false })?.uid ?? uid) !== uid);
    return ofAnother === undefined ? [] : [ofAnother];
  });

const filesIn = (folder: string): string[] =>
  entriesOf(issuersFolder(folder))
    .flatMap((id) => ['key.pem', 'cert.pem', 'chain.pem'].map((name) => join('issuers', id, name)))
    .concat('ca.json')
    .map((name) => join(folder, name))
    .filter(isThere);

/** Without what dead runs left; nothing where it is no folder that can be read. */
export function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch {
    // Whoever needs it says so.
    return [];
  }
}

function statusOf(path: string): Stats {
  try {
    return lstatSync(path);
  } catch (error) {
    throw ioError(error, 'look at', path);
  }
}

export const octal = (mode: number): string => mode.toString(8).padStart(4, '0');
