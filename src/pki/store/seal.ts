import { hash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  utimesSync,
  type Stats,
} from 'node:fs';
import type { Access, GenerationFile } from './generation.ts';
import { isSecret } from './mend-access.ts';

/*
 * A generation is sealed by a digest of its files, which its version.json holds. As long as they answer it, they are
 * what they were when key, certificate and chain were found to belong together, and OpenSSL, which takes a millisecond
 * or two for each key, need not be asked again.
 */

/** Not sealed itself: it holds the seal. */
export const sealedBy = 'version.json';

/** How it ends. */
const sealText = (seal: string): string => `"seal": "${seal}"\n}\n`;

/** No generation is near it. */
const most = 262_144;
/** For names and lengths. */
const room = 4096;
const scratch = Buffer.allocUnsafeSlow(most);

/** Above the certificate: the same for thousands of them, so that it is hashed once. */
const above = ['ca.pem', 'chain.pem'] as const;
/** cert.pem and chain.pem once more. */
const both = 'fullchain.pem';
const isOwn = (name: string): boolean =>
  !above.includes(name as 'ca.pem') && name !== both && name !== sealedBy && !name.startsWith('.');

/**
 * Hex digest of the bytes of a certificate's own files in the order of their names, of a line for each of them, and of
 * one for each of those above it.
 */
export function sealOf(files: readonly Pick<GenerationFile, 'name' | 'data'>[]): string {
  const bytes = new Map(files.map(({ name, data }) => [name, Buffer.from(data)]));
  const own = [...bytes.keys()].filter(isOwn).sort();
  const bytesOf = (name: string): Buffer => bytes.get(name) ?? Buffer.alloc(0);
  const lines = [
    ...own.map((name) => lineOf(name, bytesOf(name).length)),
    ...above.map((name) => lineOf(name, hash('sha256', bytesOf(name)))),
  ];
  return hash('sha256', Buffer.concat([...own.map(bytesOf), Buffer.from(lines.join(''))]));
}

const lineOf = (name: string, what: number | string): string => `${name} ${what}\n`;

/** Text of the files in which a judgement is interested. */
export interface Sealed {
  cert: string;
  chain: string;
  ca: string;
}

/**
 * Reads a generation in one go: a sweep reads thousands.
 * @returns `undefined` where anything is not as it was left: links, owners, modes, bytes. It says nothing about why.
 */
export function readSealed(folder: string, access: Access): Sealed | undefined {
  return quietly(() => readUnlisted(folder, access)) ?? quietly(() => readListed(folder, access));
}

function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // Whatever it is, the judgement that follows words it.
    return undefined;
  }
}

/** The files of a certificate's own that were listed last. */
let ownNames: readonly string[] | undefined;

function readListed(folder: string, access: Access): Sealed | undefined {
  ownNames = readdirSync(folder).filter(isOwn).sort();
  return readAll(folder, access, ownNames, undefined);
}

/**
 * A list of names takes as long as four of the files, and nearly always it is that of the certificate before. The seal says
 * whether it was this generation's too when it was made, and the folder's time whether anything was added or taken since.
 */
function readUnlisted(folder: string, access: Access): Sealed | undefined {
  return ownNames && readAll(folder, access, ownNames, statSync(folder).mtimeMs);
}

/** What a folder's time is set to: that of its version.json, in whole seconds, which no change of the folder has by itself. */
const stampOf = (version: string): number =>
  Math.floor(Date.parse(/"created": "([^"]{1,40})"/.exec(version)?.[1] ?? '') / 1000) * 1000;

/** Marks a folder whose files are all there, by its time. Whoever adds, takes or renames one of them changes that. */
export function stampFolder(folder: string, files: readonly Pick<GenerationFile, 'name' | 'data'>[]): void {
  const version = files.find(({ name }) => name === sealedBy)?.data ?? '';
  const stamp = stampOf(Buffer.from(version).toString('latin1'));
  try {
    utimesSync(folder, stamp / 1000, stamp / 1000);
  } catch {
    // A file system without times, or no time at all: then its files are listed.
  }
}

function readAll(
  folder: string,
  access: Access,
  own: readonly string[],
  /** When the folder has changed last, where it is to say that its names are these. */
  changed: number | undefined,
): Sealed | undefined {
  const read = (name: string, at: number): number => at + readPlain(`${folder}/${name}`, name, access, at);
  const ca = issuersIn('ca.pem', 0, read('ca.pem', 0));
  const chainEnd = read('chain.pem', 0);
  const chain = issuersIn('chain.pem', 0, chainEnd);
  const bothEnd = read(both, chainEnd);
  let end = bothEnd;
  let lines = '';
  let cert = '';
  for (const name of own) {
    const begin = end;
    end = read(name, begin);
    lines += lineOf(name, end - begin);
    if (name !== 'cert.pem') continue;
    cert = scratch.toString('latin1', begin, end);
    const middle = chainEnd + end - begin;
    // cert.pem, and then chain.pem.
    if (scratch.compare(scratch, chainEnd, middle, begin, end) !== 0) return undefined;
    if (scratch.compare(scratch, middle, bothEnd, 0, chainEnd) !== 0) return undefined;
  }
  end += scratch.write(`${lines}${lineOf('ca.pem', ca.digest)}${lineOf('chain.pem', chain.digest)}`, end);
  const seal = sealText(hash('sha256', scratch.subarray(bothEnd, end)));
  const version = scratch.toString('latin1', 0, read(sealedBy, 0));
  if (cert === '' || !version.endsWith(seal)) return undefined;
  if (changed !== undefined && changed !== stampOf(version)) return undefined;
  return { cert, chain: chain.text, ca: ca.text };
}

interface Issuers {
  bytes: Buffer;
  text: string;
  digest: string;
}

const last = new Map<string, Issuers>();

/** What stands above a certificate; nearly always the same as of the one before. */
function issuersIn(name: (typeof above)[number], begin: number, end: number): Issuers {
  const known = last.get(name);
  if (known?.bytes.length === end - begin && scratch.compare(known.bytes, 0, end - begin, begin, end) === 0)
    return known;
  const bytes = Buffer.from(scratch.subarray(begin, end));
  const issuers = { bytes, text: bytes.toString('latin1'), digest: hash('sha256', bytes) };
  last.set(name, issuers);
  return issuers;
}

/**
 * Reads a plain file with the right owner and mode to a place in the scratch buffer, and tells its size.
 * @throws where it is none
 */
function readPlain(path: string, name: string, access: Access, at: number): number {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(file);
    const isPlain = stat.isFile() && at + stat.size <= most - room && isAccessible(stat, name, access);
    if (isPlain && readSync(file, scratch, at, stat.size, null) === stat.size) return stat.size;
  } finally {
    closeSync(file);
  }
  throw new Error(`${path} is not as it was left`);
}

function isAccessible(stat: Stats, name: string, { keyMode, ownership: { uid, gid } }: Access): boolean {
  return (
    (stat.mode & 0o7777) === (isSecret(name) ? keyMode : 0o644) &&
    (uid < 0 || stat.uid === uid) &&
    (gid < 0 || stat.gid === gid)
  );
}
