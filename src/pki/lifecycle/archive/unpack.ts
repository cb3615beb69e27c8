import { createHash, type Hash } from 'node:crypto';
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PkiError } from '../../errors.ts';
import { isThere, orIoError, syncFolder, writeNew } from '../../durable.ts';
import { archiveTop, sumLine, sumsFile } from '../ca-backup.ts';
import { readArchive } from './reader.ts';
import type { TarEntry } from './tar.ts';

/** The only links that a CA has, and where they may point to. */
const links: readonly [path: RegExp, target: RegExp][] = [
  [/^active$/, /^issuers\/[0-9a-f]{16}$/],
  [/^issuers\/[0-9a-f]{16}\/crl\/current$/, /^[1-9]\d{0,15}$/],
];

/**
 * Writes what an archive holds into a new folder: whatever it says, nothing lands anywhere else, nothing replaces anything, and
 * no file is more open than those of a CA.
 * @param folder is not there.
 * @throws PkiError `malformed`, `unsupported`
 */
export function unpack(file: string, folder: string): void {
  const sums: Hash = createHash('sha256');
  const made = new Set<string>();
  const seen = { whole: false };
  orIoError('create', folder, () => {
    mkdirSync(folder, { mode: 0o700 });
  });
  readArchive(file, (entry, content) => {
    if (seen.whole) throw hostile(file, entry.path, 'comes after the checksums');
    if (entry.path === sumsFile) {
      seen.whole = true;
      const [said, actual] = [createHash('sha256').update(content).digest(), sums.digest()];
      if (!said.equals(actual)) {
        throw new PkiError('malformed', `${file} is damaged: its checksums do not agree with what it holds`, {
          hint: 'nothing was restored; take another backup',
        });
      }
      return;
    }
    const path = safePath(file, entry.path);
    if (entry.kind === 'file') sums.update(sumLine(content, entry.path));
    if (path !== '') place(entry, path, content, { file, folder, made });
  });
  if (!seen.whole) {
    throw new PkiError('malformed', `${file} is not whole: its checksums (${sumsFile}) are missing`, {
      hint: 'nothing was restored; take another backup',
    });
  }
  for (const path of made) syncFolder(join(folder, path));
  syncFolder(folder);
}

/** Relative to the CA. Only names that a CA has: no dots in front, no way upwards, nothing that a terminal obeys. */
function safePath(file: string, path: string): string {
  const [top, ...parts] = path.split('/');
  const good =
    top === archiveTop && parts.length <= 8 && parts.every((part) => /^\w[\w.~-]{0,199}$/.test(part));
  if (!good) throw hostile(file, path, `is no path within ${archiveTop}/`);
  return parts.join('/');
}

const hostile = (file: string, path: string, why: string): PkiError =>
  new PkiError('malformed', `${JSON.stringify(path)} in ${file} ${why}`, {
    hint: 'no backup of a CA holds that; nothing was restored',
  });

interface Unpacking {
  file: string;
  folder: string;
  /** Folders within it that were made here. */
  made: Set<string>;
}

function place(entry: TarEntry, path: string, content: Buffer, unpacking: Unpacking): void {
  const { file, folder } = unpacking;
  // A folder is one of ours, made here: no link of the archive is ever gone through.
  makeFolders(entry.kind === 'folder' ? path : dirname(path), unpacking);
  if (entry.kind === 'folder') return;
  if (isThere(join(folder, path))) throw hostile(file, entry.path, 'is there twice');
  if (entry.kind === 'file') {
    const mode = entry.mode & (isSecret(path) ? 0o600 : 0o644);
    writeNew(join(folder, path), { data: content, mode }, 'later');
    return;
  }
  const fits = links.some(([from, to]) => from.test(path) && to.test(entry.target));
  if (!fits) throw hostile(file, entry.path, `is a link to ${JSON.stringify(entry.target)}`);
  orIoError('create', join(folder, path), () => {
    symlinkSync(entry.target, join(folder, path));
  });
}

const isSecret = (path: string): boolean => /(^|\/)key\.pem$|\.json$/.test(path);

function makeFolders(path: string, unpacking: Unpacking): void {
  const { file, folder, made } = unpacking;
  if (path === '.' || made.has(path)) return;
  makeFolders(dirname(path), unpacking);
  if (isThere(join(folder, path))) throw hostile(file, path, 'is there twice');
  orIoError('create', join(folder, path), () => {
    mkdirSync(join(folder, path), { mode: 0o700 });
  });
  made.add(path);
}
