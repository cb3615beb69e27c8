import type { CertificateTemplate } from './certificate-builder.ts';
import type { SubjectAttribute } from './distinguished-name.ts';
import { encodeName } from './distinguished-name.ts';
import type { KeyUsage } from './extensions.ts';
import type { KeyType } from './key.ts';
import { oid } from './oid.ts';
import { subjectPublicKeyAlgorithm } from './subject-public-key.ts';
import { nameText, type SubjectAlternativeName } from './subject-alternative-name.ts';

export const usages = ['mtls', 'server', 'client'] as const;
export type Usage = (typeof usages)[number];

/** What is wanted of a certificate, whichever authority makes it. */
export interface Profile {
  names: readonly SubjectAlternativeName[];
  usage: Usage;
  /** `undefined`: derived from the first name. */
  subject: readonly SubjectAttribute[] | undefined;
  notBefore: Date;
  notAfter: Date;
  /** What a key that is made for it should be. */
  keyType: KeyType;
  /** Encoded SubjectPublicKeyInfo; empty where the authority makes the key. */
  publicKey: Buffer;
  crlUrls: readonly string[];
  ocspUrls: readonly string[];
  issuerUrls: readonly string[];
}

/** RFC 5280 appendix A.1, `ub-common-name`. */
const commonNameLimit = 64;

const keyPurposes = {
  mtls: [oid.serverAuth, oid.clientAuth],
  server: [oid.serverAuth],
  client: [oid.clientAuth],
} as const satisfies Record<Usage, readonly string[]>;

export const extendedKeyUsageFor = (usage: Usage): readonly string[] => keyPurposes[usage];

/** keyEncipherment is for RSA key transport to a server (RFC 5280 4.2.1.3); every other handshake signs. */
export function keyUsageFor(usage: Usage, keyKind: 'rsa' | 'other'): KeyUsage[] {
  return keyKind === 'rsa' && usage !== 'client'
    ? ['digitalSignature', 'keyEncipherment']
    : ['digitalSignature'];
}

/** @param publicKey encoded SubjectPublicKeyInfo */
export const keyKindOf = (publicKey: Buffer): 'rsa' | 'other' =>
  subjectPublicKeyAlgorithm(publicKey) === oid.rsaEncryption ? 'rsa' : 'other';

/** The subject that was asked for, else the first name as common name if it fits, else none. */
export function subjectOf(profile: Pick<Profile, 'names' | 'subject'>): Buffer {
  if (profile.subject) return encodeName(profile.subject);
  const first = profile.names[0];
  const text = first === undefined ? '' : nameText(first);
  const fits = text !== '' && [...text].length <= commonNameLimit;
  return encodeName(fits ? [{ type: oid.commonName, value: text }] : []);
}

/** The parts of a template that a profile decides. */
export function leafTemplate(
  profile: Profile,
): Omit<CertificateTemplate, 'serial' | 'issuer' | 'authorityKeyIdentifier'> {
  return {
    subject: subjectOf(profile),
    notBefore: profile.notBefore,
    notAfter: profile.notAfter,
    publicKey: profile.publicKey,
    basicConstraints: { ca: false, pathLength: undefined },
    keyUsage: keyUsageFor(profile.usage, keyKindOf(profile.publicKey)),
    extendedKeyUsage: extendedKeyUsageFor(profile.usage),
    names: profile.names,
    nameConstraints: undefined,
    crlUrls: profile.crlUrls,
    ocspUrls: profile.ocspUrls,
    issuerUrls: profile.issuerUrls,
  };
}
