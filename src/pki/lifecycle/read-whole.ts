import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { PkiError } from '../errors.ts';
import { lookAtGiven, orUnreadable, unreadable } from '../given-path.ts';

/** Room for the largest CRLs there are. */
const mostBytes = 256 * 1024 * 1024;

/**
 * A whole file, or what comes through a pipe.
 * @throws PkiError `not-found`, `unreadable`, `unsupported` where it is too large
 */
export function readWhole(path: string): Buffer {
  const descriptor = open(path);
  try {
    return readAll(descriptor, path);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * A regular file whose first bytes pass `wanted`; `undefined` for anything else, a pipe or a device above all.
 * @throws PkiError `unreadable`
 */
export function readIfWanted(path: string, wanted: (head: Buffer) => boolean): Buffer | undefined {
  // Opening a pipe would wait for its other end.
  if (lookAtGiven(path)?.isFile() !== true) return undefined;
  const descriptor = open(path);
  try {
    const head = Buffer.alloc(Math.min(65_536, fstatSync(descriptor).size));
    const count = readSync(descriptor, head, 0, head.length, 0);
    return wanted(head.subarray(0, count)) ? readAll(descriptor, path) : undefined;
  } catch (error) {
    throw unreadable(error, 'read', path);
  } finally {
    closeSync(descriptor);
  }
}

const open = (path: string): number => orUnreadable('read', path, () => openSync(path, 'r'));

/** By its size where it has one, else to its end. */
function readAll(descriptor: number, path: string): Buffer {
  try {
    const { size } = fstatSync(descriptor);
    const chunks: Buffer[] = [];
    let total = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(total === 0 ? Math.min(size, mostBytes) + 1024 : 1_048_576);
      const count = readSync(descriptor, chunk, 0, chunk.length, null);
      if (count === 0) return chunks.length === 1 ? (chunks[0] ?? chunk) : Buffer.concat(chunks, total);
      chunks.push(chunk.subarray(0, count));
      total += count;
      refuseLarge(total, path);
    }
  } catch (error) {
    throw unreadable(error, 'read', path);
  }
}

export function refuseLarge(bytes: number, path: string): void {
  if (bytes > mostBytes) {
    throw new PkiError('unsupported', `${path} has more than ${mostBytes} bytes`, {
      hint: 'certificates, keys and even CRLs are smaller',
    });
  }
}
