import { publishesTrust, type Authority, type Trust } from '../authorities/authority.ts';
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
  open: (reference: string) => Promise<Authority>;
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
  for (const reference of source.authorities ?? []) parts.push(await trustOfAuthority(reference, reach, now));
  const roots = await readAnchorFiles(source.roots, 'roots');
  const crls = await readCrlFiles(source.crls, 'crls');
  const warnings = crls
    .filter(({ nextUpdate }) => nextUpdate !== undefined && nextUpdate < now)
    .map(
      ({ nextUpdate }) =>
        `a CRL of ${source.crls.join(', ')} was due for another ${nextUpdate?.toISOString() ?? ''}`,
    );
  const living = (certificate: Certificate): boolean => {
    if (certificate.notAfter >= now) return true;
    warnings.push(`${displayName(certificate)} ended ${certificate.notAfter.toISOString()} and is left out`);
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

async function trustOfAuthority(reference: string, { open, fetch }: TrustReach, now: Date): Promise<Trust> {
  if (isAws(reference)) return fetch(reference);
  const { trust } = readCaFacts(reference, now);
  if (trust) return trust;
  const authority = await open(reference);
  if (!publishesTrust(authority)) return { roots: '', intermediates: '', crls: '' };
  authority.refreshCrl();
  return authority.trust();
}

/** Two authorities may have a root in common. */
const joined = (pems: readonly string[]): string =>
  [...new Set(pems.flatMap((pem) => pem.split(/(?<=-----END [A-Z0-9 ]+-----\n)/)))].join('');
