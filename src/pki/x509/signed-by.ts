import { X509Certificate } from 'node:crypto';
import type { Certificate } from './certificate.ts';

/** Whether a certificate names an issuer and is signed with its key. What OpenSSL does not know proves nothing. */
export function isSignedBy(certificate: Certificate, issuer: Certificate): boolean {
  if (!certificate.issuer.equals(issuer.subject)) return false;
  try {
    return new X509Certificate(certificate.der).verify(new X509Certificate(issuer.der).publicKey);
  } catch {
    return false;
  }
}
