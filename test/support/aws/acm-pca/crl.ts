import { encodeExtension } from '../../../../src/pki/x509/certificate-builder.ts';
import { reasonCodes, type RevocationReason } from '../../../../src/pki/x509/crl-writer.ts';
import * as write from '../../../../src/pki/x509/der-writer.ts';
import { encodeGeneralName } from '../../../../src/pki/x509/general-name.ts';
import { keyIdentifier } from '../../../../src/pki/x509/key.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import type { Cloud } from '../cloud.ts';
import { idOf, type CertificateAuthority, type Revocation } from './certificate-authority.ts';
import { encodeKeyIdentifier } from './extension-value.ts';
import { signedAs } from './signing-algorithm.ts';

/** RevokeCertificate's words and RFC 5280's. */
export const reasons = {
  UNSPECIFIED: 'unspecified',
  KEY_COMPROMISE: 'keyCompromise',
  CERTIFICATE_AUTHORITY_COMPROMISE: 'cACompromise',
  AFFILIATION_CHANGED: 'affiliationChanged',
  SUPERSEDED: 'superseded',
  CESSATION_OF_OPERATION: 'cessationOfOperation',
  PRIVILEGE_WITHDRAWN: 'privilegeWithdrawn',
  A_A_COMPROMISE: 'aACompromise',
} as const satisfies Record<string, RevocationReason>;

export function crlKey(ca: CertificateAuthority): string {
  const { path = 'crl', partition } = ca.crl ?? {};
  return `${path}/${idOf(ca)}${partition === undefined ? '' : `/${partition}`}.crl`;
}

/** Where relying parties find the CRL: the emulator itself stands in for the bucket. */
export function crlUrl(cloud: Cloud, ca: CertificateAuthority): string | undefined {
  const { crl } = ca;
  if (!crl?.enabled) return undefined;
  const cname = crl.given['CustomCname'];
  if (typeof cname === 'string') return `http://${cname}/${crlKey(ca)}`;
  return `${cloud.endpoint}/${crl.bucket ?? ''}/${crlKey(ca)}`;
}

export function ocspUrl(cloud: Cloud, ca: CertificateAuthority): string | undefined {
  if (ca.ocsp?.['Enabled'] !== true) return undefined;
  const cname = ca.ocsp['OcspCustomCname'];
  return typeof cname === 'string' ? `http://${cname}` : `${cloud.endpoint}/ocsp`;
}

const day = 86_400_000;

/** The CRL as it would lie in the bucket now: what was revoked lately is not in it yet. */
export function buildCrlOf(cloud: Cloud, ca: CertificateAuthority): Buffer {
  const now = cloud.clock.seconds();
  const known = new Date(now.getTime() - cloud.pace.crlDelay);
  const entries = [...ca.revoked.values()].filter(({ revokedAt }) => revokedAt <= known);
  const revoked =
    entries.length === 0 ? [] : [write.sequence(Buffer.concat(entries.map((entry) => encodeEntry(entry))))];
  const authority = encodeExtension(
    oid.authorityKeyIdentifier,
    encodeKeyIdentifier(keyIdentifier(ca.publicKey)),
  );
  const number = encodeExtension(oid.crlNumber, write.integer(now.getTime()));
  // Whoever has one partition must not take it for another: its place is in the CRL and in the certificate.
  const url = ca.crl?.partition === undefined ? undefined : crlUrl(cloud, ca);
  const scope =
    url === undefined ? [] : [encodeExtension(oid.issuingDistributionPoint, encodeScope(url), true)];
  return signedAs(ca.signingAlgorithm, ca.key, (identifier) =>
    write.sequence(
      write.integer(1),
      identifier,
      ca.certificate?.subject ?? ca.subject,
      write.time(now),
      write.time(new Date(now.getTime() + (ca.crl?.days ?? 7) * day)),
      ...revoked,
      write.explicit(0, write.sequence(authority, number, ...scope)),
    ),
  );
}

/** RFC 5280 5.2.5, with a name alone. */
const encodeScope = (url: string): Buffer =>
  write.sequence(write.explicit(0, write.explicit(0, encodeGeneralName({ kind: 'uri', value: url }))));

function encodeEntry({ serial, revokedAt, reason }: Revocation): Buffer {
  const extensions =
    reason === 'unspecified'
      ? []
      : [write.sequence(encodeExtension(oid.reasonCode, write.enumerated(reasonCodes[reason])))];
  return write.sequence(write.integer(serial), write.time(revokedAt), ...extensions);
}
