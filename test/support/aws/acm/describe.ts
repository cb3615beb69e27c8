import { serialHex, type Certificate } from '../../../../src/pki/x509/certificate.ts';
import { signatureName } from '../../../../src/pki/x509/algorithm-names.ts';
import { commonName, formatName } from '../../../../src/pki/x509/distinguished-name.ts';
import { epoch } from '../clock.ts';
import type { Call, Cloud } from '../cloud.ts';
import type { Json } from '../input.ts';
import { certificateOf, type AcmCertificate } from './certificate.ts';
import { isRenewable, settle } from './settle.ts';
import { keyUsageNames, purposesOf } from './usage-names.ts';
import { isValidated, mailboxes, type DomainValidation } from './validation.ts';

export async function describeCertificate(call: Call): Promise<Json> {
  const found = certificateOf(call);
  const shown = found.polls === 0;
  await settle(call.cloud, found, true);
  return { Certificate: detailOf(call.cloud, found, shown) };
}

/** The status as it is shown: a certificate past its end is EXPIRED. */
export function statusOf({ status, certificate }: AcmCertificate, now: Date): string {
  return status === 'ISSUED' && certificate && certificate.notAfter < now ? 'EXPIRED' : status;
}

export const eligibility = (found: AcmCertificate, now: Date): string =>
  isRenewable(found) && statusOf(found, now) === 'ISSUED' ? 'ELIGIBLE' : 'INELIGIBLE';

export const originOf = ({ type }: AcmCertificate): string =>
  type === 'IMPORTED' ? 'CUSTOMER_PROVIDED' : 'AWS_MANAGED';

/** @param shown whether the validation records are there yet: they come a few seconds late */
function detailOf(cloud: Cloud, found: AcmCertificate, shown: boolean): Json {
  const now = cloud.clock.now();
  const issued = found.status === 'ISSUED';
  const detailsOf = (done: boolean): Json[] =>
    found.validations.map((one) => validationDetail(cloud, found, one, shown, done));
  const validations = detailsOf(issued);
  return {
    CertificateArn: found.arn,
    DomainName: found.domainName,
    SubjectAlternativeNames: found.names,
    ...(validations.length > 0 && { DomainValidationOptions: validations }),
    Status: statusOf(found, now),
    Type: found.type,
    KeyAlgorithm: found.keyAlgorithm.replace('_', found.keyAlgorithm.startsWith('RSA') ? '-' : '_'),
    CreatedAt: epoch(found.createdAt),
    InUseBy: found.inUseBy,
    RenewalEligibility: eligibility(found, now),
    CertificateKeyPairOrigin: originOf(found),
    Options: {
      CertificateTransparencyLoggingPreference: found.type === 'AMAZON_ISSUED' ? 'ENABLED' : 'DISABLED',
      Export: found.exportable ? 'ENABLED' : 'DISABLED',
    },
    ...(found.caArn !== undefined && { CertificateAuthorityArn: found.caArn }),
    ...(found.issuedAt && { IssuedAt: epoch(found.issuedAt) }),
    ...(found.importedAt && { ImportedAt: epoch(found.importedAt) }),
    ...(found.status === 'FAILED' && { FailureReason: found.failure }),
    ...(found.revoked && { RevokedAt: epoch(found.revoked.at), RevocationReason: found.revoked.reason }),
    // A renewal validates anew.
    ...renewalDetail(found, detailsOf(found.renewal?.status === 'SUCCESS')),
    ...(found.certificate && certificateDetail(found.certificate)),
  };
}

function certificateDetail(certificate: Certificate): Json {
  return {
    Serial: serialHex(certificate.serial).replace(/..(?=.)/g, '$&:'),
    Subject: formatName(certificate.subjectName).replaceAll(', ', ','),
    Issuer: commonName(certificate.issuerName) ?? formatName(certificate.issuerName),
    NotBefore: epoch(certificate.notBefore),
    NotAfter: epoch(certificate.notAfter),
    SignatureAlgorithm: signatureText(certificate),
    KeyUsages: keyUsageNames(certificate).map((Name) => ({ Name })),
    ExtendedKeyUsages: purposesOf(certificate).map(({ name, id }) => ({ Name: name, OID: id })),
  };
}

/** `RSA with SHA-256` is SHA256WITHRSA here. */
const signatureText = ({ signatureAlgorithm }: Certificate): string =>
  signatureName(signatureAlgorithm.id).replace(/^(\w+) with SHA-(\d+)$/, 'SHA$2WITH$1');

function validationDetail(
  cloud: Cloud,
  { approved, status }: AcmCertificate,
  one: DomainValidation,
  shown: boolean,
  isDone: boolean,
): Json {
  const done = isDone || approved || isValidated(cloud, one);
  const failed = status === 'FAILED' || status === 'VALIDATION_TIMED_OUT';
  return {
    DomainName: one.domain,
    ValidationDomain: one.mailTo,
    ValidationStatus: done ? 'SUCCESS' : failed ? 'FAILED' : 'PENDING_VALIDATION',
    ValidationMethod: one.method,
    ...(one.method === 'EMAIL' && { ValidationEmails: mailboxes(one.mailTo) }),
    ...(one.record &&
      shown && { ResourceRecord: { Name: one.record.name, Type: 'CNAME', Value: one.record.value } }),
  };
}

function renewalDetail({ renewal }: AcmCertificate, validations: readonly Json[]): Json {
  if (!renewal) return {};
  return {
    RenewalSummary: {
      RenewalStatus: renewal.status,
      DomainValidationOptions: validations,
      UpdatedAt: epoch(renewal.updatedAt),
      ...(renewal.reason !== undefined && { RenewalStatusReason: renewal.reason }),
    },
  };
}
