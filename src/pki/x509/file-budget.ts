import { PkiError } from '../errors.ts';
import { askedFor, StretchingBudget, unasked } from './stretching-budget.ts';
import { Budget } from './budget.ts';

/*
 * What one file may cost. A hostile file of 10 MiB holds millions of empty names, thousands of keys or a modulus as large
 * as itself; every limit here is far beyond real files and keeps such a one below a second and 256 MiB.
 */

/** A certificate with ten thousand names has a quarter of a MiB. */
const largest = 2 * 1024 * 1024;
const mostElements = 500_000;

export class FileBudget {
  /** Elements of DER that become objects. */
  readonly elements = new Budget(mostElements);
  /** Public keys computed from private ones, in microseconds. */
  readonly keys = new Budget(400_000);
  /** Signatures checked, in microseconds. */
  readonly signatures = new Budget(signatureTime);
  /** For the empty passphrases, which nobody gave. */
  readonly unasked = new StretchingBudget(unasked);
  readonly asked = new StretchingBudget(askedFor);
}

/** Microseconds of signatures for one file, and once more for what belongs together. */
export const signatureTime = 200_000;
/** A folder is nobody's single file. */
export const folderSignatureTime = 3_000_000;

/** @throws PkiError `unsupported` before anything is decoded that no authority has ever made. */
export function refuseHuge(der: Buffer, what: string, { elements }: FileBudget): void {
  if (der.length > largest) {
    throw new PkiError('unsupported', `${what} of ${der.length} bytes is larger than any real one`, {
      hint: `at most ${largest} bytes are read`,
    });
  }
  spendElements(der, elements);
}

/** @throws PkiError `unsupported` */
export function spendElements(der: Buffer, elements: Budget): void {
  if (elements.spend(countElements(der))) return;
  throw new PkiError('unsupported', `the file holds more than ${mostElements} names and other parts`, {
    hint: 'no real certificate does; of several, put each in a file of its own',
  });
}

/** Elements at all levels, without recursion: what a constructed one holds follows its header. */
function countElements(der: Buffer): number {
  let count = 0;
  for (let at = 0; at + 1 < der.length; count += 1) {
    const first = der[at + 1] ?? 0;
    const octets = first > 0x80 && first <= 0x84 ? first & 0x7f : 0;
    const start = at + 2 + octets;
    if (start > der.length) break;
    const length = octets > 0 ? der.readUIntBE(at + 2, octets) : first & 0x7f;
    const constructed = ((der[at] ?? 0) & 0x20) !== 0;
    at = constructed ? start : start + length;
  }
  return count;
}
