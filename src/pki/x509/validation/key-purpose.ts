import type { KeyUsage } from '../extensions.ts';
import { oid } from '../oid.ts';
import { decode } from './decoded.ts';
import { displayName, finding, type Finding, type Place } from './verdict.ts';

export const namedPurposes = ['any', 'server', 'client', 'code-signing', 'timestamping'] as const;
/** What the certificate is to be used for: by name, or the OID of a key purpose. */
export type Purpose = (typeof namedPurposes)[number] | `${number}.${string}`;

const purposeOids: Readonly<Record<string, string>> = {
  server: oid.serverAuth,
  client: oid.clientAuth,
  'code-signing': oid.codeSigning,
  timestamping: oid.timeStamping,
};

/**
 * One of these bits makes a key fit for the purpose (RFC 5280 4.2.1.12). That keyAgreement is enough for a client was true
 * of TLS 1.0: RFC 8422 5.5 has done away with fixed ECDH, and a client signs (RFC 8446 4.4.2.3).
 */
const fittingUsages: Readonly<Record<string, readonly KeyUsage[]>> = {
  server: ['digitalSignature', 'keyEncipherment', 'keyAgreement'],
  client: ['digitalSignature'],
  'code-signing': ['digitalSignature'],
  timestamping: ['digitalSignature', 'nonRepudiation'],
};

const purposeWords: Readonly<Record<string, string>> = {
  server: 'server authentication',
  client: 'client authentication',
  'code-signing': 'code signing',
  timestamping: 'timestamping',
  [oid.serverAuth]: 'server authentication',
  [oid.clientAuth]: 'client authentication',
  [oid.codeSigning]: 'code signing',
  [oid.timeStamping]: 'timestamping',
  [oid.emailProtection]: 'e-mail protection',
  [oid.ocspSigning]: 'OCSP signing',
};

const wordFor = (purpose: string): string => purposeWords[purpose] ?? `purpose ${purpose}`;

/** The extended key usage narrows what every certificate below may be used for, so it is asked of the whole path. */
export function judgePurpose(place: Place, purpose: Purpose): Finding[] {
  if (purpose === 'any') return [];
  const { extendedKeyUsage } = decode(place.certificate);
  if (!extendedKeyUsage) return [];
  const wanted = purposeOids[purpose] ?? purpose;
  if (extendedKeyUsage.includes(wanted) || extendedKeyUsage.includes(oid.anyExtendedKeyUsage)) return [];
  const name = displayName(place.certificate);
  const has = extendedKeyUsage.map(wordFor).join(' and ');
  return [
    place.index === 0
      ? finding(
          'extended-key-usage',
          place,
          `${name} is for ${has}, not for ${wordFor(purpose)}`,
          fixFor(purpose),
        )
      : finding(
          'extended-key-usage',
          place,
          `${name} may issue only for ${has}, not for ${wordFor(purpose)}`,
          'issue from a CA without this limit, or have this one issued again',
        ),
  ];
}

/** Key usage of the certificate that is judged. */
export function judgeKeyUsage(place: Place, purpose: Purpose): Finding[] {
  const fitting = fittingUsages[purpose];
  const { keyUsage } = decode(place.certificate);
  if (!fitting || !keyUsage || fitting.some((usage) => keyUsage.includes(usage))) return [];
  const message = `${displayName(place.certificate)} is ${describeUsages(keyUsage)}, not one for ${wordFor(purpose)}`;
  return [finding('key-usage', place, message, fixFor(purpose))];
}

const usageWords: Partial<Record<KeyUsage, string>> = {
  keyAgreement: 'a key agreement certificate',
  keyEncipherment: 'a key encipherment certificate',
  dataEncipherment: 'a data encipherment certificate',
  keyCertSign: 'a certificate for signing certificates',
  cRLSign: 'a certificate for signing CRLs',
  nonRepudiation: 'a certificate for signing documents',
};

const describeUsages = (usages: readonly KeyUsage[]): string =>
  usages.map((usage) => usageWords[usage]).find((word) => word !== undefined) ??
  'a certificate for nothing that is known';

const fixFor = (purpose: Purpose): string =>
  purpose === 'server' || purpose === 'client'
    ? `issue with --usage ${purpose}`
    : `have it issued again for ${wordFor(purpose)}`;
