import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, type Stats } from 'node:fs';
import type { Access, GenerationFile } from './generation.ts';
import { isSecret } from './mend-access.ts';

/*
 * A generation is sealed by a digest of its files, which its version.json holds. As long as they answer it, they are
 * what they were when key, certificate and chain were found to belong together, and OpenSSL, which takes a millisecond
 * or two for each key, need not be asked again.
 */

/** Not sealed itself: it holds the seal. */
export const sealedBy = 'version.json';

/** No generation is near it. */
const most = 262_144;
/** For names and lengths. */
const room = 4096;
const scratch = Buffer.allocUnsafeSlow(most);

/** Hex digest of the names, lengths and bytes of files. */
export function sealOf(files: readonly Pick<GenerationFile, 'name' | 'data'>[]): string {
  const sorted = files.filter(({ name }) => name !== sealedBy).sort((a, b) => (a.name < b.name ? -1 : 1));
  const bytes = sorted.map(({ data }) => Buffer.from(data));
  const frames = sorted.map(({ name }, index) => frameOf(name, bytes[index]?.length ?? 0));
  return hash('sha256', Buffer.concat([...bytes, Buffer.from(frames.join(''))]));
}

const frameOf = (name: string, size: number): string => `${name} ${size}\n`;

/** Text of the files in which a judgement is interested. */
export interface Sealed {
  fullchain: string;
  ca: string;
}

const wanted = ['fullchain.pem', 'ca.pem', sealedBy];

/**
 * Reads a generation in one go.
 * @returns `undefined` where anything is not as it was left: links, owners, modes, bytes. It says nothing about why.
 */
export function readSealed(folder: string, access: Access): Sealed | undefined {
  try {
    return readAll(folder, access);
  } catch {
    // Whatever it is, the judgement that follows words it.
    return undefined;
  }
}

function readAll(folder: string, access: Access): Sealed | undefined {
  let end = 0;
  let frames = '';
  const texts: Record<string, string> = {};
  for (const name of readdirSync(folder).sort()) {
    if (name.startsWith('.')) continue;
    const size = readPlain(`${folder}/${name}`, isSecret(name), access, end);
    if (size === undefined) return undefined;
    if (wanted.includes(name)) texts[name] = scratch.toString('latin1', end, end + size);
    if (name === sealedBy) continue;
    end += size;
    frames += frameOf(name, size);
  }
  const { seal } = JSON.parse(texts[sealedBy] ?? '{}') as { seal?: unknown };
  end += scratch.write(frames, end);
  if (seal !== hash('sha256', scratch.subarray(0, end))) return undefined;
  return { fullchain: texts['fullchain.pem'] ?? '', ca: texts['ca.pem'] ?? '' };
}

/** Reads a plain file with the right owner and mode to a place in the scratch buffer, and tells its size. */
function readPlain(path: string, secret: boolean, access: Access, at: number): number | undefined {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || !isAccessible(stat, secret, access) || at + stat.size > most - room)
      return undefined;
    return readSync(file, scratch, at, stat.size, null) === stat.size ? stat.size : undefined;
  } finally {
    closeSync(file);
  }
}

function isAccessible(stat: Stats, secret: boolean, { keyMode, ownership: { uid, gid } }: Access): boolean {
  return (
    (stat.mode & 0o7777) === (secret ? keyMode : 0o644) &&
    (uid < 0 || stat.uid === uid) &&
    (gid < 0 || stat.gid === gid)
  );
}
