import { createPrivateKey, type PrivateKeyInput } from 'node:crypto';
import { PkiError } from '../errors.ts';
import { readAlgorithm } from './certificate.ts';
import { octetString, readSequence, tag } from './der-reader.ts';
import type { DerKind } from './der-kind.ts';
import * as write from './der-writer.ts';
import { publicKeyDer } from './key.ts';
import type { FileBudget } from './file-budget.ts';
import { passphraseOf } from './key-stretching.ts';
import { oid } from './oid.ts';
import { decrypt, decryptPem } from './password-encryption.ts';
import type { StretchingBudget } from './stretching-budget.ts';
import type { Budget } from './budget.ts';

/** How a private key is written down. */
type PrivateKeyFormat = Extract<
  DerKind,
  'pkcs8' | 'encrypted-pkcs8' | 'sec1' | 'rsa-private' | 'dsa-private'
>;

/** What may be known of a private key: never the key. */
export interface PrivateKeyFacts {
  format: PrivateKeyFormat;
  encrypted: boolean;
  /** Encoded SubjectPublicKeyInfo; `undefined` where the key stays closed or is of an unknown kind. */
  publicKey: Buffer | undefined;
  /** Why there is no public key. */
  why: string | undefined;
}

/** The secret parts of a file that is read; asked for at most once each. */
export type AskPassphrase = () => Promise<Buffer | undefined>;

/** No key of any algorithm is larger, and deriving a public key from a made-up one may take hours. */
const largest = 65_536;

/** @throws PkiError `passphrase`, `malformed`, `unsupported` */
export async function readPrivateKey(
  format: PrivateKeyFormat,
  der: Buffer,
  dekInfo: string | undefined,
  ask: AskPassphrase,
  budget: Pick<FileBudget, 'asked' | 'keys'>,
): Promise<PrivateKeyFacts> {
  if (der.length > largest) {
    throw new PkiError('malformed', `a private key of ${der.length} bytes is larger than any real one`);
  }
  const encrypted = dekInfo !== undefined || format === 'encrypted-pkcs8';
  if (!encrypted) return { format, encrypted, ...derive(format, der, budget.keys) };
  const passphrase = await ask();
  if (passphrase === undefined) {
    return { format, encrypted, publicKey: undefined, why: 'it is encrypted; --passphrase-file opens it' };
  }
  const plain =
    dekInfo === undefined
      ? decryptPkcs8(der, passphrase, budget.asked)
      : decryptPem(dekInfo, der, passphraseOf(passphrase));
  try {
    const { publicKey, why } = derive(format === 'encrypted-pkcs8' ? 'pkcs8' : format, plain, budget.keys);
    if (publicKey === undefined && plain[0] !== tag.sequence) throw wrongPassphrase();
    return { format, encrypted, publicKey, why };
  } finally {
    plain.fill(0);
  }
}

const wrongPassphrase = (): PkiError =>
  new PkiError('passphrase', 'the passphrase does not open it', {
    hint: 'give the right one with --passphrase-file FILE',
  });

function decryptPkcs8(der: Buffer, passphrase: Buffer, budget: StretchingBudget): Buffer {
  const reader = readSequence(der, 'an encrypted private key');
  const algorithm = readAlgorithm(reader, 'encryptionAlgorithm');
  const octets = octetString(reader, 'encryptedData');
  reader.finish('an encrypted private key');
  return decrypt({ algorithm, octets }, passphraseOf(passphrase), budget);
}

/**
 * An SEC1 key in PKCS#8, for one that leaves its curve to an EC PARAMETERS block before it (RFC 5915 section 3).
 * @param curve encoded ECParameters
 */
export function withCurve(sec1: Buffer, curve: Buffer): Buffer {
  const algorithm = write.sequence(write.objectIdentifier(oid.ecPublicKey), curve);
  return write.sequence(write.integer(0), algorithm, write.octetString(sec1));
}

/** The public half of a private key. */
export function derive(
  format: Exclude<PrivateKeyFormat, 'encrypted-pkcs8'>,
  der: Buffer,
  budget: Budget,
): Pick<PrivateKeyFacts, 'publicKey' | 'why'> {
  if (!budget.spend(derivationTime(format, der))) {
    return { publicKey: undefined, why: 'its public key is more work than this program does for a file' };
  }
  try {
    return { publicKey: publicKeyDer(createPrivateKey(inputOf(format, der))), why: undefined };
  } catch {
    // OpenSSL's reasons differ between versions and may quote the input.
    return { publicKey: undefined, why: 'it is damaged, or of a kind that OpenSSL does not know' };
  }
}

/**
 * Microseconds, at most. Of most keys it is one multiplication on a curve; of DSA and Diffie-Hellman a power modulo a
 * number of any size, whose work grows with the cube of it.
 */
function derivationTime(format: Exclude<PrivateKeyFormat, 'encrypted-pkcs8'>, der: Buffer): number {
  return isDiscreteLogarithm(format, der) ? 2500 * Math.ceil(der.length / 512) ** 3 : 1300;
}

const quick: ReadonlySet<string> = new Set([
  oid.rsaEncryption,
  oid.rsaPss,
  oid.ecPublicKey,
  oid.ed25519,
  oid.ed448,
  oid.x25519,
  oid.x448,
]);

function isDiscreteLogarithm(format: Exclude<PrivateKeyFormat, 'encrypted-pkcs8'>, der: Buffer): boolean {
  if (format !== 'pkcs8') return format === 'dsa-private';
  try {
    const key = readSequence(der, 'a private key');
    key.expect(tag.integer, 'version');
    return !quick.has(readAlgorithm(key, 'privateKeyAlgorithm').id);
  } catch (error) {
    // OpenSSL reads some keys that are no strict DER.
    if (error instanceof PkiError) return true;
    throw error;
  }
}

function inputOf(format: Exclude<PrivateKeyFormat, 'encrypted-pkcs8'>, key: Buffer): PrivateKeyInput {
  switch (format) {
    case 'pkcs8':
      return { key, format: 'der', type: 'pkcs8' };
    case 'sec1':
      return { key, format: 'der', type: 'sec1' };
    case 'rsa-private':
      return { key, format: 'der', type: 'pkcs1' };
    case 'dsa-private':
      // Node takes the traditional form in PEM only; the type is told from the label.
      return {
        key: `-----BEGIN DSA PRIVATE KEY-----\n${key.toString('base64')}\n-----END DSA PRIVATE KEY-----\n`,
      };
  }
}

/**
 * A public key as SubjectPublicKeyInfo, from that or from PKCS#1's own form (RFC 8017 A.1.1).
 * @throws DerError
 */
export function readPublicKey(kind: 'public-key' | 'rsa-public', der: Buffer): Buffer {
  if (kind === 'rsa-public') {
    const key = readSequence(der, 'an RSA public key');
    key.expect(tag.integer, 'modulus');
    key.expect(tag.integer, 'publicExponent');
    key.finish('an RSA public key');
    const algorithm = write.sequence(write.objectIdentifier(oid.rsaEncryption), write.nullValue());
    return write.sequence(algorithm, write.bitString(der));
  }
  const spki = readSequence(der, 'a public key');
  readAlgorithm(spki, 'the algorithm of a public key');
  spki.expect(tag.bitString, 'subjectPublicKey');
  spki.finish('a public key');
  return der;
}
