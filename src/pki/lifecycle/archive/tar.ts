import { PkiError } from '../../errors.ts';

/*
 * ustar (POSIX.1-1988), as every tar reads it: a header of 512 bytes an entry, then its content, padded to 512.
 */

export const blockSize = 512;

export type TarEntry =
  | { kind: 'file'; path: string; mode: number; size: number }
  | { kind: 'folder'; path: string; mode: number }
  | { kind: 'link'; path: string; target: string };

/** The end of an archive: two empty blocks. */
export const tarEnd = Buffer.alloc(2 * blockSize);

export const paddingOf = (size: number): number => (blockSize - (size % blockSize)) % blockSize;

const types = { file: '0', link: '2', folder: '5' } as const;

/** @param time seconds since 1970 */
export function tarHeader(entry: TarEntry, time: number): Buffer {
  const header = Buffer.alloc(blockSize);
  const [prefix, name] = split(entry.path);
  const octal = (value: number, at: number, length: number): void => {
    header.write(value.toString(8).padStart(length - 1, '0'), at, 'ascii');
  };
  header.write(name, 0, 'ascii');
  octal(entry.kind === 'link' ? 0o777 : entry.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(entry.kind === 'file' ? entry.size : 0, 124, 12);
  octal(time, 136, 12);
  header.write(types[entry.kind], 156, 'ascii');
  if (entry.kind === 'link') header.write(entry.target, 157, 100, 'ascii');
  header.write('ustar\u000000', 257, 'ascii');
  header.write(prefix, 345, 'ascii');
  header.write(checksum(header).toString(8).padStart(6, '0') + '\u0000 ', 148, 'ascii');
  return header;
}

/** A name of at most 100 bytes, and what stands before it. */
function split(path: string): [prefix: string, name: string] {
  if (path.length <= 100) return ['', path];
  const slash = path.indexOf('/', path.length - 101);
  if (slash > 0 && slash <= 155) return [path.slice(0, slash), path.slice(slash + 1)];
  throw new PkiError('unsupported', `the name ${JSON.stringify(path)} is too long for an archive`, {
    hint: 'no file of a CA has such a name: move it elsewhere',
  });
}

/** The sum of all bytes, those of the checksum itself counted as spaces. */
function checksum(header: Buffer): number {
  let sum = 8 * 32;
  for (let at = 0; at < blockSize; at++) if (at < 148 || at >= 156) sum += header[at] ?? 0;
  return sum;
}

/**
 * @param archive its file, for messages
 * @returns `undefined` for an empty block, which ends an archive.
 * @throws PkiError `malformed`, `unsupported`: only files, folders and symbolic links are ever read
 */
export function readTarHeader(header: Buffer, archive: string): TarEntry | undefined {
  if (header.every((byte) => byte === 0)) return undefined;
  const malformed = (what: string): PkiError =>
    new PkiError('malformed', `${archive} ${what}`, {
      hint: 'it is damaged, or no tar archive (a compressed one: uncompress it first)',
    });
  const text = (at: number, length: number): string => {
    const field = header.subarray(at, at + length);
    const end = field.indexOf(0);
    return field.subarray(0, end === -1 ? length : end).toString('latin1');
  };
  const octal = (at: number, length: number, what: string): number => {
    const value = text(at, length).trim();
    if (!/^[0-7]{1,11}$/.test(value)) throw malformed(`has a ${what} that is no octal number`);
    return Number.parseInt(value, 8);
  };
  if (octal(148, 8, 'checksum') !== checksum(header)) throw malformed('has a header with a wrong checksum');
  if (text(257, 5) !== 'ustar') throw malformed('has a header that is not that of ustar');
  const prefix = text(345, 155);
  const path = (prefix === '' ? '' : `${prefix}/`) + text(0, 100).replace(/\/$/, '');
  const mode = octal(100, 8, 'mode') & 0o777;
  const size = octal(124, 12, 'size');
  const type = text(156, 1);
  switch (type) {
    case '0':
    case '':
      return { kind: 'file', path, mode, size };
    case '2':
      return { kind: 'link', path, target: text(157, 100) };
    case '5':
      return { kind: 'folder', path, mode };
    default:
      throw new PkiError(
        'unsupported',
        `${archive} holds ${JSON.stringify(path)} of type ${JSON.stringify(type)}`,
        {
          hint: 'a backup of a CA holds files, folders and two kinds of links; nothing was restored',
        },
      );
  }
}
