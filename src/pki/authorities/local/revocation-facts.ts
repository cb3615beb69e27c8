import { createHash } from 'node:crypto';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { foreignCode, PkiError } from '../../errors.ts';
import { createOnce } from '../../create-once.ts';
import { ioError, jsonText, makeFolder, readJson, syncFolder } from '../../durable.ts';
import { reasonCodes, type RevocationReason, type RevokedEntry } from '../../x509/crl-entries.ts';
import { namesIn } from '../../names-in.ts';
import { crlFolder, expiredFolder, revokedFolder } from './layout.ts';

/** What happened to a certificate at one time. */
export interface RevocationFact {
  event: 'revoked' | 'released';
  at: Date;
  /** Since when the certificate does not count. Where it was on hold before, since then (X.509 8.5.2.2). */
  revokedAt: Date;
  reason: RevocationReason;
  invalidityDate: Date | undefined;
  /** Who said so: `user@host`. */
  by: string;
  /** Its end, after which its CRLs need not list it for ever; `undefined` where that is not known. */
  notAfter: Date | undefined;
}

const factName = /^([0-9a-f]{1,128})\.([1-9]\d{0,8})\.json$/;

/** How many events each revoked serial has, by its hex; the files themselves stay closed. */
export type RevokedSerials = ReadonlyMap<string, number>;

/** Looks once through the names of the facts. */
export function revokedSerials(issuer: string): RevokedSerials {
  return countEvents(factsIn(revokedFolder(issuer)));
}

/** Every serial that a fact tells of, also of those that have left the CRL. What moves from the one to the other is met. */
export const serialsWithFacts = (issuer: string): ReadonlySet<string> =>
  new Set(
    [revokedFolder(issuer), expiredFolder(issuer)].flatMap((folder) => [
      ...countEvents(factsIn(folder)).keys(),
    ]),
  );

function countEvents(names: readonly string[]): Map<string, number> {
  const newest = new Map<string, number>();
  for (const name of names) {
    const [, serial, number] = factName.exec(name) ?? [];
    if (serial === undefined) continue;
    newest.set(serial, Math.max(newest.get(serial) ?? 0, Number(number)));
  }
  return newest;
}

const factsIn = (folder: string): string[] => namesIn(folder).filter((name) => factName.test(name));

/** The last event of a serial, and its number; also of one that has left the CRL since its certificate ended. */
export function lastFact(
  issuer: string,
  serial: string,
): { fact: RevocationFact; number: number } | undefined {
  let found: { fact: RevocationFact; number: number } | undefined;
  for (let number = 1; ; number += 1) {
    const name = `${serial}.${number}.json`;
    // A run may be moving it from the one folder to the other.
    const fact = readFact(join(revokedFolder(issuer), name)) ?? readFact(join(expiredFolder(issuer), name));
    if (!fact) return found;
    found = { fact, number };
  }
}

/** Every event on record, one after the other, in no order. */
export function* allFacts(issuer: string): Generator<{ serial: string; fact: RevocationFact }> {
  const seen = new Set<string>();
  // What moves from the one to the other meanwhile is met in the second.
  for (const folder of [revokedFolder(issuer), expiredFolder(issuer)]) {
    for (const name of factsIn(folder)) {
      const fact = seen.has(name) ? undefined : readFact(join(folder, name));
      if (!fact) continue;
      seen.add(name);
      yield { serial: factName.exec(name)?.[1] ?? '', fact };
    }
  }
}

/** @returns whether this call wrote it; `false` where another run has written an event with that number. */
export function writeFact(issuer: string, serial: string, number: number, fact: RevocationFact): boolean {
  const folder = revokedFolder(issuer);
  makeFolder(folder, 0o700);
  const content = {
    schema: 1,
    serial,
    event: fact.event,
    at: fact.at.toISOString(),
    revokedAt: fact.revokedAt.toISOString(),
    reason: fact.reason,
    ...(fact.invalidityDate ? { invalidityDate: fact.invalidityDate.toISOString() } : {}),
    by: fact.by,
    ...(fact.notAfter ? { notAfter: fact.notAfter.toISOString() } : {}),
  };
  const name = `${serial}.${number}.json`;
  // Its draft lies where the drafts of CRLs do: few enough to look for what dead runs have left.
  makeFolder(crlFolder(issuer), 0o700);
  return createOnce(
    join(folder, name),
    { data: jsonText(content), mode: 0o600 },
    join(crlFolder(issuer), name),
  );
}

function readFact(path: string): RevocationFact | undefined {
  const json = readJson(path);
  if (!json) return undefined;
  const time = (field: string): Date | undefined => {
    const value = json[field];
    const date = new Date(typeof value === 'string' ? value : Number.NaN);
    return Number.isNaN(date.getTime()) ? undefined : date;
  };
  const { event, reason, by } = json;
  const at = time('at');
  const known = (Object.keys(reasonCodes) as RevocationReason[]).find((one) => one === reason);
  if ((event !== 'revoked' && event !== 'released') || !at || !known) {
    // To pass over it would un-revoke a certificate in the next CRL.
    throw new PkiError('malformed', `${path} does not say what happened, when and why`, {
      hint: 'restore it from a backup; no CRL is signed without it',
    });
  }
  return {
    event,
    at,
    revokedAt: time('revokedAt') ?? at,
    reason: known,
    invalidityDate: time('invalidityDate'),
    by: typeof by === 'string' ? by : '',
    notAfter: time('notAfter'),
  };
}

/** All that a CRL is made of, at one moment. */
export interface Facts {
  /** In the order of their serial numbers. */
  entries: RevokedEntry[];
  /** Serials of certificates that end before a moment, and how many events each has. */
  endedBefore(moment: Date): [serial: string, events: number][];
  /** Names the facts that will stand there once those that ended before a moment have left. */
  digest(moment: Date): FactsDigest;
}

/** By which one can tell whether a CRL holds all facts, without opening any. */
export interface FactsDigest {
  count: number;
  /** Of their file names, sorted, each followed by a line feed; hex. */
  sha256: string;
}

/** Reads the last event of every serial. */
export function readFacts(issuer: string): Facts {
  const folder = revokedFolder(issuer);
  const names = factsIn(folder);
  const entries: RevokedEntry[] = [];
  const ends = new Map<string, number>();
  const newest = countEvents(names);
  for (const serial of [...newest.keys()].sort()) {
    // There may be a million, and join() would look at each letter of each path.
    const fact = readFact(`${folder}/${serial}.${newest.get(serial) ?? 0}.json`);
    // Another run has just moved it away: its certificate has ended, and a CRL has said so.
    if (!fact) continue;
    if (fact.notAfter) ends.set(serial, fact.notAfter.getTime());
    if (fact.event === 'released') continue;
    const { reason, revokedAt, invalidityDate } = fact;
    entries.push({
      serial,
      revokedAt: revokedAt.getTime(),
      reason,
      invalidityDate: invalidityDate?.getTime(),
    });
  }
  const ended = (serial: string, moment: Date): boolean => (ends.get(serial) ?? Infinity) < moment.getTime();
  return {
    entries,
    endedBefore: (moment) => [...newest].filter(([serial]) => ended(serial, moment)),
    digest: (moment) => digestOf(names.filter((name) => !ended(factName.exec(name)?.[1] ?? '', moment))),
  };
}

/** The same of what stands there now. */
export const digestNow = (issuer: string): FactsDigest => digestOf(factsIn(revokedFolder(issuer)));

export const noFacts: FactsDigest = digestOf([]);

function digestOf(names: readonly string[]): FactsDigest {
  const hash = createHash('sha256');
  for (const name of [...names].sort()) hash.update(`${name}\n`);
  return { count: names.length, sha256: hash.digest('hex') };
}

/** Takes facts out of the sight of the next CRL; they stay on record. */
export function retireFacts(issuer: string, ended: readonly [serial: string, events: number][]): void {
  if (ended.length === 0) return;
  const from = revokedFolder(issuer);
  const to = expiredFolder(issuer);
  makeFolder(to, 0o700);
  for (const [serial, events] of ended) {
    // The last event goes last: it alone speaks for the certificate.
    for (let number = 1; number <= events; number += 1) {
      const name = `${serial}.${number}.json`;
      try {
        renameSync(join(from, name), join(to, name));
      } catch (error) {
        if (foreignCode(error) !== 'ENOENT') throw ioError(error, 'move', join(from, name));
      }
    }
  }
  syncFolder(to);
  syncFolder(from);
}
