import { createECDH, createPrivateKey, type ECDH, type KeyObject } from 'node:crypto';
import * as write from './der-writer.ts';
import { oid } from './oid.ts';

/** JWK's names of the curves (RFC 7518 6.2.1.1), OpenSSL's, and theirs in certificates (RFC 5480 2.1.1.1). */
const curves = {
  'P-256': { name: 'prime256v1', id: oid.prime256v1, octets: 32 },
  'P-384': { name: 'secp384r1', id: oid.secp384r1, octets: 48 },
  'P-521': { name: 'secp521r1', id: oid.secp521r1, octets: 66 },
} as const;

type Curve = keyof typeof curves;

export interface EcKey {
  key: KeyObject;
  /** PrivateKeyInfo (RFC 5208) around an ECPrivateKey (RFC 5915), as OpenSSL writes it. */
  pkcs8: Buffer;
  /** Encoded SubjectPublicKeyInfo. */
  publicKey: Buffer;
}

/**
 * A fresh key on a curve, with its encodings: OpenSSL 3 takes four times as long to encode one as to make it, and Node.js 20
 * may stand still where it encodes one that comes from generateKeyPair.
 */
export function generateEcKey(curve: Curve): EcKey {
  const generator = generators.get(curve) ?? createECDH(curves[curve].name);
  generators.set(curve, generator);
  const point = generator.generateKeys();
  return encodeEcKey(curve, generator.getPrivateKey(), point);
}

/** To make one takes as long as to make a key. */
const generators = new Map<Curve, ECDH>();

/**
 * @param scalar big-endian octets, maybe fewer than the curve has.
 * @param point uncompressed.
 */
export function encodeEcKey(crv: Curve, scalar: Buffer, point: Buffer): EcKey {
  const { id, octets } = curves[crv];
  const secret = Buffer.concat([Buffer.alloc(octets - scalar.length), scalar]);
  const algorithm = write.sequence(write.objectIdentifier(oid.ecPublicKey), write.objectIdentifier(id));
  const bits = write.bitString(point);
  const ecPrivateKey = write.sequence(write.integer(1), write.octetString(secret), write.explicit(1, bits));
  const jwk = {
    d: secret.toString('base64url'),
    x: point.toString('base64url', 1, 1 + octets),
    y: point.toString('base64url', 1 + octets),
  };
  return {
    key: createPrivateKey({ format: 'jwk', key: { kty: 'EC', crv, ...jwk } }),
    pkcs8: write.sequence(write.integer(0), algorithm, write.octetString(ecPrivateKey)),
    publicKey: write.sequence(algorithm, bits),
  };
}
