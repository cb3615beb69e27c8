import type { PublishesTrust, Trust } from '../authorities/authority.ts';
import { readCaFacts } from '../authorities/local/local-authority.ts';
import { isAws } from '../authorities/open.ts';
import type { TrustFiles } from '../store/trust-bundle.ts';
import type { TrustSource } from '../store/trust-source.ts';
import type { Certificate } from '../x509/certificate.ts';
import { certificatePem, encodePem } from '../x509/pem-writer.ts';
import { displayName } from '../x509/validation/verdict.ts';
import { readAnchorFiles, readCrlFiles } from './trust.ts';

/** How authorities are reached. */
export interface TrustReach {
  /** With the key: asked only of a CA in a folder whose CRL is about to lapse. */
  open: (reference: string) => Promise<PublishesTrust>;
  /** What AWS Private CA publishes. */
  fetch: (reference: string) => Promise<Trust>;
}

/** What a bundle is to hold, and what one should know about it. */
export interface GatheredTrust {
  files: TrustFiles;
  warnings: string[];
}

/**
 * Gathers what a bundle's sources say now: roots that have not ended, the CAs below them, the CRLs of all of them.
 * All or nothing: a bundle that lacks the CRL or the root of one authority would lock out its clients.
 */
export async function gatherTrust(source: TrustSource, reach: TrustReach, now: Date): Promise<GatheredTrust> {
  const parts: Trust[] = [];
  const warnings: string[] = [];
  const warn = (text: string): void => void warnings.push(text);
  for (const reference of source.authorities ?? []) {
    parts.push(await trustOfAuthority(reference, reach, now, warn));
  }
  const roots = await readAnchorFiles(source.roots, 'roots');
  const crls = await readCrlFiles(source.crls, 'crls');
  for (const { nextUpdate } of crls) {
    if (nextUpdate === undefined || nextUpdate >= now) continue;
    warn(`a CRL of ${source.crls.join(', ')} was due for another ${nextUpdate.toISOString()}`);
  }
  const living = (certificate: Certificate): boolean => {
    if (certificate.notAfter >= now) return true;
    warn(`${displayName(certificate)} ended ${certificate.notAfter.toISOString()} and is left out`);
    return false;
  };
  return {
    files: {
      roots: joined([
        ...parts.map((part) => part.roots),
        ...roots.filter(living).map(({ der }) => certificatePem(der)),
      ]),
      intermediates: joined(parts.map((part) => part.intermediates)),
      crls: joined([...parts.map((part) => part.crls), ...crls.map(({ der }) => encodePem('X509 CRL', der))]),
    },
    warnings,
  };
}

async function trustOfAuthority(
  reference: string,
  { open, fetch }: TrustReach,
  now: Date,
  warn: (text: string) => void,
): Promise<Trust> {
  if (isAws(reference)) return fetch(reference);
  const { trust } = readCaFacts(reference, now);
  if (trust) return trust;
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
