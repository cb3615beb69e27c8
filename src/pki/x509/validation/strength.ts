import type { Certificate } from '../certificate.ts';
import { fieldBits } from '../public-key.ts';
import type { PublicKeyFacts } from '../public-key-facts.ts';
import { keyFactsOf, publicKeyOf, schemeOf } from './signature.ts';
import { finding, displayName, type Finding, type Place } from './verdict.ts';

export const strengths = ['default', 'any'] as const;
/** `default` refuses what is too weak today, `any` judges the path alone. */
export type Strength = (typeof strengths)[number];

/** The signature on a certificate, which counts everywhere but on an anchor: nobody relies on that one. */
export function judgeSignatureStrength(place: Place): Finding[] {
  const digest = schemeOf(place.certificate.signatureAlgorithm)?.digest;
  if (digest !== 'md5' && digest !== 'sha1') return [];
  const message = `${displayName(place.certificate)} is signed with ${digest === 'md5' ? 'MD5' : 'SHA-1'}, which can be forged`;
  return [finding('weak-signature', place, message, 'have it issued again with SHA-256')];
}

export function judgeKeyStrength(place: Place): Finding[] {
  const weak = weaknessOf(place.certificate);
  if (weak === undefined) return [];
  const fix = 'issue it again with a new key: ec-p256, or rsa-2048 and above';
  return [finding('weak-key', place, `${displayName(place.certificate)} has ${weak}`, fix)];
}

/** Node is asked for the type alone: asked for the details of a damaged key, it ends the process. */
function weaknessOf(certificate: Certificate): string | undefined {
  switch (publicKeyOf(certificate)?.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      return weaknessOfRsa(keyFactsOf(certificate));
    case 'dsa': {
      const { bits = 0 } = keyFactsOf(certificate);
      return bits < 2048 ? `a key of ${bits} bits, below 2048` : undefined;
    }
    case 'ec': {
      const { curve = '' } = keyFactsOf(certificate);
      return fieldBits(certificate.publicKey) < 224 ? `a key on ${curve}, below 224 bits` : undefined;
    }
    default:
      return undefined;
  }
}

/** OpenSSL verifies nothing with more. */
const largestModulus = 16_384;

/** With an exponent of 1 everything is its own signature; an even one is none of RSA (RFC 8017 3.1). */
function weaknessOfRsa({ bits = 0, exponent, isExponentSound }: PublicKeyFacts): string | undefined {
  if (bits < 2048) return `a key of ${bits} bits, below 2048`;
  if (bits > largestModulus) return `a key of ${bits} bits, above ${largestModulus}`;
  return isExponentSound === false
    ? `a key with the exponent ${exponent ?? ''}, which is not odd and at least 3`
    : undefined;
}
