import type { Caller } from './caller.ts';
import type { FaultSettings } from './faults.ts';

/** Calls a second that AWS allows an account in a region by default (Service Quotas; ACM user guide, "Quotas"). */
const rates: Readonly<Record<Caller['service'], Readonly<Record<string, number>>>> = {
  'acm-pca': {
    CreateCertificateAuthority: 1,
    CreateCertificateAuthorityAuditReport: 1,
    CreatePermission: 1,
    DeleteCertificateAuthority: 10,
    DeletePermission: 1,
    DescribeCertificateAuthority: 20,
    DescribeCertificateAuthorityAuditReport: 20,
    GetCertificate: 75,
    GetCertificateAuthorityCertificate: 20,
    GetCertificateAuthorityCsr: 10,
    ImportCertificateAuthorityCertificate: 10,
    IssueCertificate: 25,
    ListCertificateAuthorities: 20,
    ListPermissions: 5,
    ListTags: 20,
    RestoreCertificateAuthority: 20,
    RevokeCertificate: 20,
    TagCertificateAuthority: 10,
    UntagCertificateAuthority: 10,
    UpdateCertificateAuthority: 10,
  },
  acm: {
    AddTagsToCertificate: 5,
    DeleteCertificate: 10,
    DescribeCertificate: 10,
    ExportCertificate: 10,
    GetAccountConfiguration: 1,
    GetCertificate: 10,
    ImportCertificate: 1,
    ListCertificates: 8,
    ListTagsForCertificate: 10,
    PutAccountConfiguration: 1,
    RemoveTagsFromCertificate: 5,
    RenewCertificate: 5,
    RequestCertificate: 5,
    ResendValidationEmail: 1,
    UpdateCertificateOptions: 5,
  },
};

/** Token buckets that hold one second's worth, filled in real time. */
export class Rates {
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  /** Whether this call is within its rate; a refused one costs nothing. */
  allows({ service, account, region }: Caller, operation: string, settings: FaultSettings): boolean {
    const perSecond = limitOf(service, operation, settings);
    if (perSecond === undefined) return true;
    const key = `${account} ${region} ${service} ${operation}`;
    const now = performance.now();
    const bucket = this.#buckets.get(key) ?? { tokens: perSecond, at: now };
    const tokens = Math.min(perSecond, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    const allowed = tokens >= 1;
    this.#buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
    return allowed;
  }
}

function limitOf(service: Caller['service'], operation: string, settings: FaultSettings): number | undefined {
  if (operation === 'IssueCertificate' && settings.issuePerSecond !== undefined)
    return settings.issuePerSecond;
  return settings.rates ? rates[service][operation] : undefined;
}
