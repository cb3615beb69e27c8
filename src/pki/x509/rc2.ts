/*
 * RC2 (RFC 2268) in CBC mode, decryption only: the cipher of PKCS#12 files from old Windows and Java,
 * which OpenSSL 3 no longer brings.
 */

// RFC 2268 section 2: digits of pi.
const pi = Buffer.from(
  'd978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2179a59f587b34f1361456d8d09817d32' +
    'bd8f40eb86b77b0bf09521225c6b4e8254d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626' +
    '6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed708e8eade8052eef784aa72ac354d6a2a' +
    '961ad2715a1549744b9fd05e0418a4ecc2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731' +
    '2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a90d38341bab33ffb0bb480c5fb9b1cd2e' +
    'c5f3db47e5a59c770aa62068fe7fc1ad',
  'hex',
);

/** The 64 words of the expanded key. */
function expandKey(key: Buffer, effectiveBits: number): Uint16Array {
  const bytes = Buffer.alloc(128);
  key.copy(bytes);
  for (let at = key.length; at < 128; at += 1) {
    bytes[at] = pi[((bytes[at - 1] ?? 0) + (bytes[at - key.length] ?? 0)) & 0xff] ?? 0;
  }
  const octets = (effectiveBits + 7) >> 3;
  const mask = 0xff >> (8 * octets - effectiveBits);
  bytes[128 - octets] = pi[(bytes[128 - octets] ?? 0) & mask] ?? 0;
  for (let at = 127 - octets; at >= 0; at -= 1) {
    bytes[at] = pi[(bytes[at + 1] ?? 0) ^ (bytes[at + octets] ?? 0)] ?? 0;
  }
  return Uint16Array.from({ length: 64 }, (_, at) => bytes.readUInt16LE(2 * at));
}

const rotations = [1, 2, 3, 5] as const;

function decryptBlock(words: Uint16Array, key: Uint16Array): void {
  const word = (at: number): number => words[at & 3] ?? 0;
  let next = 63;
  const mix = (): void => {
    for (let at = 3; at >= 0; at -= 1) {
      const turn = rotations[at] ?? 0;
      const turned = ((word(at) >>> turn) | (word(at) << (16 - turn))) & 0xffff;
      words[at] = turned - (key[next] ?? 0) - (word(at + 3) & word(at + 2)) - (~word(at + 3) & word(at + 1));
      next -= 1;
    }
  };
  const mash = (): void => {
    for (let at = 3; at >= 0; at -= 1) words[at] = word(at) - (key[word(at + 3) & 63] ?? 0);
  };
  const rounds = (count: number): void => {
    for (let round = 0; round < count; round += 1) mix();
  };
  rounds(5);
  mash();
  rounds(6);
  mash();
  rounds(5);
}

/** Plain text with its padding still on; `undefined` where the length is no multiple of the block. */
export function decryptRc2Cbc(
  key: Buffer,
  effectiveBits: number,
  iv: Buffer,
  encrypted: Buffer,
): Buffer | undefined {
  if (encrypted.length % 8 !== 0 || iv.length !== 8) return undefined;
  const expanded = expandKey(key, effectiveBits);
  const plain = Buffer.alloc(encrypted.length);
  const words = new Uint16Array(4);
  let previous = iv;
  for (let at = 0; at < encrypted.length; at += 8) {
    const block = encrypted.subarray(at, at + 8);
    for (let word = 0; word < 4; word += 1) words[word] = block.readUInt16LE(2 * word);
    decryptBlock(words, expanded);
    for (let word = 0; word < 4; word += 1) {
      plain.writeUInt16LE((words[word] ?? 0) ^ previous.readUInt16LE(2 * word), at + 2 * word);
    }
    previous = block;
  }
  return plain;
}
