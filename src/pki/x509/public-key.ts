import { createPublicKey, type KeyObject } from 'node:crypto';
import { oid } from './oid.ts';
import { subjectPublicKeyAlgorithm, subjectPublicKeyBits } from './subject-public-key.ts';

/** A public key from its SubjectPublicKeyInfo; `undefined` where it is damaged, or no key that anybody should use. */
export function importPublicKey(spki: Buffer): KeyObject | undefined {
  try {
    if (subjectPublicKeyAlgorithm(spki) === oid.ecPublicKey && !isPoint(subjectPublicKeyBits(spki)))
      return undefined;
    return createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch {
    // OpenSSL's reasons differ between versions; whoever asked only needs to know that it is no usable key.
    return undefined;
  }
}

/**
 * Whether a point is compressed or uncompressed, as RFC 5480 2.2 demands; OpenSSL looks at the rest. It also takes the point at
 * infinity, for which anybody can sign, and of which Node.js cannot tell the details: it ends the process.
 */
const isPoint = ([form]: Buffer): boolean => form === 2 || form === 3 || form === 4;

/** Size of a curve's field in bits, rounded up to octets, from the point of a key that could be imported. */
export function fieldBits(spki: Buffer): number {
  const point = subjectPublicKeyBits(spki);
  return (8 * (point.length - 1)) / (point[0] === 4 ? 2 : 1);
}
