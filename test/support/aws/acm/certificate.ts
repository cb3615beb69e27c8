import { randomUUID, type KeyObject } from 'node:crypto';
import type { Certificate } from '../../../../src/pki/x509/certificate.ts';
import { partitionOf } from '../acm-pca/certificate-authority.ts';
import { isOwn, type Caller } from '../caller.ts';
import type { Call } from '../cloud.ts';
import { Refusal } from '../refusal.ts';
import type { DomainValidation } from './validation.ts';

export const keyAlgorithms = [
  'RSA_1024',
  'RSA_2048',
  'RSA_3072',
  'RSA_4096',
  'EC_prime256v1',
  'EC_secp384r1',
  'EC_secp521r1',
] as const;
export type KeyAlgorithm = (typeof keyAlgorithms)[number];

interface Renewal {
  status: 'PENDING_AUTO_RENEWAL' | 'PENDING_VALIDATION' | 'SUCCESS' | 'FAILED';
  reason: string | undefined;
  updatedAt: Date;
  /** How many more times it is described as pending. */
  polls: number;
}

/** A certificate in ACM. */
export interface AcmCertificate {
  arn: string;
  type: 'AMAZON_ISSUED' | 'PRIVATE' | 'IMPORTED';
  status: 'PENDING_VALIDATION' | 'ISSUED' | 'FAILED' | 'REVOKED' | 'VALIDATION_TIMED_OUT';
  domainName: string;
  names: string[];
  keyAlgorithm: KeyAlgorithm;
  key: KeyObject | undefined;
  certificate: Certificate | undefined;
  /** From the issuer upwards. */
  chain: Certificate[];
  /** Of a private one. */
  caArn: string | undefined;
  failure: string | undefined;
  validations: DomainValidation[];
  /** Somebody said that all its names are validated. */
  approved: boolean;
  /** The public ones of which the key may be had. */
  exportable: boolean;
  exported: boolean;
  /** Whether this very certificate has been paid for. */
  paid: boolean;
  createdAt: Date;
  issuedAt: Date | undefined;
  importedAt: Date | undefined;
  revoked: { at: Date; reason: string } | undefined;
  renewal: Renewal | undefined;
  inUseBy: string[];
  tags: Map<string, string>;
  /** DescribeCertificate calls until the records are shown, and until a private one is issued. */
  polls: number;
  /** Calls that do not find it yet. */
  hidden: number;
}

export const newCertificateArn = ({ account, region }: Caller): string =>
  `arn:${partitionOf(region)}:acm:${region}:${account}:certificate/${randomUUID()}`;

const certificateArn = /^arn:[\w-]+:acm:[\w-]+:\d{12}:certificate\/[\w-]+$/;

/** The certificate that a request names. */
export function certificateOf({ cloud, input, caller }: Call, member = 'CertificateArn'): AcmCertificate {
  const arn = input.text(member, { min: 20, max: 2048 });
  if (!certificateArn.test(arn))
    throw new Refusal('InvalidArnException', `The arn ${arn} is not a valid certificate arn`);
  const found = cloud.certificates.get(arn);
  const hidden = found !== undefined && found.hidden > 0;
  if (hidden) found.hidden -= 1;
  if (!found || hidden || !isOwn(arn, caller)) {
    throw new Refusal(
      'ResourceNotFoundException',
      `Could not find certificate ${arn} in account ${caller.account}.`,
    );
  }
  return found;
}
