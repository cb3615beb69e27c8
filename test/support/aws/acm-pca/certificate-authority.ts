import { randomUUID, type KeyObject } from 'node:crypto';
import type { Certificate } from '../../../../src/pki/x509/certificate.ts';
import type { RevocationReason } from '../../../../src/pki/x509/crl-writer.ts';
import type { Caller } from '../caller.ts';
import type { Json } from '../input.ts';
import type { KeyAlgorithm, SigningAlgorithm } from './signing-algorithm.ts';

/** A certificate that a CA issued. */
export interface IssuedCertificate {
  arn: string;
  certificate: Certificate;
  template: string;
  issuedAt: Date;
  /** The service that asked for it, where no person did. */
  requestedBy: string | undefined;
  /** How many more times GetCertificate says that it is in progress. */
  polls: number;
  /** PEM of what GetCertificate answers, made when it is first asked for. */
  answer: Json | undefined;
}

export interface Revocation {
  serial: Buffer;
  reason: RevocationReason;
  revokedAt: Date;
}

interface Permission {
  principal: string;
  sourceAccount: string | undefined;
  actions: string[];
  createdAt: Date;
}

export type UsageMode = 'GENERAL_PURPOSE' | 'SHORT_LIVED_CERTIFICATE';

export interface CrlConfiguration {
  enabled: boolean;
  days: number;
  bucket: string | undefined;
  /** Where in the bucket, without the CA's own part. */
  path: string;
  /** Of a partitioned one: the partition that all certificates of the CA are in, since a million fit. */
  partition: string | undefined;
  /** As given, for DescribeCertificateAuthority. */
  given: Json;
}

/** A private CA, in one account and region. */
export interface CertificateAuthority {
  arn: string;
  type: 'ROOT' | 'SUBORDINATE';
  keyAlgorithm: KeyAlgorithm;
  signingAlgorithm: SigningAlgorithm;
  /** As given, for DescribeCertificateAuthority. */
  configuration: Json;
  /** Encoded Name. */
  subject: Buffer;
  /** DER of the extensions that its CSR asks for; empty where none. */
  csrExtensions: Buffer | undefined;
  usageMode: UsageMode;
  keyStorage: string;
  key: KeyObject;
  /** Encoded SubjectPublicKeyInfo. */
  publicKey: Buffer;
  state: 'PENDING_CERTIFICATE' | 'ACTIVE' | 'DISABLED' | 'DELETED' | 'CREATING';
  createdAt: Date;
  changedAt: Date;
  /** Of a deleted one: until when it can be restored, and to what. */
  restorable: { until: Date; state: 'PENDING_CERTIFICATE' | 'DISABLED' } | undefined;
  certificate: Certificate | undefined;
  /** From the issuer upwards to the root; empty for a root. */
  chain: Certificate[];
  crl: CrlConfiguration | undefined;
  ocsp: Json | undefined;
  issued: Map<string, IssuedCertificate>;
  /** By serial in hex. */
  revoked: Map<string, Revocation>;
  permissions: Permission[];
  policy: string | undefined;
  tags: Map<string, string>;
  reports: Map<string, AuditReport>;
}

interface AuditReport {
  id: string;
  bucket: string;
  key: string;
  createdAt: Date;
  /** How many more times it is still being created. */
  polls: number;
}

export const newCaArn = ({ account, region }: Caller): string =>
  `arn:${partitionOf(region)}:acm-pca:${region}:${account}:certificate-authority/${randomUUID()}`;

export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}

export const ownerOf = ({ arn }: { arn: string }): string => arn.split(':')[4] ?? '';

export const idOf = (ca: { arn: string }): string => ca.arn.slice(ca.arn.lastIndexOf('/') + 1);

/** The status as it is described: a CA that is past its certificate is EXPIRED, one past its recovery period is gone. */
export function statusOf(ca: CertificateAuthority, now: Date): string {
  const expired = ca.certificate !== undefined && ca.certificate.notAfter < now;
  return expired && (ca.state === 'ACTIVE' || ca.state === 'DISABLED') ? 'EXPIRED' : ca.state;
}
