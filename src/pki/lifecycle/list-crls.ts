import { join } from 'node:path';
import { crlFolder } from '../authorities/local/layout.ts';
import { allIssuers } from '../authorities/local/open.ts';
import { isThere, readIfThere, readJson } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { defaultTrust } from '../store/trust-bundle.ts';
import { readCrlTimes } from '../x509/crl-times.ts';

/** A CRL that peers need, and how long it lasts. */
export interface CrlRow {
  /** The file that holds it. */
  path: string;
  /** As trust.json names who feeds it, or the folder of the CA. */
  authority: string;
  thisUpdate: Date;
  nextUpdate: Date;
  /** `lapsing`: with three quarters of its life gone, nobody has made the next one, as every run of rotate does after half. */
  state: 'fresh' | 'lapsing' | 'lapsed';
}

/** The CRLs of a store's trust bundle. What cannot be read is for others to say. */
export function crlsOfStore(store: string, now: Date): CrlRow[] {
  const folder = defaultTrust(store);
  try {
    const authority = readJson(join(folder, 'trust.json'))?.['authority'];
    if (typeof authority !== 'string') return [];
    return crlsIn(join(folder, 'current', 'crl.pem'), authority, now);
  } catch (error) {
    if (error instanceof PkiError) return [];
    throw error;
  }
}

/** The newest CRL of each issuer of a CA in a folder. */
export function crlsOfCa(ca: string, now: Date): CrlRow[] {
  return allIssuers(ca).flatMap(({ folder }) =>
    crlsIn(join(crlFolder(folder), 'current', 'crl.pem'), ca, now),
  );
}

function crlsIn(path: string, authority: string, now: Date): CrlRow[] {
  if (!isThere(path)) return [];
  const text = readIfThere(path)?.toString('latin1') ?? '';
  return text
    .split('-----BEGIN X509 CRL-----')
    .slice(1)
    .map((block) => {
      const der = Buffer.from(block.slice(0, block.indexOf('-----END')), 'base64');
      const { thisUpdate, nextUpdate } = readCrlTimes(der);
      const late = (thisUpdate.getTime() + 3 * nextUpdate.getTime()) / 4;
      const state = nextUpdate <= now ? 'lapsed' : now.getTime() >= late ? 'lapsing' : 'fresh';
      return { path, authority, thisUpdate, nextUpdate, state };
    });
}
