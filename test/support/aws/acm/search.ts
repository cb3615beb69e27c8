import { serialHex } from '../../../../src/pki/x509/certificate.ts';
import { commonName } from '../../../../src/pki/x509/distinguished-name.ts';
import { isOwn } from '../caller.ts';
import { epoch } from '../clock.ts';
import type { Call } from '../cloud.ts';
import type { Input, Json } from '../input.ts';
import { page } from '../page.ts';
import { invalid } from '../refusal.ts';
import type { AcmCertificate } from './certificate.ts';
import { eligibility, originOf, statusOf } from './describe.ts';
import { settle } from './settle.ts';
import { keyUsageNames, purposesOf } from './usage-names.ts';

/** All certificates, of every key type, that a statement of And, Or, Not and filters matches. */
export async function searchCertificates({ cloud, caller, input }: Call): Promise<Json> {
  const mine = [...cloud.certificates.values()].filter(({ arn }) => isOwn(arn, caller));
  for (const one of mine) await settle(cloud, one, false);
  const now = cloud.clock.now();
  const statement = input.optionalStructure('FilterStatement');
  const found = statement ? mine.filter((one) => holds(statement, one, now)) : mine;
  sort(found, input);
  const { items, next } = page(found, input, {
    limit: 'MaxResults',
    fallback: 100,
    refusal: 'ValidationException',
  });
  return { Results: items.map((one) => resultOf(one, now)), ...next };
}

function holds(statement: Input, one: AcmCertificate, now: Date): boolean {
  if (statement.has('And')) return statement.structures('And').every((inner) => holds(inner, one, now));
  if (statement.has('Or')) return statement.structures('Or').some((inner) => holds(inner, one, now));
  if (statement.has('Not')) return !holds(statement.structure('Not'), one, now);
  const filter = statement.structure('Filter');
  if (filter.has('CertificateArn')) return filter.text('CertificateArn') === one.arn;
  const x509 = filter.optionalStructure('X509AttributeFilter');
  return x509
    ? x509Holds(x509, one)
    : metadataHolds(filter.structure('AcmCertificateMetadataFilter'), one, now);
}

const serialPattern = /^[0-9a-f]{2}(:[0-9a-f]{2}){1,19}$/;

function x509Holds(filter: Input, { certificate, names, keyAlgorithm }: AcmCertificate): boolean {
  if (!certificate) return false;
  const wanted = (name: string): string | undefined => filter.optionalText(name);
  const usage = wanted('KeyUsage');
  if (usage !== undefined) return keyUsageNames(certificate).includes(usage);
  const purpose = wanted('ExtendedKeyUsage');
  if (purpose !== undefined) return purposesOf(certificate).some(({ name }) => name === purpose);
  const algorithm = wanted('KeyAlgorithm');
  if (algorithm !== undefined) return keyAlgorithm === algorithm;
  const serial = filter.optionalText('SerialNumber', { pattern: serialPattern });
  if (serial !== undefined) return serial.replaceAll(':', '') === serialHex(certificate.serial);
  const subject = filter.optionalStructure('Subject');
  if (subject) return compares(subject.structure('CommonName'), [commonName(certificate.subjectName) ?? '']);
  const alternative = filter.optionalStructure('SubjectAlternativeName');
  if (alternative) return compares(alternative.structure('DnsName'), names);
  const within = filter.optionalStructure('NotAfter') ?? filter.structure('NotBefore');
  const time = epoch(filter.has('NotAfter') ? certificate.notAfter : certificate.notBefore);
  const edge = (name: string, open: number): number => within.optionalInteger(name) ?? open;
  return time >= edge('Start', -Infinity) && time <= edge('End', Infinity);
}

function compares(comparison: Input, values: readonly string[]): boolean {
  const value = comparison.text('Value');
  const contains = comparison.choice('ComparisonOperator', ['CONTAINS', 'EQUALS'] as const) === 'CONTAINS';
  return values.some((one) => (contains ? one.includes(value) : one === value));
}

function metadataHolds(filter: Input, one: AcmCertificate, now: Date): boolean {
  const { CreatedAt: _, ...shown } = metadataOf(one, now);
  const [[name, value] = ['']] = Object.entries(filter.members);
  if (!(name in shown) && name !== 'RenewalStatus') throw invalid(`The filter ${name} is not emulated`);
  return shown[name] === value;
}

const metadataOf = (one: AcmCertificate, now: Date): Json => ({
  CreatedAt: epoch(one.createdAt),
  Status: statusOf(one, now),
  Type: one.type,
  Exported: one.exported,
  InUse: one.inUseBy.length > 0,
  ExportOption: one.exportable ? 'ENABLED' : 'DISABLED',
  RenewalEligibility: eligibility(one, now),
  CertificateKeyPairOrigin: originOf(one),
  ...(one.renewal && { RenewalStatus: one.renewal.status }),
  ...(one.validations[0] && { ValidationMethod: one.validations[0].method }),
  ...(one.issuedAt && { IssuedAt: epoch(one.issuedAt) }),
  ...(one.importedAt && { ImportedAt: epoch(one.importedAt) }),
  ...(one.revoked && { RevokedAt: epoch(one.revoked.at) }),
});

function resultOf(one: AcmCertificate, now: Date): Json {
  const { certificate } = one;
  return {
    CertificateArn: one.arn,
    CertificateMetadata: { AcmCertificateMetadata: metadataOf(one, now) },
    X509Attributes: {
      KeyAlgorithm: one.keyAlgorithm,
      SubjectAlternativeNames: one.names.map((DnsName) => ({ DnsName })),
      ...(certificate && {
        Subject: { CommonName: commonName(certificate.subjectName) },
        Issuer: { CommonName: commonName(certificate.issuerName) },
        SerialNumber: serialHex(certificate.serial).replace(/..(?=.)/g, '$&:'),
        NotBefore: epoch(certificate.notBefore),
        NotAfter: epoch(certificate.notAfter),
        KeyUsages: keyUsageNames(certificate),
        ExtendedKeyUsages: purposesOf(certificate).map(({ name }) => name),
      }),
    },
  };
}

const orders = {
  CREATED_AT: ({ createdAt }: AcmCertificate) => createdAt.getTime(),
  NOT_AFTER: ({ certificate }: AcmCertificate) => certificate?.notAfter.getTime() ?? 0,
  NOT_BEFORE: ({ certificate }: AcmCertificate) => certificate?.notBefore.getTime() ?? 0,
} as const;

/** Three of the twenty-one orders that there are. */
function sort(found: AcmCertificate[], input: Input): void {
  const by = input.optionalChoice('SortBy', Object.keys(orders) as (keyof typeof orders)[]) ?? 'CREATED_AT';
  const down = input.optionalChoice('SortOrder', ['ASCENDING', 'DESCENDING'] as const) === 'DESCENDING';
  const value = orders[by];
  found.sort((a, b) => (down ? value(b) - value(a) : value(a) - value(b)));
}
