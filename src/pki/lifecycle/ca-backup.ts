import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readCaJson } from '../authorities/local/ca-json.ts';
import { activeLink, issuersFolder } from '../authorities/local/layout.ts';
import { isThere, readIfThere } from '../durable.ts';
import { replaceInParts } from '../replace-in-parts.ts';
import { PkiError } from '../errors.ts';
import { checkDestination } from '../given-path.ts';
import { sweepDrafts } from '../sweep.ts';
import { paddingOf, tarEnd, tarHeader, type TarEntry } from './archive/tar.ts';

/** What every path in an archive begins with: `tar xf` makes a folder of it. */
export const archiveTop = 'ca';
/** Last in the archive, over all that came before: an archive without it is not whole. */
export const sumsFile = `${archiveTop}/SHA256SUMS`;

export interface Backup {
  file: string;
  bytes: number;
  issued: number;
  /** Events, not certificates. */
  revoked: number;
  keys: { issuer: string; state: 'plain' | 'encrypted' | 'elsewhere' }[];
}

/**
 * Writes a CA into one archive. Others may issue and revoke meanwhile: each fact is a file that is never rewritten, and what is
 * written last is read first (the CRL, then revocations, then what was issued), so that nothing is in it without what it
 * stands on.
 * @param force over a file that is there
 * @throws PkiError `not-found`, `exists`; `unsupported` where something in it is a link
 */
export function backUpCa(folder: string, file: string, force: boolean, now: Date): Backup {
  readCaJson(folder);
  refusePlace(folder, file, force);
  const backup: Backup = { file, bytes: 0, issued: 0, revoked: 0, keys: [] };
  sweepDrafts(dirname(file), basename(file));
  replaceInParts(file, 0o600, (write) => {
    new Packer(folder, now, write, backup).pack();
  });
  backup.bytes = lstatSync(file).size;
  return backup;
}

function refusePlace(folder: string, file: string, force: boolean): void {
  checkDestination(file, 'the backup');
  if (isThere(file) && !force) {
    throw new PkiError('exists', `${file} is there already`, { hint: 'name another file, or add --force' });
  }
  const place = `${realpathSync(dirname(file))}/`;
  if (!place.startsWith(`${realpathSync(folder)}/`)) return;
  throw new PkiError('bad-input', `${file} lies within the CA itself`, {
    hint: 'a backup belongs on another disk; name a file there',
  });
}

class Packer {
  readonly #folder: string;
  readonly #time: number;
  readonly #write: (bytes: Uint8Array) => void;
  readonly #backup: Backup;
  readonly #sums: string[] = [];

  constructor(folder: string, now: Date, write: (bytes: Uint8Array) => void, backup: Backup) {
    this.#folder = folder;
    this.#time = Math.floor(now.getTime() / 1000);
    this.#write = write;
    this.#backup = backup;
  }

  pack(): void {
    this.#entry({ kind: 'folder', path: archiveTop, mode: 0o700 });
    this.#file('ca.json');
    this.#link('active');
    if (isThere(join(this.#folder, 'pending'))) this.#tree('pending');
    this.#entry({ kind: 'folder', path: `${archiveTop}/issuers`, mode: 0o700 });
    for (const id of visible(issuersFolder(this.#folder))) this.#issuer(id);
    const sums = Buffer.from(this.#sums.join(''));
    this.#content({ kind: 'file', path: sumsFile, mode: 0o600, size: sums.length }, sums);
    this.#write(tarEnd);
  }

  #issuer(id: string): void {
    const top = `issuers/${id}`;
    this.#entry({ kind: 'folder', path: `${archiveTop}/${top}`, mode: 0o700 });
    this.#crl(`${top}/crl`);
    const first = ['revoked', 'issued'];
    const rest = visible(join(this.#folder, top)).filter((name) => name !== 'crl' && !first.includes(name));
    for (const name of [...first.filter((one) => isThere(join(this.#folder, top, one))), ...rest]) {
      this.#tree(`${top}/${name}`);
    }
    const key = readIfThere(join(this.#folder, top, 'key.pem'));
    const state = key ? (key.includes('ENCRYPTED') ? 'encrypted' : 'plain') : 'elsewhere';
    this.#backup.keys.push({ issuer: id, state });
  }

  /** The current one alone. A run that signs the next one may remove it: then that one is taken. */
  #crl(path: string): void {
    const current = join(this.#folder, path, 'current');
    if (isThere(join(this.#folder, path, 'least'))) this.#file(`${path}/least`);
    if (!isThere(current)) return;
    for (let attempt = 1; ; attempt++) {
      const number = readlinkSync(current);
      const names = visible(join(this.#folder, path, number)).filter((name) => name !== 'link');
      const files = names.flatMap((name) => {
        const bytes = readIfThere(join(this.#folder, path, number, name));
        return bytes ? [{ name, bytes }] : [];
      });
      if (files.length < names.length || names.length === 0) {
        if (attempt < 100) continue;
        throw new PkiError('busy', `${current} changes faster than it can be read`, { hint: 'try again' });
      }
      for (const under of [path, `${path}/${number}`]) {
        this.#entry({ kind: 'folder', path: `${archiveTop}/${under}`, mode: 0o700 });
      }
      for (const { name, bytes } of files) {
        const mode = name.endsWith('.json') ? 0o600 : 0o644;
        const entry = { kind: 'file', path: `${archiveTop}/${path}/${number}/${name}`, mode } as const;
        this.#content({ ...entry, size: bytes.length }, bytes);
      }
      this.#entry({ kind: 'link', path: `${archiveTop}/${path}/current`, target: number });
      return;
    }
  }

  /** Whatever is there but for drafts; what vanishes meanwhile was moved to where it is read later. */
  #tree(path: string): void {
    const status = lstatSync(join(this.#folder, path), { throwIfNoEntry: false });
    if (!status) return;
    if (status.isFile()) this.#file(path);
    // To leave out what lies elsewhere, such as records that were moved to another disk, would be found out at the restore.
    else if (!status.isDirectory()) {
      throw new PkiError('unsupported', `${join(this.#folder, path)} is neither a file nor a folder`, {
        hint: 'a backup holds files and folders alone: put what a link leads to in its place',
      });
    }
    if (!status.isDirectory()) return;
    this.#entry({ kind: 'folder', path: `${archiveTop}/${path}`, mode: 0o700 });
    const names = visible(join(this.#folder, path));
    const isFolder = (name: string): boolean =>
      lstatSync(join(this.#folder, path, name), { throwIfNoEntry: false })?.isDirectory() === true;
    // Folders last: facts of revocation move into one below.
    const folders = new Set(names.filter(isFolder));
    for (const name of [...names.filter((one) => !folders.has(one)), ...folders])
      this.#tree(`${path}/${name}`);
  }

  #file(path: string): void {
    const bytes = readIfThere(join(this.#folder, path));
    if (!bytes) return;
    if (/^issuers\/[^/]+\/issued\//.test(path)) this.#backup.issued += 1;
    if (/^issuers\/[^/]+\/revoked\//.test(path)) this.#backup.revoked += 1;
    const mode = /(^|\/)key\.pem$|\.json$/.test(path) ? 0o600 : 0o644;
    this.#content({ kind: 'file', path: `${archiveTop}/${path}`, mode, size: bytes.length }, bytes);
  }

  #link(path: string): void {
    if (!isThere(activeLink(this.#folder))) return;
    const target = readlinkSync(join(this.#folder, path));
    this.#entry({ kind: 'link', path: `${archiveTop}/${path}`, target: join('issuers', basename(target)) });
  }

  #content(entry: TarEntry & { kind: 'file' }, bytes: Buffer): void {
    this.#entry(entry);
    this.#write(bytes);
    this.#write(Buffer.alloc(paddingOf(bytes.length)));
    this.#sums.push(sumLine(bytes, entry.path));
  }

  #entry(entry: TarEntry): void {
    this.#write(tarHeader(entry, this.#time));
  }
}

/** As sha256sum(1) writes and checks it. */
export const sumLine = (bytes: Buffer, path: string): string =>
  `${createHash('sha256').update(bytes).digest('hex')}  ${path.slice(archiveTop.length + 1)}\n`;

const visible = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort();
