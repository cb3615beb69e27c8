import { createHash, pbkdf2Sync, scryptSync } from 'node:crypto';
import { PkiError } from '../errors.ts';
import type { DerReader } from './der-reader.ts';
import { objectIdentifier, octetString, readSequence, smallInteger, tag } from './der-reader.ts';
import type { StretchingBudget } from './stretching-budget.ts';

/*
 * From a passphrase to a key. How much work that is stands in the file, which may be hostile:
 * it is bounded before it is begun.
 */

/** A passphrase in both of its encodings. */
export interface Passphrase {
  utf8: Buffer;
  /** Big-endian UTF-16 with the two NULs at its end (RFC 7292 B.1), or with nothing at all. */
  bmp: Buffer;
}

export function passphraseOf(utf8: Buffer): Passphrase {
  return { utf8, bmp: Buffer.from(`${utf8.toString('utf8')}\0`, 'utf16le').swap16() };
}

/** "No passphrase" is written in two ways. */
export const emptyPassphrases: readonly Passphrase[] = [
  passphraseOf(Buffer.alloc(0)),
  { utf8: Buffer.alloc(0), bmp: Buffer.alloc(0) },
];

export type Hash = 'md5' | 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

const hmacs: Readonly<Record<string, Hash>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};

export function hmacHash(id: string): Hash {
  const hash = hmacs[id];
  if (hash === undefined) throw new PkiError('unsupported', `the HMAC algorithm ${id} is not known`);
  return hash;
}

const wide: ReadonlySet<Hash> = new Set(['sha384', 'sha512']);
const pbkdf2Id = '1.2.840.113549.1.5.12';
const scryptId = '1.3.6.1.4.1.11591.4.11';

/**
 * Runs the KeyDerivationFunc of PBES2 and PBMAC1 (RFC 8018 5.2, RFC 7914 7).
 * @param length octets wanted; one that the parameters name wins over it.
 */
export function stretch(
  kdf: { id: string; parameters: Buffer | undefined },
  length: number,
  { utf8 }: Passphrase,
  budget: StretchingBudget,
): Buffer {
  const reader = readSequence(kdf.parameters ?? Buffer.alloc(0), 'the parameters of a key derivation');
  if (kdf.id === pbkdf2Id) return runPbkdf2(reader, length, utf8, budget);
  if (kdf.id === scryptId) return runScrypt(reader, length, utf8, budget);
  throw new PkiError('unsupported', `the key derivation ${kdf.id} is not known`);
}

function runPbkdf2(reader: DerReader, length: number, utf8: Buffer, budget: StretchingBudget): Buffer {
  const salt = octetString(reader, 'the salt');
  const rounds = smallInteger(reader.expect(tag.integer, 'iterationCount'), 'iterationCount');
  const keyLength = reader.optional(tag.integer, 'keyLength');
  const prf = reader.optional(tag.sequence, 'prf');
  reader.finish('the parameters of PBKDF2');
  const hash = prf ? hmacHash(objectIdentifier(prf.reader().expect(tag.oid, 'prf'), 'prf')) : 'sha1';
  const octets = keyLength ? smallInteger(keyLength, 'keyLength') : length;
  const blocks = Math.ceil(octets / 20);
  budget.spend(rounds * (wide.has(hash) ? 2 : 1) * Math.max(1, blocks >> 1), `PBKDF2 with ${rounds} rounds`);
  return pbkdf2Sync(utf8, salt, Math.max(1, rounds), octets, hash);
}

function runScrypt(reader: DerReader, length: number, utf8: Buffer, budget: StretchingBudget): Buffer {
  const salt = octetString(reader, 'the salt');
  const [N, r, p] = (['costParameter', 'blockSize', 'parallelizationParameter'] as const).map((what) =>
    smallInteger(reader.expect(tag.integer, what), what),
  ) as [number, number, number];
  const what = `scrypt with N=${N}, r=${r}, p=${p}`;
  const memory = 128 * N * r;
  budget.spend(memory > 2 ** 27 ? Number.POSITIVE_INFINITY : 2 * N * r * p, what);
  try {
    return scryptSync(utf8, salt, length, { N, r, p, maxmem: 2 * memory + 2 ** 20 });
  } catch (cause) {
    throw new PkiError('malformed', `${what} is impossible`, { cause });
  }
}

/** Number of octets that a hash takes in at once. */
const blockOf = (hash: Hash): number => (wide.has(hash) ? 128 : 64);

/** The derivation of PKCS#12 (RFC 7292 B.2); `purpose` is 1 for a key, 2 for an IV, 3 for a MAC. */
export function stretchPkcs12(
  hash: Hash,
  purpose: 1 | 2 | 3,
  { salt, rounds, length }: { salt: Buffer; rounds: number; length: number },
  { bmp }: Passphrase,
  budget: StretchingBudget,
): Buffer {
  const size = createHash(hash).digest().length;
  const blocks = Math.ceil(length / size);
  budget.spend(rounds * 6 * blocks, `the key derivation of PKCS#12 with ${rounds} rounds`);
  const v = blockOf(hash);
  const filled = Buffer.concat([fill(salt, v), fill(bmp, v)]);
  const diversifier = Buffer.alloc(v, purpose);
  const out: Buffer[] = [];
  for (let block = 0; block < blocks; block += 1) {
    let digest = createHash(hash).update(diversifier).update(filled).digest();
    for (let round = 1; round < rounds; round += 1) digest = createHash(hash).update(digest).digest();
    out.push(digest);
    addToEach(filled, fill(digest, v).subarray(0, v), v);
  }
  return Buffer.concat(out).subarray(0, length);
}

/** Repeats `bytes` up to the next multiple of `size`. */
function fill(bytes: Buffer, size: number): Buffer {
  if (bytes.length === 0) return bytes;
  return Buffer.alloc(size * Math.ceil(bytes.length / size), bytes);
}

/** Adds `addend` + 1 to each block of `size` octets, modulo its size. */
function addToEach(blocks: Buffer, addend: Buffer, size: number): void {
  for (let start = 0; start < blocks.length; start += size) {
    let carry = 1;
    for (let at = size - 1; at >= 0; at -= 1) {
      const sum = (blocks[start + at] ?? 0) + (addend[at] ?? 0) + carry;
      blocks[start + at] = sum & 0xff;
      carry = sum >> 8;
    }
  }
}

/** PBKDF1 (RFC 8018 5.1), of the oldest scheme. */
export function stretchPbkdf1(
  hash: Hash,
  { salt, rounds, length }: { salt: Buffer; rounds: number; length: number },
  { utf8 }: Passphrase,
  budget: StretchingBudget,
): Buffer {
  budget.spend(rounds * 6, `PBKDF1 with ${rounds} rounds`);
  let digest = createHash(hash).update(utf8).update(salt).digest();
  for (let round = 1; round < rounds; round += 1) digest = createHash(hash).update(digest).digest();
  return digest.subarray(0, length);
}
