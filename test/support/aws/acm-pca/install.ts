import { extension, type Certificate } from '../../../../src/pki/x509/certificate.ts';
import { readBasicConstraints, readKeyUsage } from '../../../../src/pki/x509/extensions.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import { encodePem } from '../../../../src/pki/x509/pem-writer.ts';
import { checkSignature } from '../../../../src/pki/x509/validation/signature.ts';
import type { Call } from '../cloud.ts';
import type { Json } from '../input.ts';
import { certificatesIn } from '../pem.ts';
import { Refusal } from '../refusal.ts';
import { caOf, requireState } from './arn.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { csrOf } from './csr-of-ca.ts';

export function getCertificateAuthorityCsr(call: Call): Json {
  const ca = caOf(call);
  requireState(call, ca, 'PENDING_CERTIFICATE', 'ACTIVE', 'DISABLED', 'EXPIRED');
  return { Csr: encodePem('CERTIFICATE REQUEST', csrOf(ca)).trimEnd() };
}

const malformed = (why: string): Refusal => new Refusal('MalformedCertificateException', why);

/** Installs a CA's own certificate, a first one or one that renews it. */
export function importCertificateAuthorityCertificate(call: Call): Json {
  const { input, cloud } = call;
  const ca = caOf(call);
  const [certificate, ...more] = certificatesIn(input.blob('Certificate', { max: 32_768 })) ?? [];
  const upwards = chainOf(input.optionalBlob('CertificateChain', { max: 2_097_152 }));
  requireState(call, ca, 'PENDING_CERTIFICATE', 'ACTIVE', 'DISABLED', 'EXPIRED');
  if (!certificate || more.length > 0)
    throw malformed('The certificate field contains not exactly one certificate in PEM');
  checkOwn(ca, certificate, cloud.clock.now());
  checkChain(ca, certificate, upwards);
  ca.certificate = certificate;
  ca.chain = upwards;
  ca.changedAt = cloud.clock.now();
  if (ca.state === 'PENDING_CERTIFICATE') ca.state = 'ACTIVE';
  return {};
}

function chainOf(pem: Buffer | undefined): Certificate[] {
  const chain = pem ? certificatesIn(pem) : [];
  if (!chain) throw malformed('The certificate chain contains something that is not a certificate in PEM');
  return chain;
}

function checkOwn(ca: CertificateAuthority, certificate: Certificate, now: Date): void {
  if (!certificate.publicKey.equals(ca.publicKey)) {
    throw new Refusal(
      'CertificateMismatchException',
      'The certificate authority certificate you are importing does not comply with conditions specified in the certificate that signed it: its public key is not that of the CA.',
    );
  }
  if (!certificate.subject.equals(ca.subject))
    throw new Refusal('CertificateMismatchException', "The certificate's subject is not that of the CA");
  const basic = extension(certificate, oid.basicConstraints);
  if (!basic?.critical || !readBasicConstraints(basic.value).ca)
    throw malformed('The certificate must have critical basic constraints with CA:TRUE');
  const usage = extension(certificate, oid.keyUsage);
  if (usage && !readKeyUsage(usage.value).includes('keyCertSign'))
    throw malformed('The certificate has a key usage without keyCertSign');
  if (certificate.notAfter < now) throw malformed('The certificate has expired');
}

function checkChain(ca: CertificateAuthority, certificate: Certificate, chain: readonly Certificate[]): void {
  if (ca.type === 'ROOT' && chain.length > 0)
    throw new Refusal('InvalidRequestException', 'A root CA certificate is imported without a chain');
  if (ca.type === 'SUBORDINATE' && chain.length === 0)
    throw new Refusal('InvalidRequestException', 'A subordinate CA certificate needs its chain');
  const path = [certificate, ...chain];
  path.forEach((lower, index) => {
    // The last one, the root, has signed itself.
    const upper = path[index + 1] ?? lower;
    if (!lower.issuer.equals(upper.subject) || checkSignature(lower, upper) !== 'good')
      throw malformed('The certificate chain is not a chain from the certificate to a root');
  });
}
