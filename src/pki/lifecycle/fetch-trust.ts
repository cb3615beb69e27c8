import type { Trust } from '../authorities/authority.ts';
import type { AwsConnection } from '../authorities/aws/options.ts';
import { PkiError } from '../errors.ts';

/**
 * What an authority at AWS publishes.
 * @param hasCrl whether the CRL of an issuer (encoded Name) is there already.
 * @throws PkiError `unsupported` for ACM, and as AWS failed
 */
export async function fetchTrust(
  reference: string,
  hasCrl: (issuer: Buffer) => boolean,
  connection: AwsConnection,
  now: Date,
): Promise<Trust> {
  if (!/^arn:[^:]+:acm-pca:/.test(reference)) {
    throw new PkiError('unsupported', `${reference} has no roots to give`, {
      hint: 'name the private CA behind it by its ARN, or a file of roots',
    });
  }
  const { fetchPcaTrust } = await import('../authorities/acm-pca/trust.ts');
  return fetchPcaTrust(reference, hasCrl, connection, now);
}
