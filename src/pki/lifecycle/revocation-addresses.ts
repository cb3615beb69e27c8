import { extension, type Certificate } from '../x509/certificate.ts';
import { readAccessDescriptions, readDistributionPoints } from '../x509/extensions.ts';
import type { GeneralName } from '../x509/general-name.ts';
import { oid } from '../x509/oid.ts';

/** Where a certificate says that its revocation is to be looked up. */
export interface RevocationAddresses {
  /** URLs of its CRL (RFC 5280 4.2.1.13). */
  crl: string[];
  /** URLs of its OCSP responder (RFC 5280 4.2.2.1). */
  ocsp: string[];
}

export function addressesIn(certificate: Certificate | undefined): RevocationAddresses {
  if (!certificate) return { crl: [], ocsp: [] };
  const points = extension(certificate, oid.crlDistributionPoints);
  const access = extension(certificate, oid.authorityInfoAccess);
  return {
    crl: points ? readDistributionPoints(points.value).flatMap(({ fullName }) => urlsOf(fullName)) : [],
    ocsp: access
      ? readAccessDescriptions(access.value)
          .filter(({ method }) => method === oid.ocsp)
          .flatMap(({ location }) => urlsOf([location]))
      : [],
  };
}

const urlsOf = (names: readonly GeneralName[]): string[] =>
  names.flatMap((name) => (name.kind === 'uri' && /^https?:/i.test(name.value) ? [name.value] : []));
