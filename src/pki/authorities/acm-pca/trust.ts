import { download, type DownloadFault } from '../../download.ts';
import { PkiError } from '../../errors.ts';
import { readCertificate, type Certificate } from '../../x509/certificate.ts';
import { readCrl } from '../../x509/crl.ts';
import { crlUrlsIn } from '../../x509/distribution-urls.ts';
import { certificatePem, encodePem } from '../../x509/pem-writer.ts';
import { checkSignature } from '../../x509/validation/signature.ts';
import { parseArn, isCaArn, type Arn } from '../aws/arn.ts';
import type { AwsConnection } from '../aws/options.ts';
import { regionOf } from '../aws/region.ts';
import type { Trust } from '../authority.ts';
import { AcmPcaCalls } from './calls.ts';

/** A million entries have a sixth of this. */
const mostBytes = 256 * 1024 * 1024;
/** Nobody waits longer for the whole, however slowly it drips; milliseconds. */
const longest = 600_000;

/**
 * The chain of a CA, its CRL from where AWS publishes it, and those of the CAs above it from where the chain says: with the one
 * and not the others, servers refuse everybody. A CRL is believed as far as its CA has signed it: it comes over plain HTTP.
 * @param hasCrl whether the CRL of an issuer (encoded Name) is there already.
 * @throws PkiError `unreachable`, `not-found` where there is no CRL yet, `unsupported` for a partitioned one
 */
export async function fetchPcaTrust(
  reference: string,
  hasCrl: (issuer: Buffer) => boolean,
  connection: AwsConnection,
  now: Date,
): Promise<Trust> {
  const arn = parseArn(reference, 'acm-pca', isCaArn, 'the authority');
  const calls = new AcmPcaCalls(arn.text, regionOf(connection, arn), connection);
  const { CertificateAuthority: ca } = await calls.describe();
  const [own, ...upper] = certificatesIn(await calls.caChain());
  if (!own)
    throw new PkiError('not-found', `${reference} has no certificate yet`, { hint: 'install one first' });
  const url = crlUrl(arn, ca?.RevocationConfiguration?.CrlConfiguration ?? {}, connection);
  const above = crlsAbove([own, ...upper]).filter(([, { subject }]) => !hasCrl(subject));
  let crls = '';
  for (const [from, issuer] of url === undefined ? [] : [[url, own] as const, ...above]) {
    crls += crlPem(await crlFrom(from, connection), issuer, from, now);
  }
  const chain = [own, ...upper].map(({ der }) => certificatePem(der));
  return { roots: chain.at(-1) ?? '', intermediates: chain.slice(0, -1).join(''), crls };
}

function certificatesIn(pems: readonly string[]): Certificate[] {
  const blocks = pems.join('\n').matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g);
  return [...blocks].map(([, base64 = '']) => readCertificate(Buffer.from(base64, 'base64')));
}

/** Where the CRL of each CA above the first is, as the certificate below it says, and who signs it. */
const crlsAbove = (upwards: readonly Certificate[]): [string, Certificate][] =>
  upwards.slice(1).flatMap((issuer, index) => {
    const [url] = upwards[index] ? crlUrlsIn(upwards[index]) : [];
    return url === undefined ? [] : [[url, issuer] as [string, Certificate]];
  });

/** docs.aws.amazon.com/privateca, "CRL distribution points": older versions of the SDK do not know all of it. */
interface CrlConfiguration {
  Enabled?: boolean | undefined;
  CustomCname?: string | undefined;
  S3BucketName?: string | undefined;
  CustomPath?: string | undefined;
  CrlType?: string | undefined;
}

/** `undefined` where it publishes none. */
function crlUrl(
  { region, partition, resource }: Arn,
  crl: CrlConfiguration,
  { env }: AwsConnection,
): string | undefined {
  if (crl.Enabled !== true) return undefined;
  if (crl.CrlType === 'PARTITIONED') {
    throw new PkiError('unsupported', 'the CRL of this CA is partitioned: each certificate has one of many', {
      hint: 'leave its CRLs to who fetches them by the certificate, or have the CA publish a complete one',
    });
  }
  const path = `${crl.CustomPath ?? 'crl'}/${resource.split('/')[1] ?? ''}.crl`;
  if (crl.CustomCname !== undefined && crl.CustomCname !== '') return `http://${crl.CustomCname}/${path}`;
  const bucket = crl.S3BucketName ?? '';
  const endpoint = env['AWS_ENDPOINT_URL'];
  if (endpoint !== undefined && endpoint !== '') return `${endpoint.replace(/\/$/, '')}/${bucket}/${path}`;
  return `http://${bucket}.s3.${region}.${partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com'}/${path}`;
}

async function crlFrom(url: string, { env, timeout, signal }: AwsConnection): Promise<Buffer> {
  const failed = (why: string, code: 'unreachable' | 'not-found' = 'unreachable'): PkiError =>
    new PkiError(code, `cannot fetch the CRL from ${url}: ${why}`, {
      hint: 'the bucket must be readable from here; AWS writes the first CRL within half an hour',
    });
  const refusal = (fault: DownloadFault): PkiError => {
    if (fault === 'too-large') return failed(`it has more than ${mostBytes} bytes`);
    if (fault === 'late') return failed('no answer came in time');
    const isNone = fault.status === 404 || fault.status === 403;
    return failed(`HTTP ${fault.status}`, isNone ? 'not-found' : 'unreachable');
  };
  try {
    return await download(url, { env, timeout, total: longest, most: mostBytes, signal }, refusal);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof PkiError ? error : failed(error instanceof Error ? error.message : String(error));
  }
}

/** @throws PkiError `malformed` for what is not this CA's, or is outdated */
function crlPem(der: Buffer, issuer: Certificate, url: string, now: Date): string {
  const crl = readCrl(der);
  if (!crl.issuer.equals(issuer.subject) || checkSignature(crl, issuer) !== 'good') {
    throw new PkiError('malformed', `the CRL from ${url} is of no use: it is not signed by this CA`, {
      hint: 'look who serves that address',
    });
  }
  if (crl.nextUpdate && crl.nextUpdate < now) {
    throw new PkiError('malformed', `the CRL from ${url} lapsed ${crl.nextUpdate.toISOString()}`, {
      hint: 'AWS has published none since: look whether the CA is ACTIVE, and whether its bucket lets AWS write',
    });
  }
  return encodePem('X509 CRL', der);
}
