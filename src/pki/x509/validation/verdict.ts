import { formatGeneralName } from '../general-name.ts';
import { commonName, formatName } from '../distinguished-name.ts';
import type { Certificate } from '../certificate.ts';
import { serialHex } from '../certificate.ts';
import { decode } from './decoded.ts';

/** Every rule that a chain can break, with the section that states it. */
export const ruleSections = {
  'issuer-missing': 'RFC 5280 6.1 (b)',
  'not-trusted': 'RFC 5280 6.1 (a)',
  'anchor-not-root': 'RFC 5280 6.1.1 (d)',
  'max-depth': 'RFC 5280 6.1',
  'too-much-work': 'RFC 5280 6.1',
  'bad-signature': 'RFC 5280 6.1.3 (a)(1)',
  'unsupported-algorithm': 'RFC 5280 6.1.3 (a)(1)',
  'algorithm-mismatch': 'RFC 5280 4.1.1.2',
  'weak-signature': 'RFC 8247 and NIST SP 800-131A',
  'weak-key': 'NIST SP 800-131A',
  expired: 'RFC 5280 6.1.3 (a)(2)',
  'not-yet-valid': 'RFC 5280 6.1.3 (a)(2)',
  revoked: 'RFC 5280 6.1.3 (a)(3)',
  'crl-missing': 'RFC 5280 6.3.3',
  'crl-unusable': 'RFC 5280 6.3.3',
  'ocsp-unusable': 'RFC 6960 3.2',
  'not-permitted': 'RFC 5280 6.1.3 (b) and (c)',
  policy: 'RFC 5280 6.1.5 (g)',
  'not-a-ca': 'RFC 5280 6.1.4 (k)',
  'path-length': 'RFC 5280 6.1.4 (l) and (m)',
  'key-usage': 'RFC 5280 4.2.1.3',
  'extended-key-usage': 'RFC 5280 4.2.1.12',
  'unknown-critical': 'RFC 5280 6.1.5 (f)',
  'malformed-extension': 'RFC 5280 4.2',
  profile: 'RFC 5280 4',
  'name-mismatch': 'RFC 9525 6',
} as const;
export type Rule = keyof typeof ruleSections;

/** Why a path does not hold. `message: fix` reads as one sentence. */
export interface Finding {
  rule: Rule;
  /** Place in the path: 0 is the certificate that is judged. */
  index: number;
  subject: string;
  section: string;
  message: string;
  /** The way out, an imperative clause. */
  fix: string;
}

/** What holds, but would trouble somebody. */
export interface Warning {
  rule: 'no-crl' | 'endless-crl' | 'key-identifier' | 'policy-not-critical';
  subject: string;
  message: string;
}

/** One way from the certificate upwards; with findings, it does not hold. */
export interface Candidate {
  /** The certificate that is judged first, an anchor last where one was reached. */
  path: readonly Certificate[];
  findings: readonly Finding[];
  /** It reaches an anchor; policies and revocation are asked of such paths alone. */
  complete: boolean;
}

export interface Verdict {
  valid: boolean;
  /** The path that holds. */
  path: readonly Certificate[] | undefined;
  /** What was tried, the most promising first; the path that holds has no findings and is the only one then listed. */
  candidates: readonly Candidate[];
  warnings: readonly Warning[];
}

/** A certificate at its place in a path. */
export interface Place {
  certificate: Certificate;
  index: number;
}

export function finding(
  rule: Rule,
  { certificate, index }: Place,
  message: string,
  fix: string,
  section: string = ruleSections[rule],
): Finding {
  return { rule, index, subject: displayName(certificate), section, message, fix };
}

/** What people call it: the common name, else the first alternative name, else the whole subject or the serial number. */
export function displayName(certificate: Certificate): string {
  const common = commonName(certificate.subjectName);
  if (common !== undefined && common !== '') return common;
  const [first] = decode(certificate).names ?? [];
  if (first) return formatGeneralName(first).replace(/^(dns|ip|email|uri):/, '');
  const whole = formatName(certificate.subjectName);
  return whole === '' ? `serial ${serialHex(certificate.serial)}` : whole;
}

/** `3 days`, `5 hours`: how long ago or how far ahead. */
export function describeSpan(milliseconds: number): string {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  const [unit, size] = (
    [
      ['day', 86_400],
      ['hour', 3600],
      ['minute', 60],
    ] as const
  ).find(([, s]) => seconds >= s) ?? ['second', 1];
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
