import * as write from '../../../../src/pki/x509/der-writer.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { signedAs } from './signing-algorithm.ts';

/** A CA's own request (RFC 2986 4) in DER. */
export function csrOf(ca: CertificateAuthority): Buffer {
  const attributes = ca.csrExtensions
    ? [write.sequence(write.objectIdentifier(oid.extensionRequest), write.set(ca.csrExtensions))]
    : [];
  return signedAs(ca.signingAlgorithm, ca.key, () =>
    write.sequence(write.integer(0), ca.subject, ca.publicKey, write.explicit(0, ...attributes)),
  );
}
