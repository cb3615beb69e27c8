import type { Operation } from '../cloud.ts';
import { getCertificate, getCertificateAuthorityCertificate } from './collect.ts';
import { createCertificateAuthority } from './create.ts';
import { describeCertificateAuthority } from './describe.ts';
import { issueCertificate } from './issue.ts';

/** By the name in X-Amz-Target. */
export const acmPcaOperations: Readonly<Record<string, Operation>> = {
  CreateCertificateAuthority: createCertificateAuthority,
  DescribeCertificateAuthority: describeCertificateAuthority,
  GetCertificate: getCertificate,
  GetCertificateAuthorityCertificate: getCertificateAuthorityCertificate,
  IssueCertificate: issueCertificate,
};
