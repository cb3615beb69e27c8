import type { CertificateAuthority, Permission } from '@aws-sdk/client-acm-pca';

/** What AWS Private CA knows of a CA beside what its certificate says itself; times as in RFC 3339. */
export interface PcaAuthorityFacts {
  kind: 'acm-pca-authority';
  arn: string;
  /** `ROOT`, `SUBORDINATE` */
  type: string;
  status: string;
  /** `GENERAL_PURPOSE`, `SHORT_LIVED_CERTIFICATE` */
  mode: string;
  owner: string | null;
  serial: string | null;
  keyAlgorithm: string | null;
  signingAlgorithm: string | null;
  keyStorage: string | null;
  createdAt: string | null;
  notBefore: string | null;
  notAfter: string | null;
  failureReason: string | null;
  restorableUntil: string | null;
  crl: {
    enabled: boolean;
    bucket: string | null;
    url: string | null;
    acl: string | null;
    days: number | null;
  };
  ocsp: { enabled: boolean; url: string | null };
  /** Who may issue from it beside its owner's account; `null` where that may not be asked. */
  permissions: { principal: string; actions: string[] }[] | null;
}

export function pcaAuthorityFacts(
  arn: string,
  ca: CertificateAuthority,
  permissions: readonly Permission[] | undefined,
): PcaAuthorityFacts {
  const { CrlConfiguration: crl, OcspConfiguration: ocsp } = ca.RevocationConfiguration ?? {};
  const time = (value: Date | undefined): string | null => value?.toISOString() ?? null;
  return {
    kind: 'acm-pca-authority',
    arn,
    type: ca.Type ?? 'unknown',
    status: ca.Status ?? 'unknown',
    mode: ca.UsageMode ?? 'GENERAL_PURPOSE',
    owner: ca.OwnerAccount ?? null,
    serial: ca.Serial ?? null,
    keyAlgorithm: ca.CertificateAuthorityConfiguration?.KeyAlgorithm ?? null,
    signingAlgorithm: ca.CertificateAuthorityConfiguration?.SigningAlgorithm ?? null,
    keyStorage: ca.KeyStorageSecurityStandard ?? null,
    createdAt: time(ca.CreatedAt),
    notBefore: time(ca.NotBefore),
    notAfter: time(ca.NotAfter),
    failureReason: ca.FailureReason ?? null,
    restorableUntil: time(ca.RestorableUntil),
    crl: {
      enabled: crl?.Enabled ?? false,
      bucket: crl?.S3BucketName ?? null,
      url: crl?.CustomCname ?? null,
      acl: crl?.S3ObjectAcl ?? null,
      days: crl?.ExpirationInDays ?? null,
    },
    ocsp: { enabled: ocsp?.Enabled ?? false, url: ocsp?.OcspCustomCname ?? null },
    permissions:
      permissions?.map(({ Principal: principal = '', Actions: actions = [] }) => ({ principal, actions })) ??
      null,
  };
}
