import { octetAlignedBitString, readSequence, tag } from './der-reader.ts';

/** The bits of a public key, from its SubjectPublicKeyInfo. */
export function subjectPublicKeyBits(spki: Buffer): Buffer {
  const reader = readSequence(spki, 'a public key');
  reader.expect(tag.sequence, 'a key algorithm');
  return octetAlignedBitString(reader.expect(tag.bitString, 'key bits'), 'key bits');
}
