import { readAlgorithm } from './certificate.ts';
import {
  integerBytes,
  objectIdentifier,
  octetAlignedBitString,
  DerReader,
  readSequence,
  tag,
} from './der-reader.ts';
import { PkiError } from '../errors.ts';
import { oid } from './oid.ts';

/** What a public key is. */
export interface PublicKeyFacts {
  /** `RSA`, `EC`, `Ed25519`, …; the OID where it has no name here. */
  algorithm: string;
  /** Size in bits: of the modulus, of the curve's field, of the prime. */
  bits: number | undefined;
  curve: string | undefined;
  /** RSA only, in decimal. */
  exponent: string | undefined;
  exponentBits?: number;
  /** RSA only: odd and at least 3 (RFC 8017 3.1). */
  isExponentSound?: boolean;
  /** Bits of security against classical computers (NIST SP 800-57 part 1, table 2); `undefined` where unknown. */
  strength: number | undefined;
}

interface Curve {
  name: string;
  bits: number;
}

const curves: Readonly<Record<string, Curve>> = {
  [oid.prime256v1]: { name: 'P-256', bits: 256 },
  [oid.secp384r1]: { name: 'P-384', bits: 384 },
  [oid.secp521r1]: { name: 'P-521', bits: 521 },
  '1.2.840.10045.3.1.1': { name: 'P-192', bits: 192 },
  '1.3.132.0.33': { name: 'P-224', bits: 224 },
  '1.3.132.0.10': { name: 'secp256k1', bits: 256 },
  '1.3.36.3.3.2.8.1.1.7': { name: 'brainpoolP256r1', bits: 256 },
  '1.3.36.3.3.2.8.1.1.11': { name: 'brainpoolP384r1', bits: 384 },
  '1.3.36.3.3.2.8.1.1.13': { name: 'brainpoolP512r1', bits: 512 },
  '1.2.156.10197.1.301': { name: 'SM2', bits: 256 },
};

const fixed: Readonly<Record<string, Pick<PublicKeyFacts, 'algorithm' | 'bits' | 'strength'>>> = {
  [oid.ed25519]: { algorithm: 'Ed25519', bits: 256, strength: 128 },
  [oid.ed448]: { algorithm: 'Ed448', bits: 456, strength: 224 },
  [oid.x25519]: { algorithm: 'X25519', bits: 256, strength: 128 },
  [oid.x448]: { algorithm: 'X448', bits: 448, strength: 224 },
  '2.16.840.1.101.3.4.3.17': { algorithm: 'ML-DSA-44', bits: undefined, strength: 128 },
  '2.16.840.1.101.3.4.3.18': { algorithm: 'ML-DSA-65', bits: undefined, strength: 192 },
  '2.16.840.1.101.3.4.3.19': { algorithm: 'ML-DSA-87', bits: undefined, strength: 256 },
};

const unknown = { bits: undefined, curve: undefined, exponent: undefined, strength: undefined };

/** Reads a SubjectPublicKeyInfo without doing mathematics on it. A key that is damaged inside keeps its algorithm. */
export function publicKeyFacts(spki: Buffer): PublicKeyFacts {
  const reader = readSequence(spki, 'a public key');
  const { id, parameters } = readAlgorithm(reader, 'the algorithm of a public key');
  const bits = octetAlignedBitString(reader.expect(tag.bitString, 'subjectPublicKey'), 'subjectPublicKey');
  const known = fixed[id];
  if (known) return { ...unknown, ...known };
  try {
    switch (id) {
      case oid.rsaEncryption:
      case oid.rsaPss:
        return rsaFacts(bits, id === oid.rsaPss ? 'RSA-PSS' : 'RSA');
      case oid.ecPublicKey:
        return ecFacts(parameters);
      case oid.dsa:
        return dsaFacts(parameters);
      default:
        return { ...unknown, algorithm: id };
    }
  } catch (error) {
    if (error instanceof PkiError) return { ...unknown, algorithm: 'damaged' };
    throw error;
  }
}

function rsaFacts(key: Buffer, algorithm: string): PublicKeyFacts {
  const reader = readSequence(key, 'an RSA key');
  const modulus = integerBytes(reader.expect(tag.integer, 'modulus'), 'modulus');
  const exponent = integerBytes(reader.expect(tag.integer, 'publicExponent'), 'publicExponent');
  const bits = bitLength(modulus);
  const decimal =
    exponent.length <= 32
      ? BigInt(`0x${exponent.toString('hex')}`).toString()
      : `${8 * exponent.length} bits`;
  return {
    ...unknown,
    algorithm,
    bits,
    exponent: decimal,
    exponentBits: bitLength(exponent),
    isExponentSound: bitLength(exponent) > 1 && ((exponent.at(-1) ?? 0) & 1) === 1,
    strength: strengthOfModulus(bits),
  };
}

function ecFacts(parameters: Buffer | undefined): PublicKeyFacts {
  const reader = new DerReader(parameters ?? Buffer.alloc(0));
  if (reader.peek() !== tag.oid) return { ...unknown, algorithm: 'EC', curve: 'written out, without a name' };
  const id = objectIdentifier(reader.next('a curve'), 'a curve');
  const curve = curves[id];
  return {
    ...unknown,
    algorithm: 'EC',
    curve: curve?.name ?? id,
    bits: curve?.bits,
    strength: curve && curve.bits >> 1,
  };
}

function dsaFacts(parameters: Buffer | undefined): PublicKeyFacts {
  if (!parameters) return { ...unknown, algorithm: 'DSA' };
  const prime = readSequence(parameters, 'DSA parameters').expect(tag.integer, 'p');
  const bits = bitLength(prime.content);
  return { ...unknown, algorithm: 'DSA', bits, strength: strengthOfModulus(bits) };
}

function bitLength(integer: Buffer): number {
  const start = integer.findIndex((byte) => byte !== 0);
  return start < 0 ? 0 : 8 * (integer.length - start) - Math.clz32(integer[start] ?? 0) + 24;
}

const moduli = [
  [15360, 256],
  [7680, 192],
  [3072, 128],
  [2048, 112],
  [1024, 80],
] as const;

const strengthOfModulus = (bits: number): number => moduli.find(([least]) => bits >= least)?.[1] ?? 0;

/** `EC P-256`, `RSA 2048 bits`, `Ed25519`. */
export function keyText({ algorithm, bits, curve }: PublicKeyFacts): string {
  if (curve !== undefined) return `${algorithm} ${curve}`;
  const sized = algorithm.startsWith('RSA') || algorithm === 'DSA';
  return sized && bits !== undefined ? `${algorithm} ${bits} bits` : algorithm;
}
