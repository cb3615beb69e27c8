import type { KeptStatus } from '../pki/lifecycle/rotate.ts';
import { fingerprint, serialHex, type CertificateLife } from '../pki/x509/certificate.ts';
import { formatDuration } from '../pki/x509/duration.ts';

/** A certificate of the store, for programs; and when its successor is due. */
export const certificateDocument = ({
  certificate,
  due,
}: {
  certificate: CertificateLife;
  due: Date;
}): object => ({
  serial: serialHex(certificate.serial),
  sha256: fingerprint(certificate.der),
  notBefore: certificate.notBefore.toISOString(),
  notAfter: certificate.notAfter.toISOString(),
  renewAt: due.toISOString(),
});

/** The same for people, behind its name. */
export function validityText({ notBefore, notAfter }: CertificateLife, now: Date): string {
  const end = notAfter.toISOString();
  return notBefore > now
    ? `not valid before ${notBefore.toISOString()}, until ${end}`
    : `valid for ${formatDuration(notAfter.getTime() - now.getTime())}, until ${end}`;
}

/** What ACM says of a certificate that it keeps, in its own words. */
export const statusDocument = (acm: KeptStatus | undefined): object => (acm === undefined ? {} : { acm });
