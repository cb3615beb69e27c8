import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateCertificateAuthorityAuditReportCommand,
  DescribeCertificateAuthorityAuditReportCommand,
} from '@aws-sdk/client-acm-pca';
import { PkiError } from '../../errors.ts';
import { isCaArn, parseArn } from '../aws/arn.ts';
import type { AwsConnection } from '../aws/options.ts';
import { regionOf } from '../aws/region.ts';
import { AcmPcaClient } from './client.ts';

export interface AuditReport {
  id: string;
  bucket: string;
  key: string;
}

/**
 * Has AWS write all that a CA issued and revoked into a bucket, as JSON, and waits for it: the only list that there is.
 * @throws PkiError `unreachable` where it is not ready in time, or one was written within the last half hour
 */
export async function writeAuditReport(
  reference: string,
  bucket: string,
  connection: AwsConnection,
): Promise<AuditReport> {
  const arn = parseArn(reference, 'acm-pca', isCaArn, '--ca');
  const client = new AcmPcaClient(regionOf(connection, arn), connection);
  const created = await client.call('write an audit report', arn.text, async (sdk, http) => {
    const input = {
      CertificateAuthorityArn: arn.text,
      S3BucketName: bucket,
      AuditReportResponseFormat: 'JSON',
    } as const;
    return sdk.send(new CreateCertificateAuthorityAuditReportCommand(input), http).catch((error: unknown) => {
      throw withHint(error, arn.text);
    });
  });
  const { AuditReportId: id = '', S3Key: key = '' } = created;
  await ready(client, arn.text, id, connection);
  return { id, bucket, key };
}

/** What AWS words badly. */
function withHint(error: unknown, ca: string): unknown {
  if (!(error instanceof Error)) return error;
  if (error.name === 'RequestInProgressException') {
    return new PkiError('unreachable', `${ca} has written an audit report within the last half hour`, {
      hint: 'AWS writes one in 30 minutes: the one that is there is in its bucket, under audit-report/',
      cause: error,
    });
  }
  if (['InvalidRequestException', 'InvalidArgsException', 'AccessDeniedException'].includes(error.name)) {
    return new PkiError(
      'refused',
      `${ca} refuses to write an audit report: ${error.message} (${error.name})`,
      {
        hint: "the bucket's policy must let acm-pca.amazonaws.com do s3:GetBucketAcl, s3:GetBucketLocation, s3:PutObject and s3:PutObjectAcl",
        cause: error,
      },
    );
  }
  return error;
}

async function ready(
  client: AcmPcaClient,
  ca: string,
  id: string,
  { wait = 120_000, signal }: AwsConnection,
): Promise<void> {
  const deadline = performance.now() + wait;
  const input = { CertificateAuthorityArn: ca, AuditReportId: id };
  for (let pause = 500; ; pause = Math.min(pause * 1.5, 3_000)) {
    const { AuditReportStatus: status } = await client.call(
      'say how its audit report goes',
      ca,
      async (sdk, http) => sdk.send(new DescribeCertificateAuthorityAuditReportCommand(input), http),
    );
    if (status === 'SUCCESS') return;
    if (status === 'FAILED') {
      throw new PkiError('refused', `${ca} could not write its audit report ${id}`, {
        hint: "check the bucket's policy and region",
      });
    }
    if (performance.now() + pause > deadline) {
      throw new PkiError('unreachable', `${ca} is still writing its audit report ${id}`, {
        hint: 'it will be in the bucket under audit-report/',
      });
    }
    await sleep(pause, undefined, { signal }).catch(() => {
      signal.throwIfAborted();
    });
  }
}
