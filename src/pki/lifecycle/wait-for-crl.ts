import { setTimeout as sleep } from 'node:timers/promises';
import { download, type DownloadFault, type DownloadLimits } from '../download.ts';
import { PkiError } from '../errors.ts';
import { readCertificate, serialHex, type Certificate } from '../x509/certificate.ts';
import { readCrl, revokedCertificates, type Crl } from '../x509/crl.ts';
import { checkSignature } from '../x509/validation/signature.ts';

export interface Sighting {
  url: string;
  /** When it was seen there. */
  at: Date;
}

export interface WaitOrder {
  /** URLs of its CRL: one that lists it will do. */
  urls: readonly string[];
  /** Lower-case hex. */
  serial: string;
  /** Encoded name of whoever signs the CRL. */
  issuerName: Buffer;
  /** DER of whoever signs it, where that is known: what somebody else has signed is not believed. */
  issuer: Buffer | undefined;
  /** Milliseconds. */
  patience: number;
  signal: AbortSignal;
  /** What was found instead, each time when that is something else. */
  say: (line: string) => void;
}

/** @returns where it was seen; `undefined` where it was not, until the patience was over */
export async function waitForCrl(order: WaitOrder, now: () => Date): Promise<Sighting | undefined> {
  const { urls, signal, say, patience } = order;
  const deadline = performance.now() + patience;
  const issuer = order.issuer && readCertificate(order.issuer);
  let last = '';
  for (let pause = 1_000; ; pause = Math.min(pause * 1.5, 30_000)) {
    for (const url of urls) {
      const found = await lookAt(url, order, issuer);
      if (found === 'listed') return { url, at: now() };
      if (found !== last) say(`${url}: ${found}`);
      last = found;
    }
    const left = deadline - performance.now();
    if (left <= 0) return undefined;
    await sleep(Math.min(pause, left), undefined, { signal }).catch(() => {
      signal.throwIfAborted();
    });
  }
}

async function lookAt(
  url: string,
  { serial, issuerName, signal }: WaitOrder,
  issuer: Certificate | undefined,
): Promise<string> {
  try {
    const crl = readCrl(derOf(await download(url, limitsOf(signal), refusal)));
    if (!crl.issuer.equals(issuerName)) return 'it is the CRL of another CA';
    if (issuer && checkSignature(crl, issuer) !== 'good') return 'its CRL is not signed by that CA';
    return lists(crl, serial) ? 'listed' : `its CRL of ${crl.thisUpdate.toISOString()} does not list it yet`;
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof Error ? error.message : String(error);
  }
}

function lists(crl: Crl, serial: string): boolean {
  for (const entry of revokedCertificates(crl)) if (serialHex(entry.serial) === serial) return true;
  return false;
}

/** RFC 5280 4.2.1.13 wants DER; some hand out PEM. */
function derOf(bytes: Buffer): Buffer {
  if (bytes[0] === 0x30) return bytes;
  const [, base64] =
    /-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/.exec(bytes.toString('latin1')) ?? [];
  return base64 === undefined ? bytes : Buffer.from(base64, 'base64');
}

/** A CRL of a million entries has 40 MB; nothing that is ten times as large is one. */
const mostBytes = 400 * 1024 * 1024;
const answerTime = 30_000;

const limitsOf = (signal: AbortSignal): DownloadLimits => ({ timeout: answerTime, most: mostBytes, signal });

function refusal(fault: DownloadFault): PkiError {
  if (fault === 'too-large') return new PkiError('unreachable', 'the answer is too large');
  if (fault === 'late') return new PkiError('unreachable', 'no answer came in time');
  return new PkiError('unreachable', `the server answers ${fault.status}`);
}
