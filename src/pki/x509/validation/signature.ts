import { constants, verify, type KeyObject, type VerifyKeyObjectInput } from 'node:crypto';
import { promisify } from 'node:util';
import type { AlgorithmIdentifier, Certificate } from '../certificate.ts';
import type { DerReader } from '../der-reader.ts';
import { contextConstructed, objectIdentifier, readSequence, smallInteger, tag } from '../der-reader.ts';
import { PkiError } from '../../errors.ts';
import { publicKeyFacts, type PublicKeyFacts } from '../public-key-facts.ts';
import { isQuick } from '../key.ts';
import { oid } from '../oid.ts';
import { importPublicKey } from '../public-key.ts';

export type Digest =
  | 'md5'
  | 'sha1'
  | 'sha224'
  | 'sha256'
  | 'sha384'
  | 'sha512'
  | 'sha512-256'
  | 'sha3-256'
  | 'sha3-384'
  | 'sha3-512';
type KeyKind = 'rsa' | 'rsa-pss' | 'ec' | 'dsa' | 'ed25519' | 'ed448';

/** How a signature is checked; `digest` is null where the algorithm hashes by itself. */
export interface SignatureScheme {
  digest: Digest | null;
  keys: readonly KeyKind[];
  /** RSASSA-PSS only. */
  saltLength?: number;
}

/** Something signed: a certificate, a CRL, an OCSP response. */
export interface Signed {
  /** What the signature covers. */
  tbs: Buffer;
  signatureAlgorithm: AlgorithmIdentifier;
  signature: Buffer;
}

type Parameters = 'null-or-absent' | 'absent';
type Fixed = readonly [Digest | null, KeyKind, Parameters];

/**
 * RFC 4055 5 lets NULL be absent for RSA; RFC 5758 3.2 and RFC 8410 3 want no parameters at all.
 * ECDSA with SHA-1 is missing on purpose: nobody may issue with it (RFC 8603, RFC 9155), Go and pyca/cryptography
 * refuse it too, and unlike RSA with SHA-1 no archive of old chains needs it.
 */
const fixedSchemes: Readonly<Record<string, Fixed>> = {
  [oid.md5WithRsa]: ['md5', 'rsa', 'null-or-absent'],
  [oid.sha1WithRsa]: ['sha1', 'rsa', 'null-or-absent'],
  [oid.sha224WithRsa]: ['sha224', 'rsa', 'null-or-absent'],
  [oid.sha256WithRsa]: ['sha256', 'rsa', 'null-or-absent'],
  [oid.sha384WithRsa]: ['sha384', 'rsa', 'null-or-absent'],
  [oid.sha512WithRsa]: ['sha512', 'rsa', 'null-or-absent'],
  [oid.ecdsaWithSha224]: ['sha224', 'ec', 'absent'],
  [oid.ecdsaWithSha256]: ['sha256', 'ec', 'absent'],
  [oid.ecdsaWithSha384]: ['sha384', 'ec', 'absent'],
  [oid.ecdsaWithSha512]: ['sha512', 'ec', 'absent'],
  [oid.dsaWithSha1]: ['sha1', 'dsa', 'null-or-absent'],
  [oid.dsaWithSha256]: ['sha256', 'dsa', 'null-or-absent'],
  [oid.ed25519]: [null, 'ed25519', 'absent'],
  [oid.ed448]: [null, 'ed448', 'absent'],
};

const digests: Readonly<Record<string, Digest>> = {
  '1.2.840.113549.2.5': 'md5',
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.4': 'sha224',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
  '2.16.840.1.101.3.4.2.6': 'sha512-256',
  '2.16.840.1.101.3.4.2.8': 'sha3-256',
  '2.16.840.1.101.3.4.2.9': 'sha3-384',
  '2.16.840.1.101.3.4.2.10': 'sha3-512',
};

/** The scheme that an AlgorithmIdentifier names; `undefined` where it is none of ours or its parameters are wrong. */
export function schemeOf({ id, parameters }: AlgorithmIdentifier): SignatureScheme | undefined {
  if (id === oid.rsaPss) return parameters && readPssParameters(parameters);
  const fixed = fixedSchemes[id];
  if (!fixed) return undefined;
  const [digest, key, wanted] = fixed;
  const isNull = parameters?.equals(derNull) ?? false;
  if (parameters && !(wanted === 'null-or-absent' && isNull)) return undefined;
  return { digest, keys: [key] };
}

const derNull = Buffer.from([tag.null, 0]);
const mgf1 = '1.2.840.113549.1.1.8';

/** RSASSA-PSS-params (RFC 4055 3.1). The mask must use the same digest, as RFC 4055 recommends and every CA does. */
function readPssParameters(der: Buffer): SignatureScheme | undefined {
  try {
    const reader = readSequence(der, 'RSASSA-PSS parameters');
    const hash = reader.optional(contextConstructed(0), 'hashAlgorithm');
    const mask = reader.optional(contextConstructed(1), 'maskGenAlgorithm');
    const salt = reader.optional(contextConstructed(2), 'saltLength');
    const trailer = reader.optional(contextConstructed(3), 'trailerField');
    reader.finish('RSASSA-PSS parameters');
    const digest = hash ? readDigest(hash.reader()) : 'sha1';
    const maskDigest = mask ? readMask(mask.reader()) : 'sha1';
    const saltLength = salt
      ? smallInteger(salt.reader().expect(tag.integer, 'saltLength'), 'saltLength')
      : 20;
    const trailerField = trailer
      ? smallInteger(trailer.reader().expect(tag.integer, 'trailerField'), 'trailerField')
      : 1;
    if (digest === undefined || digest !== maskDigest || trailerField !== 1) return undefined;
    return { digest, keys: ['rsa', 'rsa-pss'], saltLength };
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}

function readDigest(reader: DerReader): Digest | undefined {
  const algorithm = reader.sequence('a digest algorithm');
  return digests[objectIdentifier(algorithm.expect(tag.oid, 'a digest'), 'a digest')];
}

function readMask(reader: DerReader): Digest | undefined {
  const algorithm = reader.sequence('a mask generation function');
  const id = objectIdentifier(
    algorithm.expect(tag.oid, 'a mask generation function'),
    'a mask generation function',
  );
  return id === mgf1 ? readDigest(algorithm) : undefined;
}

const keys = new WeakMap<Certificate, KeyObject | undefined>();

/** The subject's key; `undefined` where it is no key that node:crypto takes, or a curve without a name (RFC 5480 2.1.1). */
export function publicKeyOf(certificate: Certificate): KeyObject | undefined {
  if (!keys.has(certificate)) keys.set(certificate, readKey(certificate));
  return keys.get(certificate);
}

/** What the key says of itself; a key that is damaged outside too has no algorithm. */
export function keyFactsOf({ publicKey }: Certificate): PublicKeyFacts {
  try {
    return publicKeyFacts(publicKey);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return { algorithm: '', bits: undefined, curve: undefined, exponent: undefined, strength: undefined };
  }
}

/** Reading a key costs as much as checking a signature, and the same few CAs stand above many certificates. */
const recent = new Map<string, KeyObject | undefined>();
const mostRecent = 500;

function readKey({ publicKey, publicKeyAlgorithm: { id, parameters } }: Certificate): KeyObject | undefined {
  if (id === oid.ecPublicKey && parameters?.[0] !== tag.oid) return undefined;
  const known = publicKey.toString('latin1');
  if (recent.has(known)) return recent.get(known);
  const key = importPublicKey(publicKey);
  if (recent.size >= mostRecent) recent.clear();
  recent.set(known, key);
  return key;
}

export type SignatureCheck = 'good' | 'bad' | 'unsupported-algorithm' | 'unusable-key';

/** Checks a signature; what node:crypto refuses to compute is a bad one. */
export function checkSignature(object: Signed, signer: Certificate): SignatureCheck {
  const how = howToCheck(object, signer);
  return typeof how === 'string' ? how : checkAtOnce(object, how);
}

function checkAtOnce(object: Signed, how: HowToCheck): SignatureCheck {
  try {
    return verify(how.digest, object.tbs, how.key, object.signature) ? 'good' : 'bad';
  } catch {
    return 'bad';
  }
}

/** The same on another thread where it takes long, for whoever has other work to do. */
export async function checkSignatureAside(object: Signed, signer: Certificate): Promise<SignatureCheck> {
  const how = howToCheck(object, signer);
  if (typeof how === 'string') return how;
  if (isQuick(how.key.key)) return checkAtOnce(object, how);
  try {
    const isGood = await promisify(verify)(how.digest, object.tbs, how.key, object.signature);
    return isGood ? 'good' : 'bad';
  } catch {
    return 'bad';
  }
}

interface HowToCheck {
  digest: Digest | null;
  key: VerifyKeyObjectInput;
}

function howToCheck({ signatureAlgorithm }: Signed, signer: Certificate): SignatureCheck | HowToCheck {
  const scheme = schemeOf(signatureAlgorithm);
  if (!scheme) return 'unsupported-algorithm';
  const key = publicKeyOf(signer);
  if (!key) return 'unusable-key';
  if (!scheme.keys.includes(key.asymmetricKeyType as KeyKind)) return 'bad';
  const { digest, saltLength } = scheme;
  const padding = saltLength === undefined ? {} : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
  return { digest, key: { key, ...padding } };
}
