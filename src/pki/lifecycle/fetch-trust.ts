import type { Trust } from '../authorities/authority.ts';
import type { AwsConnection } from '../authorities/aws/options.ts';
import { PkiError } from '../errors.ts';

/**
 * What an authority at AWS publishes.
 * @throws PkiError `unsupported` for ACM, and as AWS failed
 */
export async function fetchTrust(reference: string, connection: AwsConnection, now: Date): Promise<Trust> {
  if (!/^arn:[^:]+:acm-pca:/.test(reference)) {
    throw new PkiError('unsupported', `${reference} has no roots to give`, {
      hint: 'name the private CA behind it by its ARN, or a file of roots',
    });
  }
  const { fetchPcaTrust } = await import('../authorities/acm-pca/trust.ts');
  return fetchPcaTrust(reference, connection, now);
}
