import type { KeyObject } from 'node:crypto';
import type { Certificate } from '../certificate.ts';
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

/** Node is asked for the name of a curve alone: asked for the details of a damaged DSA key, it ends the process. */
function weaknessOf(certificate: Certificate): string | undefined {
  const key = publicKeyOf(certificate);
  switch (key?.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
    case 'dsa': {
      const { bits = 0 } = keyFactsOf(certificate);
      return bits < 2048 ? `a key of ${bits} bits, below 2048` : undefined;
    }
    case 'ec': {
      const curve = curveOf(key);
      return curveBits(curve) < 224 ? `a key on ${curve}, below 224 bits` : undefined;
    }
    default:
      return undefined;
  }
}

const curveNames = new WeakMap<KeyObject, string>();

/** Node asks OpenSSL anew each time. */
function curveOf(key: KeyObject): string {
  const name = curveNames.get(key) ?? key.asymmetricKeyDetails?.namedCurve ?? '';
  curveNames.set(key, name);
  return name;
}

/** The first number in a curve's name is its size in every family but prime192v1 to v3 and the ones without a number. */
const curveBits = (name: string): number => Number(/\d+/.exec(name)?.[0] ?? 0);
