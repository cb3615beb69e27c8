import { ListCertificatesCommand, type CertificateSummary, type KeyAlgorithm } from '@aws-sdk/client-acm';
import { isCaArn, parseArn } from '../aws/arn.ts';
import type { AwsConnection } from '../aws/options.ts';
import { regionOf } from '../aws/region.ts';
import { AcmCalls } from './calls.ts';
import { acmCertificateFacts, type AcmCertificateFacts } from './certificate-facts.ts';
import { AcmClient } from './client.ts';

/** ACM leaves out all but RSA of 1024 and 2048 bits unless they are named, and what came by ACME. */
const everyKeyType = [
  'RSA_1024',
  'RSA_2048',
  'RSA_3072',
  'RSA_4096',
  'EC_prime256v1',
  'EC_secp384r1',
  'EC_secp521r1',
] as const satisfies readonly KeyAlgorithm[];
const everyOrigin = ['AWS_MANAGED', 'CUSTOMER_PROVIDED', 'ACME'] as const;

/** Every certificate in ACM, page by page, as ACM sums it up. */
export async function* summaries(client: AcmClient): AsyncGenerator<CertificateSummary> {
  let next: { NextToken?: string } = {};
  do {
    const input = {
      Includes: { keyTypes: [...everyKeyType] },
      CertificateKeyPairOrigins: [...everyOrigin],
      MaxItems: 1000,
      ...next,
    };
    const answer = await client.call('list its certificates', async (sdk, http) =>
      sdk.send(new ListCertificatesCommand(input), http),
    );
    yield* answer.CertificateSummaryList ?? [];
    next = answer.NextToken === undefined ? {} : { NextToken: answer.NextToken };
  } while (next.NextToken !== undefined);
}

/**
 * Every certificate in ACM. A summary tells most; what uses one, which CA it is of and how its renewal goes is asked for
 * where there can be an answer.
 * @param reference `acm` for all, `acm:` and the ARN of a private CA for those that it issued
 */
export async function listCertificates(
  reference: string,
  connection: AwsConnection,
): Promise<AcmCertificateFacts[]> {
  const ca = reference === 'acm' ? undefined : reference.replace(/^acm:/, '');
  const arn = ca === undefined ? undefined : parseArn(ca, 'acm-pca', isCaArn, '--ca');
  const region = regionOf(connection, arn);
  const client = new AcmClient(region, connection);
  const calls = new AcmCalls(region, connection);
  const found: Promise<AcmCertificateFacts | undefined>[] = [];
  for await (const summary of summaries(client)) {
    if (ca !== undefined && summary.Type !== 'PRIVATE') continue;
    const facts = factsOf(summary, calls);
    // It is awaited below; until then its failure is nobody's.
    facts.catch(() => undefined);
    found.push(facts);
  }
  const all = (await Promise.all(found)).filter((one) => one !== undefined);
  return all.filter(({ authority }) => ca === undefined || authority === ca).sort(byEnd);
}

async function factsOf(
  summary: CertificateSummary,
  calls: AcmCalls,
): Promise<AcmCertificateFacts | undefined> {
  const { CertificateArn: arn = '', InUse: inUse, Type: type, Status: status } = summary;
  const hasMore = inUse !== false || type === 'PRIVATE' || status !== 'ISSUED';
  if (!hasMore) {
    // How it may be used is written in the certificate.
    const { ExportOption: option, KeyUsages: _1, ExtendedKeyUsages: _2, ...rest } = summary;
    const options = option === undefined ? {} : { Options: { Export: option } };
    return acmCertificateFacts(arn, { ...rest, ...options });
  }
  const detail = await calls.describe(arn);
  // It was deleted since.
  return detail && acmCertificateFacts(arn, detail);
}

/** What ends first comes first; what has no end yet comes last. */
const byEnd = (a: AcmCertificateFacts, b: AcmCertificateFacts): number =>
  (a.notAfter ?? '9').localeCompare(b.notAfter ?? '9');
