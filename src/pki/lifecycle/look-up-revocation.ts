import { download, type DownloadFault, type DownloadLimits } from '../download.ts';
import { PkiError } from '../errors.ts';
import { serialHex, type Certificate } from '../x509/certificate.ts';
import { entriesOf } from '../x509/crl-summary.ts';
import { readCrl, reasonOf, type Crl } from '../x509/crl.ts';
import { pemCrls } from '../x509/pem-crls.ts';
import { encodeOcspRequest } from '../x509/ocsp-request.ts';
import { ocspAnswer } from '../x509/validation/ocsp.ts';
import { readOcspResponse } from '../x509/validation/ocsp-response.ts';
import { checkSignature } from '../x509/validation/signature.ts';

export interface Look {
  certificate: Certificate;
  /** Who has signed it; where that is not known, a CRL is believed by its name alone, and no responder is asked. */
  issuer: Certificate | undefined;
  /** For HTTP_PROXY and what belongs to it. */
  env: DownloadLimits['env'];
  /** Milliseconds that the whole may take. */
  time: number;
  signal: AbortSignal;
  now: () => Date;
}

/** `revoked`, or what was found instead. */
type Found = string;

/** Milliseconds without a sign of life. */
const answerTime = 30_000;
/** A CRL of a million entries has 40 MB; nothing that is ten times as large is one. */
const mostOfCrl = 400 * 1024 * 1024;
/** A response for one certificate, with the chain of its responder. */
const mostOfResponse = 256 * 1024;
/** By which clocks differ, in milliseconds; OpenSSL has the same. */
const tolerance = 300_000;

/** Fetches a CRL and looks whether it lists the certificate. */
export async function lookInCrl(url: string, look: Look): Promise<Found> {
  return orFault(look, async () => {
    const crl = readCrl(derOf(await download(url, limitsOf(look, mostOfCrl), refusal)));
    return faultOf(crl, look) ?? (lists(crl, look.certificate) ? 'revoked' : notYet(crl));
  });
}

const notYet = ({ thisUpdate }: Crl): string => `its CRL of ${thisUpdate.toISOString()} does not list it yet`;

function faultOf(crl: Crl, { certificate, issuer, now }: Look): string | undefined {
  if (!crl.issuer.equals(certificate.issuer)) return 'it is the CRL of another CA';
  if (issuer && checkSignature(crl, issuer) !== 'good') return 'its CRL is not signed by that CA';
  // Whoever checks it takes no CRL that has ended.
  if (crl.nextUpdate && crl.nextUpdate.getTime() + tolerance < now().getTime())
    return `its CRL lapsed ${crl.nextUpdate.toISOString()}`;
  return undefined;
}

const lists = (crl: Crl, { serial }: Certificate): boolean =>
  entriesOf(crl, serial).some((entry) => reasonOf(entry) !== 'removeFromCRL');

/** RFC 5280 4.2.1.13 wants DER; some hand out PEM. */
function derOf(bytes: Buffer): Buffer {
  if (bytes[0] === 0x30) return bytes;
  const [first = bytes] = pemCrls(bytes.toString('latin1'));
  return first;
}

/** Asks an OCSP responder (RFC 6960), by POST: what a cache between has kept is not asked for. */
export async function askResponder(url: string, look: Look): Promise<Found> {
  const { certificate, issuer, now } = look;
  if (!issuer) return 'the certificate of its CA is not known, and without it no responder can be asked';
  return orFault(look, async () => {
    const body = encodeOcspRequest(certificate, issuer);
    const question = { type: 'application/ocsp-request', body };
    const bytes = await download(url, limitsOf(look, mostOfResponse), refusal, question);
    const { responseStatus, basic } = readOcspResponse(bytes);
    if (!basic) return `its responder answers ${responseStatus}`;
    const answer = ocspAnswer(basic, { certificate, issuer }, { time: now(), tolerance, checkSignature });
    if (!answer) return `its response is not for ${serialHex(certificate.serial)}`;
    if ('fault' in answer) return `its response ${answer.fault}`;
    return answer.status.kind === 'revoked' ? 'revoked' : `its responder says ${answer.status.kind}`;
  });
}

const limitsOf = ({ env, signal, time }: Look, most: number): DownloadLimits => ({
  env,
  signal,
  most,
  timeout: Math.min(answerTime, time),
  total: time,
});

function refusal(fault: DownloadFault): PkiError {
  if (fault === 'too-large') return new PkiError('unreachable', 'the answer is too large');
  if (fault === 'late') return new PkiError('unreachable', 'no answer came in time');
  return new PkiError('unreachable', `the server answers ${fault.status}`);
}

/** Whatever is wrong with an answer, the next may be better. */
async function orFault({ signal }: Look, find: () => Promise<Found>): Promise<Found> {
  try {
    return await find();
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof Error ? error.message : String(error);
  }
}
