import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { foreignCode, PkiError } from '../../errors.ts';
import { ioError } from '../../durable.ts';
import { blockSize, paddingOf, readTarHeader, type TarEntry } from './tar.ts';

/** No file of a CA is larger than a CRL of some million entries. */
const largest = 512 * 1024 * 1024;

/**
 * Reads an archive from front to back. A content never claims more room than the file itself has.
 * @throws PkiError `not-found`, `malformed`, `unsupported`
 */
export function readArchive(file: string, take: (entry: TarEntry, content: Buffer) => void): void {
  const descriptor = open(file);
  try {
    const status = fstatSync(descriptor);
    if (!status.isFile()) {
      throw new PkiError('bad-input', `${file} is not a regular file`, {
        hint: 'name an archive of "ca backup"',
      });
    }
    let left = status.size;
    const next = (length: number): Buffer => {
      if (length > left) throw cutShort(file);
      left -= length;
      return readExactly(descriptor, length, file);
    };
    for (;;) {
      const entry = readTarHeader(next(blockSize), file);
      if (!entry) return;
      const size = entry.kind === 'file' ? entry.size : 0;
      if (size > largest) {
        throw new PkiError('unsupported', `${JSON.stringify(entry.path)} in ${file} has ${size} bytes`, {
          hint: 'no file of a CA is so large; nothing was restored',
        });
      }
      const content = next(size);
      next(paddingOf(size));
      take(entry, content);
    }
  } finally {
    closeSync(descriptor);
  }
}

const cutShort = (file: string): PkiError =>
  new PkiError('malformed', `${file} is cut short`, { hint: 'nothing was restored; take another backup' });

function open(file: string): number {
  try {
    return openSync(file, 'r');
  } catch (error) {
    const code = foreignCode(error) === 'ENOENT' ? 'not-found' : 'unreadable';
    throw new PkiError(code, ioError(error, 'read', file).message, { cause: error });
  }
}

function readExactly(descriptor: number, length: number, file: string): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length;) {
    const count = readSync(descriptor, bytes, at, length - at, null);
    if (count === 0) throw cutShort(file);
    at += count;
  }
  return bytes;
}
