import { join } from 'node:path';
import { PkiError } from '../../errors.ts';
import { serialHex, type Certificate } from '../../x509/certificate.ts';
import { readCrl, reasonOf } from '../../x509/crl.ts';
import { entriesOf } from '../../x509/crl-summary.ts';
import { readCrlTimes } from '../../x509/crl-times.ts';
import type { AskPassphrase } from '../../x509/key.ts';
import type { RevocationWish } from '../authority.ts';
import { currentCrl, currentCrlNumber, holdsAllFacts, nextUpdateOf, publishCrl, wholeCrl } from './crl.ts';
import { readCaJson } from './ca-json.ts';
import { crlFolder } from './layout.ts';
import { openIssuerKey, refuseWithoutKey, type Issuer } from './open.ts';
import { lastFact, writeFact, type RevocationFact } from './revocation-facts.ts';

export interface LocalRevocation {
  state: 'revoked' | 'already-revoked' | 'released' | 'not-revoked';
  /** The last that is on record; `undefined` where it was never revoked. */
  fact: RevocationFact | undefined;
  crl: CrlPlace;
  /** When the CRL before this one ends: whoever has fetched that may go by it until then. */
  knownBy: Date | undefined;
}

export interface CrlPlace {
  number: number;
  /** PEM. */
  path: string;
  thisUpdate: Date;
  nextUpdate: Date;
}

interface Order {
  /** The CA's folder. */
  ca: string;
  issuer: Issuer;
  certificate: Certificate;
  wish: RevocationWish;
  by: string;
  ask: AskPassphrase;
  now: Date;
  /** Only says what would become of it. */
  dryRun: boolean;
}

/**
 * Writes down that a certificate is revoked, or released, and signs the CRL that says so. What is on record already is
 * not written again; its CRL is signed where a run did not live to do it.
 * @throws PkiError `not-permitted` to release what is not on hold; as the issuer's key cannot be opened, before
 * anything is written; `io` where the fact may be on record and its CRL is not: the same command goes on
 */
export async function revokeLocally(order: Order): Promise<LocalRevocation> {
  const { issuer, certificate, now } = order;
  const { folder } = issuer;
  const serial = serialHex(certificate.serial);
  const before = wholeCrl(folder);
  const last = lastFact(folder, serial)?.fact;
  if (!nextFact(last, order) && before && willDo(certificate, last)(before.der) && holdsAllFacts(folder)) {
    return { ...standing(last, folder), knownBy: undefined };
  }
  const expected = nextFact(last, order);
  if (order.dryRun) {
    refuseWithoutKey(issuer);
    const there = standing(expected ?? last, folder);
    return { ...there, state: expected ? expected.event : there.state, knownBy: before && endOf(before.der) };
  }
  const key = await openIssuerKey(issuer, order.ask);
  const { written, fact } = record(order, serial);
  const nextUpdate = nextUpdateOf(issuer, readCaJson(order.ca), now);
  publishCrl({ ...issuer, key }, now, nextUpdate, willDo(certificate, fact));
  const after = standing(fact, folder);
  const knownBy = before && endOf(before.der);
  return {
    ...after,
    state: written && fact ? fact.event : after.state,
    knownBy: knownBy && knownBy > now ? knownBy : undefined,
  };
}

const endOf = (der: Buffer): Date => readCrlTimes(der).nextUpdate;

/** Whoever loses a number to another run looks at what that one has written. */
function record(order: Order, serial: string): { written: boolean; fact: RevocationFact | undefined } {
  const { folder } = order.issuer;
  for (;;) {
    const last = lastFact(folder, serial);
    const fact = nextFact(last?.fact, order);
    if (!fact) return { written: false, fact: last?.fact };
    if (writeFact(folder, serial, (last?.number ?? 0) + 1, fact)) return { written: true, fact };
  }
}

/** What is to be written after the last event; `undefined` where that says it already. */
function nextFact(
  last: RevocationFact | undefined,
  { wish, by, now, certificate: { notAfter, serial } }: Order,
): RevocationFact | undefined {
  const revoked = last?.event === 'revoked' ? last : undefined;
  const about = { at: now, by, notAfter };
  const onHold = revoked?.reason === 'certificateHold';
  if (wish.event === 'release') {
    if (!revoked) return undefined;
    if (onHold) return { ...revoked, ...about, event: 'released' };
    throw new PkiError(
      'not-permitted',
      `${serialHex(serial)} was revoked for ${revoked.reason} on ${revoked.at.toISOString()}, which is for good`,
      { hint: 'only what is on hold (--hold) can be released; issue a new certificate' },
    );
  }
  const { reason, invalidityDate } = wish;
  if (revoked && (!onHold || reason === 'certificateHold')) return undefined;
  // What was on hold is revoked from the day of the hold (X.509 8.5.2.2).
  const revokedAt = revoked?.revokedAt ?? now;
  return { ...about, event: 'revoked', revokedAt, reason, invalidityDate };
}

/** Whether a CRL says of a serial what the last event does. */
function willDo({ serial }: Certificate, fact: RevocationFact | undefined): (der: Buffer) => boolean {
  const wanted = fact?.event === 'revoked' ? fact.reason : undefined;
  return (der) => {
    // One that has left the list since its certificate ended is not to come back.
    if (wanted !== undefined && fact?.notAfter && fact.notAfter < readCrlTimes(der).thisUpdate) return true;
    const [entry] = entriesOf(readCrl(der), serial);
    return entry ? reasonOf(entry) === wanted : wanted === undefined;
  };
}

function standing(
  fact: RevocationFact | undefined,
  folder: string,
): Pick<LocalRevocation, 'state' | 'fact' | 'crl'> {
  const state = fact?.event === 'revoked' ? 'already-revoked' : 'not-revoked';
  return { state, fact, crl: crlPlace(folder) };
}

/** @throws PkiError `not-found` where there is none */
export function crlPlace(issuer: string): CrlPlace {
  const crl = currentCrl(issuer);
  const path = join(crlFolder(issuer), 'current', 'crl.pem');
  if (!crl) {
    throw new PkiError('not-found', `there is no CRL: ${path}`, { hint: '"certwright ca crl" signs one' });
  }
  return { number: currentCrlNumber(issuer), path, ...readCrlTimes(crl.der) };
}
