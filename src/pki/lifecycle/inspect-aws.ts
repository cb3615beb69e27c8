import type { AcmCertificateFacts } from '../authorities/acm/certificate-facts.ts';
import type { PcaAuthorityFacts } from '../authorities/acm-pca/authority-facts.ts';
import type { PcaCertificateFacts } from '../authorities/acm-pca/look-up.ts';
import type { AwsConnection } from '../authorities/aws/options.ts';
import { inspectBytes, type Inspection, type Lent } from './inspect.ts';

export type { AcmCertificateFacts, PcaAuthorityFacts };
export type AwsFacts = AcmCertificateFacts | PcaAuthorityFacts | PcaCertificateFacts;

/**
 * A certificate or a CA at AWS: what AWS says of it, and what the certificate and its chain say.
 * @throws PkiError as `bad-input` where the ARN is of something else
 */
export async function inspectAws(
  arn: string,
  connection: AwsConnection,
  lent: Lent,
): Promise<{ inspection: Inspection; facts: AwsFacts }> {
  const { pem, facts } = await lookUp(arn, connection);
  if (pem === '') {
    return { facts, inspection: { found: [], problems: [], related: { relations: [], complete: true } } };
  }
  return { facts, inspection: await inspectBytes(Buffer.from(pem, 'latin1'), arn, lent) };
}

async function lookUp(arn: string, connection: AwsConnection): Promise<{ pem: string; facts: AwsFacts }> {
  if (arn.split(':')[2] === 'acm') {
    const { lookUpCertificate } = await import('../authorities/acm/look-up.ts');
    return lookUpCertificate(arn, connection);
  }
  const { lookUpPca } = await import('../authorities/acm-pca/look-up.ts');
  return lookUpPca(arn, connection);
}
