import { readCertificationRequest } from '../../../../src/pki/x509/certification-request.ts';
import type { Caller } from '../caller.ts';
import type { Cloud } from '../cloud.ts';
import { Input } from '../input.ts';
import type { CertificateAuthority, UsageMode } from './certificate-authority.ts';
import { grantAcm } from './permission.ts';
import { createCa } from './create.ts';
import { csrOf } from './csr-of-ca.ts';
import { signCertificate } from './issue.ts';
import type { KeyAlgorithm, SigningAlgorithm } from './signing-algorithm.ts';
import { sharedPolicy } from './sharing.ts';
import { templateOf } from './template.ts';

/** What a CA of the emulator's own making is to be; a root on P-256 for ten years by default. */
export interface CaWishes {
  name?: string;
  region?: string;
  /** ARN of the CA above it, which must be ACTIVE. */
  parent?: string;
  /** Of a CA below another. */
  pathLength?: 0 | 1 | 2 | 3;
  keyAlgorithm?: KeyAlgorithm;
  signingAlgorithm?: SigningAlgorithm;
  usageMode?: UsageMode;
  /** As in CreateCertificateAuthority. */
  revocation?: Readonly<Record<string, unknown>>;
  years?: number;
  /** Whether ACM may issue from it. */
  grantsAcm?: boolean;
  /** The account that may issue from it, as Resource Access Manager lets it. */
  sharedWith?: string;
}

/** Creates a CA, signs its certificate and installs it. @returns the ARN */
export async function activeCa(cloud: Cloud, caller: Caller, wishes: CaWishes): Promise<string> {
  const { keyAlgorithm = 'EC_prime256v1', parent, pathLength = 0, years = 10 } = wishes;
  const family = keyAlgorithm.startsWith('RSA') ? 'SHA256WITHRSA' : 'SHA256WITHECDSA';
  const ca = await createCa(
    cloud,
    caller,
    new Input({
      CertificateAuthorityType: parent === undefined ? 'ROOT' : 'SUBORDINATE',
      CertificateAuthorityConfiguration: {
        KeyAlgorithm: keyAlgorithm,
        SigningAlgorithm: wishes.signingAlgorithm ?? family,
        Subject: { Organization: 'Emulator', CommonName: wishes.name ?? 'Emulator root' },
      },
      UsageMode: wishes.usageMode ?? 'GENERAL_PURPOSE',
      ...(wishes.revocation && { RevocationConfiguration: wishes.revocation }),
    }),
  );
  const above = parent === undefined ? ca : cloud.cas.get(parent);
  if (!above) throw new Error(`the emulator has no CA ${parent ?? ''}`);
  install(cloud, ca, above, { pathLength, years });
  if (wishes.grantsAcm === true) grantAcm(cloud, ca, caller.account);
  if (wishes.sharedWith !== undefined) ca.policy = sharedPolicy(ca.arn, wishes.sharedWith);
  return ca.arn;
}

function install(
  cloud: Cloud,
  ca: CertificateAuthority,
  above: CertificateAuthority,
  { pathLength, years }: { pathLength: number; years: number },
): void {
  const template = above === ca ? 'RootCACertificate' : `SubordinateCACertificate_PathLen${pathLength}`;
  const now = cloud.clock.seconds();
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + years);
  const latest = above.certificate?.notAfter ?? notAfter;
  ca.certificate = signCertificate(cloud, above, {
    request: readCertificationRequest(csrOf(ca)),
    template: templateOf(`arn:aws:acm-pca:::template/${template}/V1`),
    passed: { subject: undefined, extensions: new Map() },
    validity: {
      notBefore: new Date(now.getTime() - 3_600_000),
      notAfter: notAfter < latest ? notAfter : latest,
    },
    algorithm: above.signingAlgorithm,
  });
  ca.chain = above === ca || !above.certificate ? [] : [above.certificate, ...above.chain];
  ca.state = 'ACTIVE';
}
