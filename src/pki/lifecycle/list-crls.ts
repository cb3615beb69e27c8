import { join } from 'node:path';
import { crlFolder } from '../authorities/local/layout.ts';
import { allIssuers } from '../authorities/local/open.ts';
import { isThere, readIfThere, readJson } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { namesIn } from '../names-in.ts';
import { trustBundle } from '../store/trust-bundle.ts';
import { sourceFile } from '../store/trust-source.ts';
import { crlAge, readCrlTimes, type CrlAge } from '../x509/crl-times.ts';

/** A CRL that peers need, and how long it lasts. */
export interface CrlRow {
  /** The file that holds it. */
  path: string;
  /** As trust.json names who feeds its bundle, or the folder of the CA. */
  authority: string;
  thisUpdate: Date;
  nextUpdate: Date;
  state: CrlAge;
}

/** The CRLs of a store's trust bundles. What cannot be read is for others to say. */
export function crlsOfStore(store: string, now: Date): CrlRow[] {
  return namesIn(join(store, '_trust'))
    .sort()
    .flatMap((name) => {
      try {
        const authority = feedersOf(store, name);
        if (authority === undefined) return [];
        return crlsIn(join(trustBundle(store, name), 'current', 'crl.pem'), authority, now);
      } catch (error) {
        if (error instanceof PkiError) return [];
        throw error;
      }
    });
}

/** `undefined` where it is no bundle. */
function feedersOf(store: string, name: string): string | undefined {
  const source = readJson(sourceFile(store, name));
  if (typeof source?.['authority'] === 'string') return source['authority'];
  const declared = source?.['declared'] as { authorities?: unknown } | undefined;
  if (!declared) return undefined;
  const { authorities } = declared;
  return Array.isArray(authorities) ? authorities.join(', ') : `the bundle ${name}`;
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
      const times = readCrlTimes(der);
      return { path, authority, ...times, state: crlAge(times, now) };
    });
}
