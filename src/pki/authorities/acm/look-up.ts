import { PkiError } from '../../errors.ts';
import { parseArn } from '../aws/arn.ts';
import type { AwsConnection } from '../aws/options.ts';
import { regionOf } from '../aws/region.ts';
import { AcmCalls } from './calls.ts';
import { acmCertificateFacts, type AcmCertificateFacts } from './certificate-facts.ts';

export const isCertificateArn = /^certificate\/[A-Za-z0-9-]+$/;

/**
 * What ACM holds under an ARN: the certificate and its chain as PEM, empty while it is not issued.
 * @throws PkiError `bad-input`, `usage`, `not-found`, or as AWS failed
 */
export async function lookUpCertificate(
  reference: string,
  connection: AwsConnection,
): Promise<{ pem: string; facts: AcmCertificateFacts }> {
  const arn = parseArn(reference, 'acm', isCertificateArn, 'the target');
  const calls = new AcmCalls(regionOf(connection, arn), connection);
  const detail = await calls.describe(arn.text);
  if (!detail) {
    throw new PkiError('not-found', `ACM holds no ${arn.text}`, {
      hint: 'check the ARN and the account; "certwright list --ca acm" shows what is there',
    });
  }
  const facts = acmCertificateFacts(arn.text, detail);
  // A certificate that was never issued cannot be fetched; one that has expired or was revoked can.
  if (detail.NotAfter === undefined) return { pem: '', facts };
  const { certificate, chain } = await calls.get(arn.text);
  return { pem: `${certificate.trimEnd()}\n${chain}`, facts };
}
