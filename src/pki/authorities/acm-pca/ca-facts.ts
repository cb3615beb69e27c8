import type { DescribeCertificateAuthorityCommandOutput } from '@aws-sdk/client-acm-pca';
import { formatDuration } from '../../x509/duration.ts';
import type { Profile } from '../../x509/profile.ts';

/** What DescribeCertificateAuthority tells, as far as it decides whether a certificate can be had. */
export interface CaFacts {
  status: string;
  mode: string;
  keyAlgorithm: string;
  signingAlgorithm: string | undefined;
  notBefore: Date | undefined;
  notAfter: Date | undefined;
  revocation: 'CRL' | 'OCSP' | 'CRL and OCSP' | 'none';
}

export function caFactsOf(answer: DescribeCertificateAuthorityCommandOutput): CaFacts {
  const ca = answer.CertificateAuthority ?? {};
  const { CrlConfiguration: crl, OcspConfiguration: ocsp } = ca.RevocationConfiguration ?? {};
  return {
    status: ca.Status ?? 'unknown',
    mode: ca.UsageMode ?? 'GENERAL_PURPOSE',
    keyAlgorithm: ca.CertificateAuthorityConfiguration?.KeyAlgorithm ?? 'unknown',
    signingAlgorithm: ca.CertificateAuthorityConfiguration?.SigningAlgorithm,
    notBefore: ca.NotBefore,
    notAfter: ca.NotAfter,
    revocation:
      crl?.Enabled === true
        ? ocsp?.Enabled === true
          ? 'CRL and OCSP'
          : 'CRL'
        : ocsp?.Enabled === true
          ? 'OCSP'
          : 'none',
  };
}

/** What helps where a CA is not ACTIVE; CA_ARN stands for its ARN. */
const remedies: Readonly<Record<string, string>> = {
  CREATING: 'wait until it is made',
  PENDING_CERTIFICATE: 'install its certificate first',
  DISABLED:
    'enable it: aws acm-pca update-certificate-authority --certificate-authority-arn CA_ARN --status ACTIVE',
  EXPIRED: 'give it a new certificate',
  FAILED: 'make another one',
  DELETED: 'restore it: aws acm-pca restore-certificate-authority --certificate-authority-arn CA_ARN',
};

/** @param ca its ARN, where it is known to whoever asks */
export const remedyFor = (status: string, ca = 'CA_ARN'): string =>
  (remedies[status] ?? 'see its page in the console').replace('CA_ARN', ca);

const week = 7 * 86_400_000;

/** What is likely to be refused. AWS's own answer decides: these are said, not enforced. */
export function foreseeableRefusals(
  facts: CaFacts,
  profile: Profile,
  signingAlgorithm: string,
  now: Date,
): string[] {
  const { status, mode, keyAlgorithm, notAfter } = facts;
  const found: string[] = [];
  if (status !== 'ACTIVE') found.push(`the CA is ${status}: ${remedyFor(status)}`);
  if (notAfter && notAfter < now)
    found.push(`the CA expired ${formatDuration(now.getTime() - notAfter.getTime())} ago`);
  else if (notAfter && profile.notAfter > notAfter) {
    found.push(
      `the certificate would outlive the CA, which ends ${notAfter.toISOString()}: ask for less with --lifetime, or cut it with --clamp`,
    );
  }
  if (mode === 'SHORT_LIVED_CERTIFICATE' && profile.notAfter.getTime() - now.getTime() > week) {
    found.push('the CA is for short-lived certificates, of at most 7 days: ask for --lifetime 7d or less');
  }
  const family = /^(RSA|EC)/.exec(keyAlgorithm)?.[1];
  if (family !== undefined && !signingAlgorithm.includes(family)) {
    found.push(`the CA has a key of type ${keyAlgorithm}, which cannot sign with ${signingAlgorithm}`);
  }
  return found;
}
