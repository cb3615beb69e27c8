import type { Certificate } from '../../x509/certificate.ts';
import { isRefusal } from '../aws/failure.ts';
import { certificatesInPem } from '../aws/pem.ts';
import type { AcmCalls } from './calls.ts';
import { summaries } from './list.ts';
import type { AcmThere } from './regions.ts';

/** Statuses of what has no certificate, and never had one. */
const neverIssued: readonly (string | undefined)[] = ['PENDING_VALIDATION', 'FAILED', 'VALIDATION_TIMED_OUT'];

/** Every ARN under which ACM holds this very certificate, as they are found. */
export async function* findCertificate(
  { der, notAfter }: Certificate,
  types: readonly string[],
  { client, calls }: AcmThere,
): AsyncGenerator<string> {
  for await (const summary of summaries(client)) {
    const { CertificateArn: arn = '', Type: type = '', NotAfter: end, Status: status } = summary;
    if (!types.includes(type) || neverIssued.includes(status)) continue;
    if (end && end.getTime() !== notAfter.getTime()) continue;
    if ((await heldUnder(arn, calls))?.equals(der) === true) yield arn;
  }
}

/** `undefined` where there is none yet, or none any more: it is none that is looked for then. */
export async function heldUnder(arn: string, calls: AcmCalls): Promise<Buffer | undefined> {
  try {
    return certificatesInPem((await calls.get(arn)).certificate)[0];
  } catch (error) {
    const isNone = ['RequestInProgressException', 'ResourceNotFoundException'].some((name) =>
      isRefusal(error, name),
    );
    if (isNone) return undefined;
    throw error;
  }
}
