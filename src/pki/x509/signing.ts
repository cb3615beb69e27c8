import { createSign, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { tag } from './der-reader.ts';
import * as write from './der-writer.ts';
import { isQuick, keyTypeOf, type KeyType } from './key.ts';
import { oid } from './oid.ts';

interface SignatureScheme {
  id: string;
  /** AlgorithmIdentifier: RFC 4055 2.1 wants NULL for RSA, RFC 5758 3.2 and RFC 8410 3 want nothing. */
  algorithm: Buffer;
  digest: 'sha1' | 'sha256' | 'sha384' | 'sha512' | null;
}

const scheme = (id: string, digest: SignatureScheme['digest'], ...parameters: Buffer[]): SignatureScheme => ({
  id,
  algorithm: write.sequence(write.objectIdentifier(id), ...parameters),
  digest,
});

const ecdsa: Partial<Record<KeyType, SignatureScheme>> = {
  'ec-p256': scheme(oid.ecdsaWithSha256, 'sha256'),
  'ec-p384': scheme(oid.ecdsaWithSha384, 'sha384'),
  'ec-p521': scheme(oid.ecdsaWithSha512, 'sha512'),
};
const rsa = scheme(oid.sha256WithRsa, 'sha256', write.nullValue());
const weakSchemes = {
  rsa: scheme(oid.sha1WithRsa, 'sha1', write.nullValue()),
  ec: scheme(oid.ecdsaWithSha1, 'sha1'),
};
const ed25519 = scheme(oid.ed25519, null);

function schemeOf(key: KeyObject, weak?: 'sha1'): SignatureScheme {
  if (weak) {
    const found = weakSchemes[key.asymmetricKeyType as keyof typeof weakSchemes] as
      SignatureScheme | undefined;
    if (!found) throw new TypeError(`no signature with SHA-1 for a ${key.asymmetricKeyType ?? 'secret'} key`);
    return found;
  }
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return rsa;
    case 'ed25519':
      return ed25519;
    default: {
      const type = keyTypeOf(key);
      const found = type && ecdsa[type];
      if (!found) throw new TypeError(`no signature scheme for a ${key.asymmetricKeyType ?? 'secret'} key`);
      return found;
    }
  }
}

/** OID of the algorithm by which a key signs; of a public key, by which its private one does. */
export const signatureAlgorithmOf = (key: KeyObject): string => schemeOf(key).id;

/**
 * Signs what `tbs` makes of the AlgorithmIdentifier and wraps all three
 * (the shape that certificates, CRLs and requests share: RFC 5280 4.1, 5.1; RFC 2986 4).
 */
export function signed(key: KeyObject, tbs: (algorithm: Buffer) => Buffer, weak?: 'sha1'): Buffer {
  const { algorithm, digest } = schemeOf(key, weak);
  const body = tbs(algorithm);
  return write.sequence(body, algorithm, write.bitString(sign(digest, body, key)));
}

/** The same on another thread, where it takes longer than to hand it over. */
export async function signedAside(key: KeyObject, tbs: (algorithm: Buffer) => Buffer): Promise<Buffer> {
  if (isQuick(key)) return signed(key, tbs);
  const { algorithm, digest } = schemeOf(key);
  const body = tbs(algorithm);
  return write.sequence(body, algorithm, write.bitString(await promisify(sign)(digest, body, key)));
}

/**
 * The same for what is too large to be joined: what the outer SEQUENCE of `tbs` holds, in pieces.
 * @returns the pieces of the whole
 */
export function signedPieces(key: KeyObject, tbs: (algorithm: Buffer) => readonly Buffer[]): Buffer[] {
  const { algorithm, digest } = schemeOf(key);
  const content = tbs(algorithm);
  const body = [write.encodeHeader(tag.sequence, lengthOf(content)), ...content];
  const rest = [algorithm, write.bitString(signatureOver(body, key, digest))];
  return [write.encodeHeader(tag.sequence, lengthOf(body) + lengthOf(rest)), ...body, ...rest];
}

function signatureOver(pieces: readonly Buffer[], key: KeyObject, digest: SignatureScheme['digest']): Buffer {
  // Ed25519 goes over its message twice (RFC 8032 5.1.6), so Node wants it in one piece.
  if (digest === null) return sign(null, Buffer.concat(pieces), key);
  const signer = createSign(digest);
  for (const piece of pieces) signer.update(piece);
  return signer.sign(key);
}

const lengthOf = (pieces: readonly Buffer[]): number => pieces.reduce((sum, { length }) => sum + length, 0);
