import type { Certificate } from '../certificate.ts';
import { reasonBits, type DistributionPoint, type ReasonFlag } from '../extensions.ts';
import type { DistinguishedName } from '../distinguished-name.ts';
import { formatGeneralName, type GeneralName } from '../general-name.ts';
import { nameKey } from '../name-comparison.ts';
import type { CrlIndex } from './crl-index.ts';
import { decode } from './decoded.ts';

/** Every reason that a certificate can be revoked for: bit 0 is unused (RFC 5280 4.2.1.13). */
export const allReasons: readonly ReasonFlag[] = reasonBits.filter((reason) => reason !== 'unused');

/** The reasons that a CRL answers for, or why it says nothing about this certificate. */
export type Scope = { reasons: readonly ReasonFlag[] } | { outside: string };

/** RFC 5280 6.3.3 (b)(2) and (d). */
export function scopeFor(certificate: Certificate, crl: CrlIndex): Scope {
  const { scope } = crl;
  if (scope) {
    const isCa = decode(certificate).basicConstraints?.ca === true;
    if (scope.onlyAttributeCerts) return { outside: 'is for attribute certificates only' };
    if (scope.onlyUserCerts && isCa) return { outside: 'is for end entity certificates only' };
    if (scope.onlyCaCerts && !isCa) return { outside: 'is for CA certificates only' };
    if ([scope.onlyUserCerts, scope.onlyCaCerts].every(Boolean))
      return { outside: 'excludes every certificate' };
  }
  const points = pointsOf(certificate).filter((point) => isSamePoint(point, crl, certificate.issuerName));
  if (points.length === 0) return { outside: 'is for another distribution point' };
  const reasons = new Set(points.flatMap((point) => point.reasons ?? allReasons));
  const limit = new Set(scope?.onlySomeReasons ?? allReasons);
  return { reasons: allReasons.filter((reason) => reasons.has(reason) && limit.has(reason)) };
}

/**
 * The distribution points that the issuer itself answers for. A certificate without any has the one that RFC 5280 6.3.3
 * assumes: no reasons, no CRL issuer, the name of the certificate's issuer.
 */
function pointsOf(certificate: Certificate): readonly DistributionPoint[] {
  const issuer: GeneralName = { kind: 'directory', name: certificate.issuerName, der: certificate.issuer };
  const assumed = { fullName: [issuer], relativeToIssuer: undefined, reasons: undefined, crlIssuer: [] };
  const { distributionPoints } = decode(certificate);
  return distributionPoints?.filter((point) => isAnsweredBy(point, certificate.issuerName)) ?? [assumed];
}

const isAnsweredBy = ({ crlIssuer }: DistributionPoint, issuer: DistinguishedName): boolean =>
  crlIssuer.every((name) => name.kind === 'directory' && nameKey(name.name) === nameKey(issuer));

/** A scope without a name holds for every distribution point; one with a name must share one of the point's. */
function isSamePoint(
  point: DistributionPoint,
  { scope, crl }: CrlIndex,
  certificateIssuer: DistinguishedName,
): boolean {
  if (!scope || (scope.fullName.length === 0 && !scope.relativeToIssuer)) return true;
  const published = new Set(pointNames(scope, crl.issuerName));
  const own = pointNames(point, certificateIssuer);
  const names = own.length > 0 ? own : point.crlIssuer.map(comparable);
  return names.some((name) => published.has(name));
}

function pointNames(
  { fullName, relativeToIssuer }: Pick<DistributionPoint, 'fullName' | 'relativeToIssuer'>,
  issuer: DistinguishedName,
): string[] {
  const relative = relativeToIssuer ? [`directory:${nameKey([...issuer, relativeToIssuer])}`] : [];
  return [...fullName.map(comparable), ...relative];
}

const comparable = (name: GeneralName): string =>
  name.kind === 'directory' ? `directory:${nameKey(name.name)}` : formatGeneralName(name);
