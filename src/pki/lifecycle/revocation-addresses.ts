import { extension, type Certificate } from '../x509/certificate.ts';
import { crlUrlsIn, webUrlsOf } from '../x509/distribution-urls.ts';
import { readAccessDescriptions } from '../x509/extensions.ts';
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
  const access = extension(certificate, oid.authorityInfoAccess);
  return {
    crl: crlUrlsIn(certificate),
    ocsp: access
      ? readAccessDescriptions(access.value)
          .filter(({ method }) => method === oid.ocsp)
          .flatMap(({ location }) => webUrlsOf([location]))
      : [],
  };
}
