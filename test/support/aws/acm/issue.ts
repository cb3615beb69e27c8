import { readCertificationRequest } from '../../../../src/pki/x509/certification-request.ts';
import { activeCa } from '../acm-pca/active-ca.ts';
import { ownerOf, statusOf, type CertificateAuthority } from '../acm-pca/certificate-authority.ts';
import { certificateArnOf, signCertificate } from '../acm-pca/issue.ts';
import { actions } from '../acm-pca/permission.ts';
import { generateKeyOf, type KeyAlgorithm as CaKeyAlgorithm } from '../acm-pca/signing-algorithm.ts';
import { isSharedWith } from '../acm-pca/sharing.ts';
import { templateArn, templateOf } from '../acm-pca/template.ts';
import { account } from '../caller.ts';
import type { Cloud } from '../cloud.ts';
import { csrDer } from '../csr-pem.ts';
import type { AcmCertificate } from './certificate.ts';

const day = 86_400_000;
/** 13 months of a private one; 198 days of a public one. */
const lives = { private: 395 * day, public: 198 * day };

/** Lets the private CA sign. @returns the FailureReason, where it cannot */
export async function issuePrivate(cloud: Cloud, certificate: AcmCertificate): Promise<string | undefined> {
  const ca = cloud.cas.get(certificate.caArn ?? '');
  const failure = failureOf(cloud, ca, ownerOf(certificate));
  if (!ca || failure !== undefined) {
    if (certificate.status === 'PENDING_VALIDATION') {
      certificate.status = 'FAILED';
      certificate.failure = failure;
    }
    return failure;
  }
  const arn = await issueBy(cloud, ca, certificate, lives.private, 'EndEntityCertificate');
  const issued = certificate.certificate;
  if (issued) {
    ca.issued.set(arn, {
      arn,
      certificate: issued,
      template: 'EndEntityCertificate',
      issuedAt: cloud.clock.seconds(),
      requestedBy: 'acm.amazonaws.com',
      polls: 0,
      answer: undefined,
    });
  }
  return undefined;
}

/** @param account whose ACM it is; a CA of another account must be shared with it */
function failureOf(cloud: Cloud, ca: CertificateAuthority | undefined, account: string): string | undefined {
  if (!ca) return 'PCA_RESOURCE_NOT_FOUND';
  const now = cloud.clock.now();
  if (statusOf(ca, now) !== 'ACTIVE') return 'PCA_INVALID_STATE';
  if (!isGranted(ca, account)) return 'PCA_ACCESS_DENIED';
  const end = now.getTime() + lives.private;
  return ca.certificate && ca.certificate.notAfter.getTime() < end ? 'PCA_INVALID_DURATION' : undefined;
}

function isGranted(ca: CertificateAuthority, account: string): boolean {
  if (ownerOf(ca) !== account) {
    const template = templateArn(ca.arn.split(':')[3] ?? '', 'EndEntityCertificate');
    return isSharedWith(ca, account, 'IssueCertificate', template);
  }
  const granted = ca.permissions.find((one) => one.principal === 'acm.amazonaws.com')?.actions ?? [];
  return actions.every((action) => granted.includes(action));
}

/** No region has this name: what is in it is seen by nobody. */
const amazon = { account, region: 'amazon', service: 'acm-pca' } as const;

/** Lets Amazon sign; the key is RSA under an RSA CA, or EC under an EC one. */
export async function issuePublic(cloud: Cloud, certificate: AcmCertificate): Promise<void> {
  const family = certificate.keyAlgorithm.startsWith('RSA') ? 'RSA_2048' : 'EC_prime256v1';
  const arn = await (cloud.amazon[family] ??= amazonCa(cloud, family));
  const ca = cloud.cas.get(arn);
  if (!ca) throw new Error(`no ${arn}`);
  // A certificate that browsers trust is for servers alone since 2025-06-11.
  await issueBy(cloud, ca, certificate, lives.public, 'EndEntityServerAuthCertificate');
  if (certificate.exportable) {
    cloud.stats.billed += 1;
    certificate.paid = true;
  }
}

async function amazonCa(cloud: Cloud, keyAlgorithm: CaKeyAlgorithm): Promise<string> {
  const name = keyAlgorithm === 'RSA_2048' ? 'Amazon RSA 2048 M01' : 'Amazon ECDSA 256 M01';
  const parent = await activeCa(cloud, amazon, { name: 'Amazon Root CA 1', keyAlgorithm, years: 20 });
  return activeCa(cloud, amazon, { name, keyAlgorithm, parent });
}

async function issueBy(
  cloud: Cloud,
  ca: CertificateAuthority,
  certificate: AcmCertificate,
  life: number,
  template: string,
): Promise<string> {
  const key = await generateKeyOf(certificate.keyAlgorithm as CaKeyAlgorithm);
  const now = cloud.clock.seconds();
  const issued = signCertificate(cloud, ca, {
    request: readCertificationRequest(csrDer(key, certificate.names, certificate.domainName)),
    template: templateOf(`arn:aws:acm-pca:::template/${template}/V1`),
    passed: { subject: undefined, extensions: new Map() },
    validity: { notBefore: new Date(now.getTime() - 3_600_000), notAfter: new Date(now.getTime() + life) },
    algorithm: ca.signingAlgorithm,
  });
  certificate.key = key;
  certificate.certificate = issued;
  certificate.chain = ca.certificate ? [ca.certificate, ...ca.chain] : [];
  certificate.status = 'ISSUED';
  certificate.issuedAt ??= now;
  certificate.paid = false;
  return certificateArnOf(ca, issued);
}
