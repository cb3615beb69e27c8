import type { PublicKeyFacts } from '../public-key-facts.ts';

/** What a step of a verdict costs, in operations of a Budget. */
export const cost = {
  /** One candidate issuer looked at. */
  step: 20,
  /** Policies and revocation of one whole path, beside what stands in it. */
  path: 100,
  /** One CRL asked about one certificate. */
  crl: 20,
} as const;

/**
 * A key decoded and a signature checked with it, measured on OpenSSL 3.0: an exponent as long as its modulus of 3,072 bits
 * takes 5 ms, and curves other than P-256 take up to 2 ms.
 */
export function signatureCost({ algorithm, bits = 0, curve, exponentBits = 0 }: PublicKeyFacts): number {
  const size = (bits / 3072) ** 2;
  switch (algorithm) {
    case 'RSA':
    case 'RSA-PSS':
      return 300 + 1.5 * size * exponentBits;
    case 'DSA':
      return 300 + 600 * size;
    case 'EC':
      return curve === 'P-256' ? 300 : 2500;
    default:
      return 300;
  }
}

/** About half a second of a slow machine. */
export const defaultBudget = 500_000;
