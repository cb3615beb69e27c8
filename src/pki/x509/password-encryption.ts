import { createDecipheriv, createHash } from 'node:crypto';
import { PkiError } from '../errors.ts';
import { readAlgorithm, type AlgorithmIdentifier } from './certificate.ts';
import { octetString, readSequence, smallInteger, tag, type DerReader } from './der-reader.ts';
import { stretch, stretchPbkdf1, stretchPkcs12, type Hash, type Passphrase } from './key-stretching.ts';
import { decryptRc2Cbc } from './rc2.ts';
import { rc4 } from './rc4.ts';
import type { StretchingBudget } from './stretching-budget.ts';

/** What was encrypted under a passphrase, and how (RFC 8018 6, RFC 7292 appendix C). */
export interface Encrypted {
  algorithm: AlgorithmIdentifier;
  octets: Buffer;
}

const wrongPassphrase = (cause?: unknown): PkiError =>
  new PkiError('passphrase', 'the passphrase does not open it', {
    hint: 'give the right one with --passphrase-file FILE',
    cause,
  });

/**
 * @throws PkiError `passphrase` where the padding shows that it is the wrong one (1 in 256 wrong ones passes),
 * `unsupported` for an unknown algorithm or too much work.
 */
export function decrypt(
  { algorithm, octets }: Encrypted,
  passphrase: Passphrase,
  budget: StretchingBudget,
): Buffer {
  const { id, parameters } = algorithm;
  const reader = (): DerReader => readSequence(parameters ?? Buffer.alloc(0), 'encryption parameters');
  if (id === pbes2Id) return decryptPbes2(reader(), octets, passphrase, budget);
  const legacy = pkcs12Schemes[id];
  if (legacy) return decryptPkcs12(legacy, saltAndRounds(reader()), octets, passphrase, budget);
  const oldest = pbes1Schemes[id];
  if (oldest) return decryptPbes1(oldest, saltAndRounds(reader()), octets, passphrase, budget);
  throw new PkiError('unsupported', `the encryption ${id} is not known`, {
    hint: 'encrypt it anew with PBES2: openssl pkcs8 -topk8, or openssl pkcs12 -export',
  });
}

const pbes2Id = '1.2.840.113549.1.5.13';

type Cipher =
  | { kind: 'openssl'; name: string; keyLength: number; ivLength: number }
  | { kind: 'des' }
  | { kind: 'rc2' }
  | { kind: 'rc4' };

const aes = (bits: number): Cipher => ({
  kind: 'openssl',
  name: `aes-${bits}-cbc`,
  keyLength: bits / 8,
  ivLength: 16,
});
const tripleDes: Cipher = { kind: 'openssl', name: 'des-ede3-cbc', keyLength: 24, ivLength: 8 };

/** Ciphers of PBES2 (RFC 8018 B.2, NIST). */
const ciphers: Readonly<Record<string, Cipher>> = {
  '2.16.840.1.101.3.4.1.2': aes(128),
  '2.16.840.1.101.3.4.1.22': aes(192),
  '2.16.840.1.101.3.4.1.42': aes(256),
  '1.2.840.113549.3.7': tripleDes,
  '1.3.14.3.2.7': { kind: 'des' },
};

function decryptPbes2(
  reader: DerReader,
  octets: Buffer,
  passphrase: Passphrase,
  budget: StretchingBudget,
): Buffer {
  const kdf = readAlgorithm(reader, 'keyDerivationFunc');
  const scheme = readAlgorithm(reader, 'encryptionScheme');
  reader.finish('PBES2 parameters');
  const cipher = ciphers[scheme.id];
  if (!cipher) throw new PkiError('unsupported', `the cipher ${scheme.id} is not known`);
  const iv = (scheme.parameters ?? Buffer.alloc(0)).subarray(2);
  const key = stretch(kdf, cipher.kind === 'openssl' ? cipher.keyLength : 8, passphrase, budget);
  return runCipher(cipher, key, iv, octets);
}

interface LegacyScheme {
  hash: Hash;
  cipher: Cipher;
  keyLength: number;
}

const sha1Scheme = (cipher: Cipher, keyLength: number): LegacyScheme => ({ hash: 'sha1', cipher, keyLength });

/** RFC 7292 appendix C. */
const pkcs12Schemes: Readonly<Record<string, LegacyScheme>> = {
  '1.2.840.113549.1.12.1.1': sha1Scheme({ kind: 'rc4' }, 16),
  '1.2.840.113549.1.12.1.2': sha1Scheme({ kind: 'rc4' }, 5),
  '1.2.840.113549.1.12.1.3': sha1Scheme(tripleDes, 24),
  '1.2.840.113549.1.12.1.4': sha1Scheme(tripleDes, 16),
  '1.2.840.113549.1.12.1.5': sha1Scheme({ kind: 'rc2' }, 16),
  '1.2.840.113549.1.12.1.6': sha1Scheme({ kind: 'rc2' }, 5),
};

/** RFC 8018 A.3. */
const pbes1Schemes: Readonly<Record<string, LegacyScheme>> = {
  '1.2.840.113549.1.5.3': { hash: 'md5', cipher: { kind: 'des' }, keyLength: 8 },
  '1.2.840.113549.1.5.6': { hash: 'md5', cipher: { kind: 'rc2' }, keyLength: 8 },
  '1.2.840.113549.1.5.10': sha1Scheme({ kind: 'des' }, 8),
  '1.2.840.113549.1.5.11': sha1Scheme({ kind: 'rc2' }, 8),
};

interface SaltAndRounds {
  salt: Buffer;
  rounds: number;
}

function saltAndRounds(reader: DerReader): SaltAndRounds {
  const salt = octetString(reader, 'the salt');
  const rounds = smallInteger(reader.expect(tag.integer, 'iterations'), 'iterations');
  reader.finish('encryption parameters');
  return { salt, rounds };
}

function decryptPkcs12(
  { hash, cipher, keyLength }: LegacyScheme,
  parameters: SaltAndRounds,
  octets: Buffer,
  passphrase: Passphrase,
  budget: StretchingBudget,
): Buffer {
  const key = stretchPkcs12(hash, 1, { ...parameters, length: keyLength }, passphrase, budget);
  const iv =
    cipher.kind === 'rc4' ? key : stretchPkcs12(hash, 2, { ...parameters, length: 8 }, passphrase, budget);
  // Two-key triple DES is triple DES whose third key is its first.
  const whole = cipher === tripleDes && keyLength === 16 ? Buffer.concat([key, key.subarray(0, 8)]) : key;
  return runCipher(cipher, whole, iv, octets);
}

function decryptPbes1(
  { hash, cipher }: LegacyScheme,
  parameters: SaltAndRounds,
  octets: Buffer,
  passphrase: Passphrase,
  budget: StretchingBudget,
): Buffer {
  const derived = stretchPbkdf1(hash, { ...parameters, length: 16 }, passphrase, budget);
  return runCipher(cipher, derived.subarray(0, 8), derived.subarray(8), octets);
}

function runCipher(cipher: Cipher, key: Buffer, iv: Buffer, octets: Buffer): Buffer {
  switch (cipher.kind) {
    case 'rc4':
      return rc4(key, octets);
    case 'rc2':
      return withoutPadding(decryptRc2Cbc(key, 8 * key.length, iv, octets));
    case 'des':
      // OpenSSL 3 has no single DES; triple DES with one key three times is the same.
      return runOpenssl('des-ede3-cbc', Buffer.concat([key, key, key]), iv, octets);
    case 'openssl':
      return runOpenssl(cipher.name, key, iv.subarray(0, cipher.ivLength), octets);
  }
}

function runOpenssl(name: string, key: Buffer, iv: Buffer, octets: Buffer): Buffer {
  try {
    const decipher = createDecipheriv(name, key, iv);
    return Buffer.concat([decipher.update(octets), decipher.final()]);
  } catch (cause) {
    throw wrongPassphrase(cause);
  }
}

function withoutPadding(plain: Buffer | undefined): Buffer {
  const count = plain?.at(-1) ?? 0;
  const padded = plain && count >= 1 && count <= 8 && plain.subarray(-count).every((byte) => byte === count);
  if (!padded) throw wrongPassphrase();
  return plain.subarray(0, -count);
}

const dekCiphers: Readonly<Record<string, Cipher>> = {
  'AES-128-CBC': aes(128),
  'AES-192-CBC': aes(192),
  'AES-256-CBC': aes(256),
  'DES-EDE3-CBC': tripleDes,
  'DES-CBC': { kind: 'des' },
};

/** PEM's own encryption (RFC 1423): `DEK-Info: AES-256-CBC,hex`, and a key made by MD5 in one round (EVP_BytesToKey). */
export function decryptPem(dekInfo: string, octets: Buffer, { utf8 }: Passphrase): Buffer {
  const [name = '', hex = ''] = dekInfo.split(',').map((part) => part.trim());
  const cipher = dekCiphers[name.toUpperCase()];
  if (!cipher)
    throw new PkiError('unsupported', `the cipher ${JSON.stringify(name.slice(0, 40))} is not known`);
  const iv = Buffer.from(hex, 'hex');
  const keyLength = cipher.kind === 'openssl' ? cipher.keyLength : 8;
  let derived = Buffer.alloc(0);
  let last = Buffer.alloc(0);
  while (derived.length < keyLength) {
    last = createHash('md5').update(last).update(utf8).update(iv.subarray(0, 8)).digest();
    derived = Buffer.concat([derived, last]);
  }
  return runCipher(cipher, derived.subarray(0, keyLength), iv, octets);
}
