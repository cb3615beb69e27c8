import { randomUUID } from 'node:crypto';
import { serialHex } from '../../../../src/pki/x509/certificate.ts';
import { formatName } from '../../../../src/pki/x509/distinguished-name.ts';
import { epoch } from '../clock.ts';
import type { Call } from '../cloud.ts';
import type { Json } from '../input.ts';
import { Refusal } from '../refusal.ts';
import { caOf, requireState } from './arn.ts';
import { idOf, type CertificateAuthority, type IssuedCertificate } from './certificate-authority.ts';
import { reasons } from './crl.ts';

const halfAnHour = 30 * 60_000;

/** Writes a list of all that the CA issued and revoked into the bucket; one every half hour. */
export function createCertificateAuthorityAuditReport(call: Call): Json {
  const { input, cloud, caller } = call;
  const ca = caOf(call);
  const bucket = input.text('S3BucketName', { min: 3, max: 63 });
  const format = input.choice('AuditReportResponseFormat', ['JSON', 'CSV'] as const);
  requireState(call, ca, 'ACTIVE', 'DISABLED', 'EXPIRED');
  const now = cloud.clock.now();
  const last = [...ca.reports.values()].at(-1);
  // How AWS words this one is not documented.
  if (last && now.getTime() - last.createdAt.getTime() < halfAnHour)
    throw new Refusal('RequestInProgressException', 'An audit report can be created every 30 minutes');
  const id = randomUUID();
  const key = `audit-report/${idOf(ca)}/${id}.${format.toLowerCase()}`;
  const rows = [...ca.issued.values()].map((issued) => rowOf(ca, issued, caller.account));
  const body = format === 'JSON' ? JSON.stringify(rows, null, 2) : csvOf(rows);
  ca.reports.set(id, { id, bucket, key, createdAt: now, polls: 1 });
  cloud.objects.set(`/${bucket}/${key}`, {
    type: format === 'JSON' ? 'application/json' : 'text/csv',
    body: Buffer.from(body),
  });
  return { AuditReportId: id, S3Key: key };
}

export function describeCertificateAuthorityAuditReport(call: Call): Json {
  const ca = caOf(call);
  const id = call.input.text('AuditReportId', { min: 36, max: 36 });
  const report = ca.reports.get(id);
  if (!report) throw new Refusal('ResourceNotFoundException', `Could not find audit report ${id}.`);
  const ready = report.polls === 0;
  if (!ready) report.polls -= 1;
  return {
    AuditReportStatus: ready ? 'SUCCESS' : 'CREATING',
    S3BucketName: report.bucket,
    S3Key: report.key,
    CreatedAt: epoch(report.createdAt),
  };
}

const columns = [
  'awsAccountId',
  'requestedByServicePrincipal',
  'certificateArn',
  'serial',
  'subject',
  'notBefore',
  'notAfter',
  'issuedAt',
  'revokedAt',
  'revocationReason',
  'templateArn',
] as const;
type Row = Partial<Record<(typeof columns)[number], string>>;

function rowOf(ca: CertificateAuthority, issued: IssuedCertificate, awsAccountId: string): Row {
  const { certificate, arn, template, issuedAt, requestedBy } = issued;
  const hex = serialHex(certificate.serial);
  const revocation = ca.revoked.get(hex.replace(/^0+/, ''));
  const reason = Object.entries(reasons).find(([, one]) => one === revocation?.reason)?.[0];
  return {
    awsAccountId,
    ...(requestedBy !== undefined && { requestedByServicePrincipal: requestedBy }),
    certificateArn: arn,
    serial: hex.padStart(32, '0').replace(/..(?=.)/g, '$&:'),
    subject: formatName(certificate.subjectName.toReversed()).replaceAll(', ', ','),
    notBefore: stamp(certificate.notBefore),
    notAfter: stamp(certificate.notAfter),
    issuedAt: stamp(issuedAt),
    ...(revocation &&
      reason !== undefined && { revokedAt: stamp(revocation.revokedAt), revocationReason: reason }),
    templateArn: `arn:${ca.arn.split(':')[1] ?? ''}:acm-pca:::template/${template}/V1`,
  };
}

const stamp = (time: Date): string => time.toISOString().replace(/\.\d+Z$/, '+0000');

const csvOf = (rows: readonly Row[]): string =>
  [
    columns.join(','),
    ...rows.map((row) => columns.map((column) => `"${(row[column] ?? '').replaceAll('"', '""')}"`).join(',')),
  ].join('\n');
