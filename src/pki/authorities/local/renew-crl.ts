import { join } from 'node:path';
import { isThere } from '../../durable.ts';
import type { AskPassphrase } from '../../x509/key.ts';
import type { CaJson } from './ca-json.ts';
import { holdsAllFacts, isCrlFresh, nextUpdateOf, publishCrl, wholeCrl } from './crl.ts';
import { openIssuerKey, type Issuer } from './open.ts';

/**
 * `fresh`: there was nothing to do; `over`: its issuer has ended, and nobody asks for it; `keyless`: it should be signed,
 * and its key is kept elsewhere.
 */
export type CrlState = 'signed' | 'fresh' | 'over' | 'keyless';

export interface CrlWish {
  /** Also where there is no need. */
  force: boolean;
  /** The same of those that do not live as long as their issuer: how long they do has changed. */
  anew?: boolean;
  /** Opens no key and signs nothing. */
  dryRun: boolean;
}

/**
 * Signs an issuer's CRL where half of the current one's life is gone, where it lacks a revocation, or where that is
 * wished. A root's lives as long as the root, whose key may be far away: its age alone is no reason.
 */
async function renewCrl(
  issuer: Issuer,
  json: CaJson,
  ask: AskPassphrase,
  now: Date,
  { force, anew, dryRun }: CrlWish,
): Promise<CrlState> {
  if (issuer.certificate.notAfter <= now) return 'over';
  const isFresh = isAsFresh(issuer, json, now);
  const isHere = isThere(join(issuer.folder, 'key.pem'));
  const isStandingOne = isStanding(issuer, json);
  const isWished = force || (anew === true && !isStandingOne);
  if (isFresh && (!isWished || (isStandingOne && !isHere))) return 'fresh';
  if (!isHere) return 'keyless';
  if (dryRun) return 'signed';
  const key = await openIssuerKey(issuer, ask);
  publishCrl({ ...issuer, key }, now, nextUpdateOf(issuer, json, now));
  return 'signed';
}

/**
 * The same for several: a key that cannot be opened keeps no other issuer's CRL back.
 * @returns what became of those that were not refused, and the refusals
 */
export async function renewEachCrl(
  issuers: readonly Issuer[],
  json: CaJson,
  ask: AskPassphrase,
  now: Date,
  how: CrlWish,
): Promise<{ states: Map<Issuer, CrlState>; refusals: unknown[] }> {
  const states = new Map<Issuer, CrlState>();
  const refusals: unknown[] = [];
  for (const issuer of issuers) {
    try {
      states.set(issuer, await renewCrl(issuer, json, ask, now, how));
    } catch (error) {
      refusals.push(error);
    }
  }
  return { states, refusals };
}

/** Whether an issuer's CRL is to be signed anew, and can be: its key is here. */
export const isCrlDue = (issuer: Issuer, json: CaJson, now: Date): boolean =>
  issuer.certificate.notAfter > now &&
  !isAsFresh(issuer, json, now) &&
  isThere(join(issuer.folder, 'key.pem'));

const isAsFresh = (issuer: Issuer, json: CaJson, now: Date): boolean =>
  isStanding(issuer, json) ? isWhole(issuer.folder) : isCrlFresh(issuer.folder, now);

/** Whether its CRL lives as long as itself. */
const isStanding = ({ chain }: Issuer, { rootIssues }: CaJson): boolean => chain.length === 0 && !rootIssues;

const isWhole = (folder: string): boolean => wholeCrl(folder) !== undefined && holdsAllFacts(folder);
