import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  generateKeyPairSync,
  createHash,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import { foreignCode, PkiError } from '../errors.ts';
import * as write from './der-writer.ts';
import { generateEcKey, type EcKey } from './ec-key.ts';
import { subjectPublicKeyBits } from './subject-public-key.ts';
import { sealPbes2 } from './pbes2.ts';
import { encodePem } from './pem-writer.ts';

export const keyTypes = [
  'ec-p256',
  'ec-p384',
  'ec-p521',
  'ed25519',
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
] as const;
export type KeyType = (typeof keyTypes)[number];

const curves = { 'ec-p256': 'P-256', 'ec-p384': 'P-384', 'ec-p521': 'P-521' } as const;

/**
 * Of a CA in a folder, where nothing else is asked for. Every peer verifies its signatures in every handshake: OpenSSL 3
 * does that ten times as fast for P-256 as for P-384, and signs forty times as fast.
 */
export const defaultCaKeyType = 'ec-p256' satisfies KeyType;

/**
 * What fresh keys are. Node.js 20 must not be asked for the details of one that comes from generateKeyPair: it holds the
 * key's mutex while it makes their strings, and where that collects garbage, the job that has generated the key wants the
 * same mutex.
 */
interface Fresh {
  type: KeyType;
  /** Where they are known without OpenSSL. */
  encodings?: Pick<EcKey, 'pkcs8' | 'publicKey'>;
}

const fresh = new WeakMap<KeyObject, Fresh>();

/** A fresh private key. */
export async function generateKey(type: KeyType): Promise<KeyObject> {
  const { key, ...encodings } = await generate(type);
  fresh.set(key, { type, ...('pkcs8' in encodings ? { encodings } : undefined) });
  return key;
}

/** RSA keys are made off the main thread, since they take a second. */
async function generate(type: KeyType): Promise<EcKey | { key: KeyObject }> {
  switch (type) {
    case 'ec-p256':
    case 'ec-p384':
    case 'ec-p521':
      return generateEcKey(curves[type]);
    case 'ed25519':
      return { key: generateKeyPairSync('ed25519').privateKey };
    default: {
      const modulusLength = Number(type.slice('rsa-'.length));
      const pair = await promisify(generateKeyPair)('rsa', { modulusLength });
      return { key: pair.privateKey };
    }
  }
}

/** What a key is in our terms; `undefined` for a kind or size that this program does not issue for. */
export function keyTypeOf(key: KeyObject): KeyType | undefined {
  const known = fresh.get(key);
  if (known) return known.type;
  switch (key.asymmetricKeyType) {
    // Node 20 aborts where it is asked for the details of a damaged DSA key.
    case 'ec':
      return ({ prime256v1: 'ec-p256', secp384r1: 'ec-p384', secp521r1: 'ec-p521' } as const)[
        key.asymmetricKeyDetails?.namedCurve as 'prime256v1'
      ];
    case 'ed25519':
      return 'ed25519';
    case 'rsa':
      return keyTypes.find((type) => type === `rsa-${key.asymmetricKeyDetails?.modulusLength ?? 0}`);
    default:
      return undefined;
  }
}

/** Whether it signs and verifies in less time than it takes to have another thread do it. */
export function isQuick(key: KeyObject): boolean {
  const type = keyTypeOf(key);
  return type === 'ec-p256' || type === 'ed25519';
}

/** Of keys that were opened: the export is also the proof that they have a public half. */
const publicHalves = new WeakMap<KeyObject, Buffer>();

/** Encoded SubjectPublicKeyInfo of a private or public key. */
export function publicKeyDer(key: KeyObject): Buffer {
  const known = fresh.get(key)?.encodings?.publicKey ?? publicHalves.get(key);
  if (known) return known;
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** Of what may be a private key in PEM; `undefined` where it is damaged, or closed by a passphrase. */
export function publicHalf(pem: Buffer | undefined): Buffer | undefined {
  try {
    return pem && publicKeyDer(createPublicKey(pem));
  } catch {
    return undefined;
  }
}

/** SHA-1 of the public key's bits (RFC 5280 4.2.1.2, method 1): an identifier, not a defence. */
export function keyIdentifier(spki: Buffer): Buffer {
  return createHash('sha1').update(subjectPublicKeyBits(spki)).digest();
}

/** PrivateKeyInfo, unencrypted: the caller's own, to be wiped. */
export function privateKeyDer(key: KeyObject): Buffer {
  const known = fresh.get(key)?.encodings;
  return known ? Buffer.from(known.pkcs8) : key.export({ type: 'pkcs8', format: 'der' });
}

/** PKCS#8 in PEM, unencrypted. */
export const privateKeyPem = (key: KeyObject): string => encodePem('PRIVATE KEY', privateKeyDer(key));

/** OWASP's figure for PBKDF2-HMAC-SHA256 (2023, still current); Node's own export stops at 2,048. */
const pbkdf2Rounds = 600_000;

/** PKCS#8 under PBES2. */
export async function encryptedPrivateKeyPem(key: KeyObject, passphrase: Buffer): Promise<string> {
  const plain = privateKeyDer(key);
  const { algorithm, octets } = await sealPbes2(plain, passphrase, pbkdf2Rounds);
  plain.fill(0);
  return encodePem('ENCRYPTED PRIVATE KEY', write.sequence(algorithm, write.octetString(octets)));
}

/** What a private key needs to be opened; called only if the key is encrypted. */
export type AskPassphrase = () => Promise<Buffer>;

/**
 * Opens a private key in PEM.
 * @param file named in every refusal; the key's bytes never are.
 * @throws PkiError `passphrase` where it is wrong or missing, `malformed` where the file is no key.
 */
export async function openPrivateKey(pem: Buffer, file: string, ask: AskPassphrase): Promise<KeyObject> {
  const encrypted = pem.includes('ENCRYPTED PRIVATE KEY') || pem.includes('Proc-Type: 4,ENCRYPTED');
  const passphrase = encrypted ? await ask() : undefined;
  const key = importPrivateKey(pem, passphrase, file);
  try {
    publicHalves.set(key, publicKeyDer(key));
    return key;
  } catch (cause) {
    throw new PkiError('malformed', `${file} holds a damaged private key: it has no public half`, {
      hint: `put back the right key (${foreignCode(cause) ?? 'unreadable'})`,
    });
  }
}

function importPrivateKey(pem: Buffer, passphrase: Buffer | undefined, file: string): KeyObject {
  try {
    return createPrivateKey(passphrase === undefined ? { key: pem } : { key: pem, passphrase });
  } catch (cause) {
    if (passphrase !== undefined) {
      throw new PkiError('passphrase', `the passphrase does not open ${file}`, {
        hint: 'give the right one with --passphrase-file FILE or CERTWRIGHT_CA_PASSPHRASE',
      });
    }
    throw new PkiError('malformed', `${file} holds no private key that can be read`, {
      hint: `expected PEM with a PRIVATE KEY block (${foreignCode(cause) ?? 'unreadable'})`,
    });
  }
}
