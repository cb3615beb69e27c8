import { join } from 'node:path';
import { writeCrlLifetime } from '../authorities/local/ca-json.ts';
import type { Trust } from '../authorities/authority.ts';
import { currentCrl } from '../authorities/local/crl.ts';
import { readTrust } from '../authorities/local/local-authority.ts';
import { allIssuers, openCa } from '../authorities/local/open.ts';
import { renewEachCrl, type CrlState } from '../authorities/local/renew-crl.ts';
import { crlPlace, type CrlPlace } from '../authorities/local/revoke.ts';
import { isThere, replace } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { checkDestination, lookAtGiven } from '../given-path.ts';
import { liesIn, placeOf } from '../place.ts';
import { defaultTrust, updateDefaultTrust } from '../store/trust-bundle.ts';
import { formatName } from '../x509/distinguished-name.ts';
import type { AskPassphrase } from '../x509/key.ts';
import { authorityReference } from './authority-reference.ts';
import { refuseEarlyCrls } from './clock-check.ts';
import { refuseKey } from './refuse-key.ts';

export interface CrlOrder {
  /** The CA's folder. */
  ca: string;
  /** Absolute path of the store whose trust bundle follows. */
  store: string;
  /** Also where there is no need. */
  force: boolean;
  /** Only says what would be signed. */
  dryRun: boolean;
  /** Of the issuing CAs' CRLs from now on: `7d`. */
  crlLifetime: string | undefined;
  /** Absolute path of a file or folder that gets a copy. */
  out: string | undefined;
  ask: AskPassphrase;
}

export interface CrlOfIssuer {
  /** Of the issuer. */
  subject: string;
  role: 'root' | 'issuing';
  state: CrlState;
  /** `undefined` where there is none, which only its key can change. */
  crl: CrlPlace | undefined;
}

export interface CrlReport {
  crls: CrlOfIssuer[];
  /** Files that got a copy. */
  written: string[];
  /** Path of the trust bundle, where this CA feeds it. */
  trust: string | undefined;
}

/**
 * Signs what is about to lapse of a CA's CRLs, and hands it on: to the store's trust bundle, and to where it is wanted. A key
 * that cannot be opened keeps no other issuer's CRL back.
 * @throws PkiError `not-found`, `lax-permissions`, `passphrase`, `io`; `not-yet-valid` where one is of the future, which is handed to nobody
 */
export async function renewCrls(order: CrlOrder, now: Date): Promise<CrlReport> {
  const { ca, dryRun, force, ask } = order;
  const copies = order.out === undefined ? [] : copiesAt(order.out, ca);
  const { json } = openCa(ca);
  const lifetime = order.crlLifetime;
  if (lifetime !== undefined && !dryRun) writeCrlLifetime(ca, json, lifetime);
  const { json: renewed, active } = openCa(ca);
  const crls: CrlOfIssuer[] = [];
  const how = { force, anew: lifetime !== undefined, dryRun };
  const { states, refusals } = await renewEachCrl(allIssuers(ca), renewed, ask, now, how);
  for (const [issuer, state] of states) {
    if (state === 'fresh') refuseEarlyCrls(currentCrl(issuer.folder)?.pem ?? '', now);
    const crl = isThere(join(issuer.folder, 'crl', 'current')) ? crlPlace(issuer.folder) : undefined;
    const role = issuer.chain.length === 0 ? 'root' : 'issuing';
    crls.push({ subject: formatName(issuer.certificate.subjectName), role, state, crl });
  }
  const trust = (): Trust => readTrust(ca, now);
  // Peers first: a copy that cannot be written must not leave them with what is about to lapse.
  const fed = dryRun ? undefined : feedBundle(order, trust);
  const written = dryRun ? [] : writeCopies(copies, active.folder, trust);
  if (refusals.length > 0) throw refusals[0];
  return { crls, written, trust: fed };
}

function feedBundle({ store, ca }: CrlOrder, trust: () => Trust): string | undefined {
  if (!isThere(defaultTrust(store))) return undefined;
  return updateDefaultTrust(store, authorityReference(store, ca), trust);
}

/** A file for a copy, and in which form it is written. */
interface Copy {
  path: string;
  form: 'own-der' | 'all-pem';
}

/**
 * `.der` and `.crl` get the issuing CA's CRL as DER, as distribution points hand it out (RFC 5280 4.2.1.13); a folder
 * gets that and crl.pem; anything else gets PEM of the CRL of every CA in the chain.
 */
function copiesAt(out: string, ca: string): Copy[] {
  const copies: Copy[] =
    lookAtGiven(out)?.isDirectory() === true
      ? [
          { path: join(out, 'crl.der'), form: 'own-der' },
          { path: join(out, 'crl.pem'), form: 'all-pem' },
        ]
      : [{ path: out, form: /\.(der|crl)$/i.test(out) ? 'own-der' : 'all-pem' }];
  for (const { path } of copies) {
    if (liesIn(placeOf(path), ca)) {
      throw new PkiError('bad-input', `--out ${path} lies in the folder of the CA`, {
        hint: 'a copy is for others, who may not enter there: name a place outside of it',
      });
    }
    checkDestination(path, '--out');
    refuseKey(path);
  }
  return copies;
}

function writeCopies(copies: readonly Copy[], issuer: string, trust: () => Trust): string[] {
  const own = currentCrl(issuer);
  if (!own) return [];
  for (const { path, form } of copies) {
    replace(path, { data: form === 'own-der' ? own.der : trust().crls, mode: 0o644 }, 'now');
  }
  return copies.map(({ path }) => path);
}
