import type { Certificate } from '../../x509/certificate.ts';
import { certificatesInPem } from '../aws/pem.ts';
import type { AcmCalls } from './calls.ts';
import type { AcmClient } from './client.ts';
import { summaries } from './list.ts';

/** The ARN under which ACM holds this very certificate. */
export async function findCertificate(
  { der, notAfter }: Certificate,
  types: readonly string[],
  client: AcmClient,
  calls: AcmCalls,
): Promise<string | undefined> {
  for await (const { CertificateArn: arn = '', Type: type = '', NotAfter: end } of summaries(client)) {
    if (!types.includes(type) || (end && end.getTime() !== notAfter.getTime())) continue;
    const { certificate } = await calls.get(arn);
    if (certificatesInPem(certificate)[0]?.equals(der) === true) return arn;
  }
  return undefined;
}
