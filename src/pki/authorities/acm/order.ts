import { randomUUID } from 'node:crypto';
import type { CertificateDetail, RequestCertificateCommandInput } from '@aws-sdk/client-acm';
import { PkiError } from '../../errors.ts';
import type { KeyType } from '../../x509/key.ts';
import type { Profile } from '../../x509/profile.ts';
import { nameText } from '../../x509/subject-alternative-name.ts';
import type { DnsRecord } from '../authority.ts';
import type { AwsOptions } from '../aws/options.ts';

/** A request as it was first sent; plain JSON, since it is kept in the journal. */
export type PlacedRequest = Pick<
  RequestCertificateCommandInput,
  | 'DomainName'
  | 'SubjectAlternativeNames'
  | 'CertificateAuthorityArn'
  | 'KeyAlgorithm'
  | 'ValidationMethod'
  | 'Options'
  | 'IdempotencyToken'
  | 'ManagedBy'
> & {
  /** Where it was sent: ACM knows its token nowhere else. */
  region: string;
};

export interface RequestWishes extends Pick<AwsOptions, 'exportable' | 'validation'> {
  /** ARN of the private CA; `undefined` for a public certificate. */
  ca: string | undefined;
  region: string;
}

const keyAlgorithms: Readonly<Partial<Record<KeyType, PlacedRequest['KeyAlgorithm']>>> = {
  'rsa-2048': 'RSA_2048',
  'ec-p256': 'EC_prime256v1',
  'ec-p384': 'EC_secp384r1',
};

/** ACM's default quota of names in one certificate. */
const mostNames = 10;
const elsewhere = 'AWS Private CA (--ca arn:aws:acm-pca:…) and a CA in a folder can';

const refuse = (what: string, hint: string): PkiError => new PkiError('unsupported', `ACM ${what}`, { hint });

/**
 * Refuses what ACM cannot do, before it is asked, naming the authority that can.
 * @param ca ARN of the private CA; `undefined` for a public certificate
 * @throws PkiError `unsupported`
 */
export function refuseBeyondAcm(profile: Profile, ca: string | undefined): void {
  const { names, keyType, subject } = profile;
  const other = names.find(({ kind }) => kind !== 'dns');
  if (other) throw refuse(`issues for host names only, not for ${nameText(other)}`, elsewhere);
  const [first = ''] = names.map(nameText);
  if (!first.includes('.') || first.length > 64) {
    throw refuse(
      `wants a first name with a dot and of at most 64 characters, not ${JSON.stringify(first)}`,
      'put another one first',
    );
  }
  if (names.length > mostNames) throw refuse(`takes ${mostNames} names, not ${names.length}`, elsewhere);
  if (keyAlgorithms[keyType] === undefined) {
    throw refuse(
      `makes no ${keyType} keys`,
      `--key-type ${Object.keys(keyAlgorithms).join(' or ')}; ${elsewhere}`,
    );
  }
  if (subject) throw refuse('chooses the subject itself', `leave out --subject; ${elsewhere}`);
  if (profile.crlUrls.length + profile.ocspUrls.length + profile.issuerUrls.length > 0) {
    throw refuse('writes its own CRL and OCSP URLs', 'leave out --crl-url, --ocsp-url and --aia-url');
  }
  refuseUsage(profile, ca);
}

function refuseUsage({ usage }: Profile, ca: string | undefined): void {
  if (ca === undefined && usage !== 'server') {
    throw refuse(
      'issues no public certificate for client authentication (none since June 2025)',
      'ask with --usage server, or of a private CA: --ca acm:arn:aws:acm-pca:…',
    );
  }
  if (ca !== undefined && usage !== 'mtls') {
    throw refuse(
      'issues private certificates for servers and clients alike',
      `leave out --usage; for one purpose only, ask the CA itself: --ca ${ca}`,
    );
  }
}

export function placeRequest(profile: Profile, wishes: RequestWishes): PlacedRequest {
  const { ca, region, exportable, validation } = wishes;
  const [domain = '', ...others] = profile.names.map(nameText);
  const request: PlacedRequest = {
    region,
    DomainName: domain,
    ...(others.length === 0 ? {} : { SubjectAlternativeNames: [domain, ...others] }),
    KeyAlgorithm: keyAlgorithms[profile.keyType],
    ...(ca === undefined
      ? {
          ValidationMethod: validation.toUpperCase() as PlacedRequest['ValidationMethod'],
          ...(exportable ? { Options: { Export: 'ENABLED' as const } } : {}),
          ...(validation === 'http' ? { ManagedBy: 'CLOUDFRONT' as const } : {}),
        }
      : { CertificateAuthorityArn: ca }),
  };
  // ACM compares nothing but the token, for an hour, and makes the key itself: the next certificate for the same names
  // must have another one. The journal keeps it, so that a request which is sent again has the same.
  return { ...request, IdempotencyToken: randomUUID().replaceAll('-', '') };
}

/** The records to publish, each once: `*.x` and `x` share one. `undefined` until ACM has made up all of them. */
export function recordsOf({
  DomainValidationOptions: options = [],
}: CertificateDetail): DnsRecord[] | undefined {
  const byDns = options.filter(({ ValidationMethod: method }) => method === 'DNS');
  if (options.length === 0 || byDns.some(({ ResourceRecord: record }) => record === undefined)) {
    return undefined;
  }
  const records = byDns.map(({ DomainName: domain = '', ResourceRecord: record }) => ({
    domain,
    name: record?.Name ?? '',
    type: record?.Type ?? '',
    value: record?.Value ?? '',
  }));
  return records.filter(({ name }, index) => records.findIndex((one) => one.name === name) === index);
}

/** Whom ACM has written to, or what it looks for on the web, where names are not validated by DNS; each once. */
export function proofsOf({ DomainValidationOptions: options = [] }: CertificateDetail): string[] {
  const proofs = options.flatMap(({ ValidationEmails: mail = [], HttpRedirect: redirect }) => [
    ...mail,
    ...(redirect?.RedirectFrom === undefined
      ? []
      : [`${redirect.RedirectFrom} to redirect to ${redirect.RedirectTo ?? 'ACM'}`]),
  ]);
  return [...new Set(proofs)];
}
