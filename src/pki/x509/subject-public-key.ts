import { objectIdentifier, octetAlignedBitString, readSequence, tag } from './der-reader.ts';

/** The bits of a public key, from its SubjectPublicKeyInfo. */
export function subjectPublicKeyBits(spki: Buffer): Buffer {
  const reader = readSequence(spki, 'a public key');
  reader.expect(tag.sequence, 'a key algorithm');
  return octetAlignedBitString(reader.expect(tag.bitString, 'key bits'), 'key bits');
}

/** Object identifier of a public key's algorithm, from its SubjectPublicKeyInfo. */
export function subjectPublicKeyAlgorithm(spki: Buffer): string {
  const algorithm = readSequence(spki, 'a public key').sequence('a key algorithm');
  return objectIdentifier(algorithm.expect(tag.oid, 'an algorithm'), 'an algorithm');
}
