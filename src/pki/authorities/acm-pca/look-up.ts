import { setTimeout as sleep } from 'node:timers/promises';
import { ListPermissionsCommand, type Permission } from '@aws-sdk/client-acm-pca';
import { PkiError } from '../../errors.ts';
import { isCaArn, parseArn } from '../aws/arn.ts';
import type { AwsConnection } from '../aws/options.ts';
import { regionOf } from '../aws/region.ts';
import { pcaAuthorityFacts, type PcaAuthorityFacts } from './authority-facts.ts';
import { AcmPcaCalls } from './calls.ts';
import { AcmPcaClient } from './client.ts';

/** AWS Private CA keeps no more of a certificate than the certificate and who issued it. */
export interface PcaCertificateFacts {
  kind: 'acm-pca-certificate';
  arn: string;
  authority: string;
}

/** Statuses in which a CA has a certificate to hand out. */
const certified = ['ACTIVE', 'DISABLED', 'EXPIRED'];

/**
 * What AWS Private CA holds under the ARN of a CA or of a certificate, with PEM of the certificates, which is empty
 * where a CA has none yet.
 * @throws PkiError `bad-input`, `usage`, `unreachable` while a certificate is being made, or as AWS failed
 */
export async function lookUpPca(
  reference: string,
  connection: AwsConnection,
): Promise<{ pem: string; facts: PcaAuthorityFacts | PcaCertificateFacts }> {
  const [ca = '', certificate] = reference.split(/(?<=certificate-authority\/[^/]*)\/certificate\//);
  const arn = parseArn(ca, 'acm-pca', isCaArn, 'the target');
  const region = regionOf(connection, arn);
  const calls = new AcmPcaCalls(arn.text, region, connection);
  if (certificate !== undefined) {
    const pem = await issuedCertificate(reference, calls, connection);
    return { pem, facts: { kind: 'acm-pca-certificate', arn: reference, authority: arn.text } };
  }
  const { CertificateAuthority: described = {} } = await calls.describe();
  const permissions = await permissionsOf(arn.text, new AcmPcaClient(region, connection));
  const pem = certified.includes(described.Status ?? '') ? await calls.caChain() : [];
  return { pem: joinPem(pem), facts: pcaAuthorityFacts(arn.text, described, permissions) };
}

async function issuedCertificate(
  arn: string,
  calls: AcmPcaCalls,
  { signal, wait = 10_000 }: AwsConnection,
): Promise<string> {
  const deadline = performance.now() + wait;
  for (;;) {
    const answer = await calls.fetch(arn);
    if (answer) return joinPem([answer.Certificate ?? '', answer.CertificateChain ?? '']);
    if (performance.now() > deadline) {
      throw new PkiError('unreachable', `AWS is still making ${arn}`, { hint: 'try again in a minute' });
    }
    await sleep(500, undefined, { signal }).catch(() => {
      signal.throwIfAborted();
    });
  }
}

/** Whoever may describe a CA need not be allowed to see who else may use it. */
async function permissionsOf(ca: string, client: AcmPcaClient): Promise<Permission[] | undefined> {
  const found: Permission[] = [];
  try {
    let next: { NextToken?: string } = {};
    do {
      const input = { CertificateAuthorityArn: ca, ...next };
      const answer = await client.call('list its permissions', ca, async (sdk, http) =>
        sdk.send(new ListPermissionsCommand(input), http),
      );
      found.push(...(answer.Permissions ?? []));
      next = answer.NextToken === undefined ? {} : { NextToken: answer.NextToken };
    } while (next.NextToken !== undefined);
    return found;
  } catch (error) {
    if (error instanceof PkiError && error.code === 'refused') return undefined;
    throw error;
  }
}

const joinPem = (parts: readonly string[]): string =>
  parts
    .filter((part) => part !== '')
    .map((part) => `${part.trimEnd()}\n`)
    .join('');
