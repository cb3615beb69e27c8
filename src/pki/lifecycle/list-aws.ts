import type { AcmCertificateFacts } from '../authorities/acm/certificate-facts.ts';
import type { AuditReport } from '../authorities/acm-pca/audit-report.ts';
import type { AwsConnection } from '../authorities/aws/options.ts';

export type { AcmCertificateFacts, AuditReport };

/** Every certificate in ACM, or those of one private CA (`acm:ARN`), what ends first first. */
export async function listAcm(reference: string, connection: AwsConnection): Promise<AcmCertificateFacts[]> {
  const { listCertificates } = await import('../authorities/acm/list.ts');
  return listCertificates(reference, connection);
}

/** Has a CA of AWS Private CA write down in a bucket what it issued. */
export async function auditReport(
  ca: string,
  bucket: string,
  connection: AwsConnection,
): Promise<AuditReport> {
  const { writeAuditReport } = await import('../authorities/acm-pca/audit-report.ts');
  return writeAuditReport(ca, bucket, connection);
}
