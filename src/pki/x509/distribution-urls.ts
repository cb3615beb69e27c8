import { extension, type Certificate } from './certificate.ts';
import { readDistributionPoints } from './extensions.ts';
import type { GeneralName } from './general-name.ts';
import { oid } from './oid.ts';

/** URLs over HTTP at which a certificate says that the CRL about it is (RFC 5280 4.2.1.13). */
export function crlUrlsIn(certificate: Certificate): string[] {
  const points = extension(certificate, oid.crlDistributionPoints);
  return points ? readDistributionPoints(points.value).flatMap(({ fullName }) => webUrlsOf(fullName)) : [];
}

export const webUrlsOf = (names: readonly GeneralName[]): string[] =>
  names.flatMap((name) => (name.kind === 'uri' && /^https?:/i.test(name.value) ? [name.value] : []));
