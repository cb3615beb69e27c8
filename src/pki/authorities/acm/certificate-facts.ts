import type { CertificateDetail } from '@aws-sdk/client-acm';
import type { DnsRecord } from '../authority.ts';

/** What ACM knows of a certificate beside what the certificate says itself; times as in RFC 3339. */
export interface AcmCertificateFacts {
  kind: 'acm-certificate';
  arn: string;
  domain: string | null;
  status: string;
  /** `AMAZON_ISSUED`, `PRIVATE`, `IMPORTED` */
  type: string;
  serial: string | null;
  keyAlgorithm: string | null;
  notBefore: string | null;
  notAfter: string | null;
  /** ARNs of what serves it. */
  inUseBy: string[];
  /** ARN of the private CA. */
  authority: string | null;
  /** Whether ACM hands out its key. */
  exportable: boolean;
  managedBy: string | null;
  failureReason: string | null;
  renewalEligibility: string | null;
  renewal: { status: string; reason: string | null; updatedAt: string | null } | null;
  validation: { domain: string; status: string | null; record: Omit<DnsRecord, 'domain'> | null }[];
  revoked: { at: string; reason: string | null } | null;
}

export function acmCertificateFacts(arn: string, detail: CertificateDetail): AcmCertificateFacts {
  const { RenewalSummary: renewal, RevokedAt: revokedAt } = detail;
  const type = detail.Type ?? 'unknown';
  return {
    kind: 'acm-certificate',
    arn,
    domain: detail.DomainName ?? null,
    status: detail.Status ?? 'unknown',
    type,
    serial: detail.Serial ?? null,
    keyAlgorithm: detail.KeyAlgorithm ?? null,
    notBefore: timeOf(detail.NotBefore),
    notAfter: timeOf(detail.NotAfter),
    inUseBy: detail.InUseBy ?? [],
    authority: detail.CertificateAuthorityArn ?? null,
    exportable: type === 'PRIVATE' || (type === 'AMAZON_ISSUED' && detail.Options?.Export === 'ENABLED'),
    managedBy: detail.ManagedBy ?? null,
    failureReason: detail.FailureReason ?? null,
    renewalEligibility: detail.RenewalEligibility ?? null,
    renewal: renewal
      ? {
          status: renewal.RenewalStatus ?? 'unknown',
          reason: renewal.RenewalStatusReason ?? null,
          updatedAt: timeOf(renewal.UpdatedAt),
        }
      : null,
    validation: validationOf(renewal?.DomainValidationOptions ?? detail.DomainValidationOptions ?? []),
    revoked: revokedAt ? { at: revokedAt.toISOString(), reason: detail.RevocationReason ?? null } : null,
  };
}

const timeOf = (time: Date | undefined): string | null => time?.toISOString() ?? null;

const validationOf = (
  options: NonNullable<CertificateDetail['DomainValidationOptions']>,
): AcmCertificateFacts['validation'] =>
  options.map(({ DomainName: domain = '', ValidationStatus: status, ResourceRecord: record }) => ({
    domain,
    status: status ?? null,
    record: record ? { name: record.Name ?? '', type: record.Type ?? '', value: record.Value ?? '' } : null,
  }));
