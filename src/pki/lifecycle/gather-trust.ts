import type { PublishesTrust, Trust } from '../authorities/authority.ts';
import { readCaFacts } from '../authorities/local/local-authority.ts';
import { isAws } from '../authorities/open.ts';
import type { TrustFiles } from '../store/trust-bundle.ts';
import type { TrustSource } from '../store/trust-source.ts';
import { readCertificate, type Certificate } from '../x509/certificate.ts';
import { certificatePem, encodePem } from '../x509/pem-writer.ts';
import { displayName } from '../x509/validation/verdict.ts';
import { refuseEarlyCrls } from './clock-check.ts';
import { crlsIn, crlsInUse, noOlder } from './no-older-crls.ts';
import { pemCertificates } from './standing.ts';
import { readAnchorFiles, readCrlFiles } from './trust.ts';

/** How authorities are reached. */
export interface TrustReach {
  /** With the key: asked only of a CA in a folder whose CRL is about to lapse. */
  open: (reference: string) => Promise<PublishesTrust>;
  /**
   * What AWS Private CA publishes.
   * @param hasCrl whether the CRL of an issuer (encoded Name) is there already: it need not be fetched then.
   */
  fetch: (reference: string, hasCrl: (issuer: Buffer) => boolean) => Promise<Trust>;
}

/** What a bundle is to hold, and what one should know about it. */
export interface GatheredTrust {
  files: TrustFiles;
  warnings: string[];
}

/**
 * Gathers what a bundle's sources say now: roots that have not ended, the CAs below them, the CRLs of all of them.
 * All or nothing: a bundle that lacks the CRL or the root of one authority would lock out its clients.
 * @param bundle path of what it is for
 */
export async function gatherTrust(
  source: TrustSource,
  bundle: string,
  reach: TrustReach,
  now: Date,
): Promise<GatheredTrust> {
  const { authorities = [] } = source;
  const found = new Map<string, Trust>();
  const warnings: string[] = [];
  const warn = (text: string): void => void warnings.push(text);
  const roots = await readAnchorFiles(source.roots, 'roots');
  const crls = await readCrlFiles(source.crls, 'crls');
  const hasCrl = (issuer: Buffer): boolean =>
    [...crls, ...[...found.values()].flatMap((part) => crlsIn(part.crls))].some((crl) =>
      crl.issuer.equals(issuer),
    );
  const inUse = crlsInUse(bundle);
  // Those of folders first: what they publish need not be fetched for a CA at AWS below them.
  for (const reference of [...authorities].sort((a, b) => Number(isAws(a)) - Number(isAws(b)))) {
    const trust = await trustOfAuthority(reference, reach, hasCrl, now, warn);
    found.set(reference, isAws(reference) ? { ...trust, crls: noOlder(trust.crls, inUse) } : trust);
  }
  const parts = authorities.flatMap((reference) => found.get(reference) ?? []);
  for (const { nextUpdate } of crls) {
    if (nextUpdate === undefined || nextUpdate >= now) continue;
    warn(`a CRL of ${source.crls.join(', ')} was due for another ${nextUpdate.toISOString()}`);
  }
  const living = (certificate: Certificate): boolean => {
    if (certificate.notAfter >= now) return true;
    warn(`${displayName(certificate)} ended ${certificate.notAfter.toISOString()} and is left out`);
    return false;
  };
  const files = {
    roots: joined([
      ...parts.map((part) => part.roots),
      ...roots.filter(living).map(({ der }) => certificatePem(der)),
    ]),
    intermediates: joined(parts.map((part) => part.intermediates)),
    crls: joined([...parts.map((part) => part.crls), ...crls.map(({ der }) => encodePem('X509 CRL', der))]),
  };
  if (files.crls !== '') {
    const authoritiesIn = pemCertificates(Buffer.from(files.roots + files.intermediates)).map(
      readCertificate,
    );
    for (const ca of authoritiesIn.filter(({ subject }) => !hasCrl(subject))) {
      warn(
        `crl.pem has no CRL of ${displayName(ca)}, and with it nginx, HAProxy and Node.js refuse every client below that: name its file under crls`,
      );
    }
  }
  return { files, warnings };
}

async function trustOfAuthority(
  reference: string,
  { open, fetch }: TrustReach,
  hasCrl: (issuer: Buffer) => boolean,
  now: Date,
  warn: (text: string) => void,
): Promise<Trust> {
  if (isAws(reference)) return fetch(reference, hasCrl);
  const { trust } = readCaFacts(reference, now);
  if (trust) {
    refuseEarlyCrls(trust.crls, now);
    return trust;
  }
  const authority = await open(reference);
  authority.refreshCrl();
  // Who signs now is worth more than who has signed before.
  await authority.refreshOthers().catch((error: unknown) => {
    warn(
      `a CRL of ${reference} could not be signed anew: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  return authority.trust();
}

/** Two authorities may have a root in common. */
const joined = (pems: readonly string[]): string =>
  [...new Set(pems.flatMap((pem) => pem.split(/(?<=-----END [A-Z0-9 ]+-----\n)/)))].join('');
