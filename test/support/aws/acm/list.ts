import { isOwn } from '../caller.ts';
import { epoch } from '../clock.ts';
import type { Call, Cloud } from '../cloud.ts';
import type { Input, Json } from '../input.ts';
import { page } from '../page.ts';
import { invalidArgs } from '../refusal.ts';
import { keyAlgorithms, type AcmCertificate } from './certificate.ts';
import { eligibility, originOf, statusOf } from './describe.ts';
import { settle } from './settle.ts';
import { keyUsageNames, purposesOf } from './usage-names.ts';

const statuses = [
  'PENDING_VALIDATION',
  'ISSUED',
  'INACTIVE',
  'EXPIRED',
  'VALIDATION_TIMED_OUT',
  'REVOKED',
  'FAILED',
];
/** What is listed where the caller does not say which key types are wanted. */
const usual = ['RSA_1024', 'RSA_2048'];

export async function listCertificates({ cloud, caller, input }: Call): Promise<Json> {
  const mine = [...cloud.certificates.values()].filter(({ arn }) => isOwn(arn, caller));
  for (const one of mine) await settle(cloud, one, false);
  const wanted = filterOf(cloud, input);
  const found = mine.filter((one) => wanted.every((matches) => matches(one)));
  if (input.optionalChoice('SortBy', ['CREATED_AT'] as const)) {
    const order = input.choice('SortOrder', ['ASCENDING', 'DESCENDING'] as const) === 'ASCENDING' ? 1 : -1;
    found.sort((a, b) => order * (a.createdAt.getTime() - b.createdAt.getTime()));
  } else if (input.has('SortOrder')) throw invalidArgs('SortOrder is only valid with SortBy');
  const { items, next } = page(found, input, {
    limit: 'MaxItems',
    fallback: 1000,
    refusal: 'InvalidArgsException',
  });
  return { CertificateSummaryList: items.map((one) => summaryOf(cloud, one)), ...next };
}

type Filter = (certificate: AcmCertificate) => boolean;

function filterOf(cloud: Cloud, input: Input): Filter[] {
  const now = cloud.clock.now();
  const includes = input.optionalStructure('Includes');
  const asked = (name: string): string[] => includes?.texts(name) ?? [];
  const states = input.texts('CertificateStatuses');
  const keyTypes = includes?.has('keyTypes') === true ? asked('keyTypes') : usual;
  const origins = input.texts('CertificateKeyPairOrigins');
  const odd = [
    ...states.filter((one) => !statuses.includes(one)),
    ...keyTypes.filter((one) => !keyAlgorithms.includes(one as 'RSA_2048')),
  ];
  if (odd.length > 0) throw invalidArgs(`Not a value to filter by: ${odd.join(', ')}`);
  const option = includes?.optionalChoice('exportOption', ['ENABLED', 'DISABLED'] as const);
  const filters: Filter[] = [(one) => keyTypes.includes(one.keyAlgorithm)];
  if (states.length > 0) filters.push((one) => states.includes(statusOf(one, now)));
  if (origins.length > 0) filters.push((one) => origins.includes(originOf(one)));
  if (option) filters.push((one) => one.exportable === (option === 'ENABLED'));
  for (const usage of asked('keyUsage'))
    filters.push(
      ({ certificate }) => certificate !== undefined && keyUsageNames(certificate).includes(usage),
    );
  for (const purpose of asked('extendedKeyUsage')) {
    filters.push(
      ({ certificate }) =>
        certificate !== undefined && purposesOf(certificate).some(({ name }) => name === purpose),
    );
  }
  if (includes?.has('managedBy') === true) filters.push(() => false);
  return filters;
}

const mostNamesShown = 100;

function summaryOf(cloud: Cloud, one: AcmCertificate): Json {
  const now = cloud.clock.now();
  const { certificate } = one;
  return {
    CertificateArn: one.arn,
    DomainName: one.domainName,
    SubjectAlternativeNameSummaries: one.names.slice(0, mostNamesShown),
    HasAdditionalSubjectAlternativeNames: one.names.length > mostNamesShown,
    Status: statusOf(one, now),
    Type: one.type,
    KeyAlgorithm: one.keyAlgorithm.replace('_', one.keyAlgorithm.startsWith('RSA') ? '-' : '_'),
    KeyUsages: certificate ? keyUsageNames(certificate) : [],
    ExtendedKeyUsages: certificate ? purposesOf(certificate).map(({ name }) => name) : [],
    ExportOption: one.exportable ? 'ENABLED' : 'DISABLED',
    InUse: one.inUseBy.length > 0,
    Exported: one.exported,
    RenewalEligibility: eligibility(one, now),
    CertificateKeyPairOrigin: originOf(one),
    CreatedAt: epoch(one.createdAt),
    ...(certificate && { NotBefore: epoch(certificate.notBefore), NotAfter: epoch(certificate.notAfter) }),
    ...(one.issuedAt && { IssuedAt: epoch(one.issuedAt) }),
    ...(one.importedAt && { ImportedAt: epoch(one.importedAt) }),
    ...(one.revoked && { RevokedAt: epoch(one.revoked.at) }),
  };
}
