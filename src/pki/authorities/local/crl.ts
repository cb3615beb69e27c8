import type { KeyObject } from 'node:crypto';
import { mkdirSync, readdirSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { foreignCode, PkiError } from '../../errors.ts';
import {
  discard,
  ioError,
  jsonText,
  makeFolder,
  orIoError,
  pointLink,
  readIfThere,
  readJson,
  removeAll,
  replace,
  syncFolder,
  temporaryBeside,
  unlinkIfThere,
  writeNew,
} from '../../durable.ts';
import { sweepDrafts } from '../../sweep.ts';
import { extension, type Certificate } from '../../x509/certificate.ts';
import { readCrl } from '../../x509/crl.ts';
import { readCrlTimes } from '../../x509/crl-times.ts';
import { encodeCrl } from '../../x509/crl-writer.ts';
import { readSubjectKeyIdentifier } from '../../x509/extensions.ts';
import { oid } from '../../x509/oid.ts';
import { encodePem, pemPieces } from '../../x509/pem-writer.ts';
import { keyIdentifier } from '../../x509/key.ts';
import type { CaJson } from './ca-json.ts';
import { crlFolder } from './layout.ts';
import { writeDown } from './lost-facts.ts';
import type { Issuer } from './open.ts';
import { digestNow, noFacts, readFacts, retireFacts, type Facts } from './revocation-facts.ts';

export interface CrlSigner {
  folder: string;
  certificate: Certificate;
  key: KeyObject;
}

/** CRLs say that they were made a minute before they are, since clocks differ. */
const backdating = 60_000;

/** How many CRLs of an issuer stay on disk. */
const kept = 5;

/** The end of a CRL that is signed now. That of a root lives as long as the root, whose key may be far away. */
export function nextUpdateOf(
  { certificate, chain }: Pick<Issuer, 'certificate' | 'chain'>,
  { crlLifetime, rootIssues }: Pick<CaJson, 'crlLifetime' | 'rootIssues'>,
  now: Date,
): Date {
  if (chain.length === 0 && !rootIssues) return certificate.notAfter;
  return new Date(Math.min(now.getTime() + crlLifetime, certificate.notAfter.getTime()));
}

/** Whether less than half of the current CRL's life is gone, and it holds every revocation. */
export function isCrlFresh(folder: string, now: Date): boolean {
  const current = wholeCrl(folder);
  if (!current) return false;
  const { thisUpdate, nextUpdate } = readCrlTimes(current.der);
  return now.getTime() < (thisUpdate.getTime() + nextUpdate.getTime()) / 2 && holdsAllFacts(folder);
}

/** Whether the current CRL was made of the facts that are there now: a run that died may have added one. */
export function holdsAllFacts(folder: string): boolean {
  const file = join(crlFolder(folder), 'current', 'facts.json');
  const made = unlessDamaged(() => readJson(file) ?? { ...noFacts });
  return made?.['sha256'] === digestNow(folder).sha256;
}

/** The current CRL where it is whole. The next one is made of facts: one that is damaged holds up nothing. */
export const wholeCrl = (issuer: string): ReturnType<typeof currentCrl> =>
  unlessDamaged(() => currentCrl(issuer));

function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof PkiError && error.code === 'malformed') return undefined;
    throw error;
  }
}

/**
 * Signs the issuer's next CRL and moves `crl/current` to it.
 * The number is claimed by renaming a folder that was written whole to `crl/<number>`:
 * rename(2) refuses one that is there, and who loses the claim starts over, unless the winner's CRL will do.
 * Whoever has a fact to publish has written it before: the highest number is read first and the facts after it, so
 * that a CRL holds all that those with lower numbers hold, whichever run signs it.
 * @param willDo whether a CRL (DER) is what the caller needs.
 * @returns the number of a CRL that will do.
 */
export function publishCrl(
  signer: CrlSigner,
  now: Date,
  nextUpdate: Date,
  willDo: (der: Buffer) => boolean = () => true,
): number {
  const crls = crlFolder(signer.folder);
  makeFolder(crls, 0o700);
  sweepDrafts(crls);
  if (!holdsAllFacts(signer.folder)) takeUpLost(signer);
  for (let round = 1; ; round += 1) {
    const highest = Math.max(0, ...numbers(crls));
    const next = highest === 0 ? Math.floor(now.getTime() / 1000) : highest + 1;
    const number = Math.max(next, leastNumber(crls));
    const claimed = claim(signer, crls, number, now, nextUpdate);
    moveForward(crls);
    // It was made after they had ended and lists them: the next one need not (RFC 5280 3.3).
    if (claimed && currentNumber(crls) === number) retireFacts(signer.folder, claimed.ended);
    const current = currentCrl(signer.folder);
    // One more round for those who have written a fact meanwhile; in a storm they publish it themselves.
    const mayLack = round === 1 && !holdsAllFacts(signer.folder);
    if (current && willDo(current.der) && !mayLack) return currentNumber(crls);
  }
}

/** What the CRL in use lists and no fact tells of is written down first: the next one is made of facts. */
function takeUpLost({ folder, certificate }: CrlSigner): void {
  const der = readIfThere(join(crlFolder(folder), 'current', 'crl.der'));
  const crl = der && unlessDamaged(() => readCrl(der));
  if (crl?.issuer.equals(certificate.subject)) writeDown(crl, folder);
}

/** @returns what has ended before this CRL was made, or `undefined` where another run has the number already. */
function claim(
  signer: CrlSigner,
  crls: string,
  number: number,
  now: Date,
  nextUpdate: Date,
): { ended: ReturnType<Facts['endedBefore']> } | undefined {
  const { certificate, key, folder } = signer;
  const facts = readFacts(folder);
  const thisUpdate = new Date(now.getTime() - backdating);
  const der = encodeCrl(
    {
      issuer: certificate.subject,
      authorityKeyIdentifier: subjectKeyIdentifierOf(certificate),
      number,
      thisUpdate,
      nextUpdate,
      entries: facts.entries,
    },
    key,
  );
  const target = join(crls, String(number));
  const draft = temporaryBeside(target);
  const digest = jsonText({ schema: 1, ...facts.digest(thisUpdate) });
  try {
    mkdirSync(draft, { mode: 0o700 });
    writeNew(join(draft, 'crl.der'), { data: der, mode: 0o644 });
    writeNew(join(draft, 'crl.pem'), { data: pemPieces('X509 CRL', der), mode: 0o644 });
    writeNew(join(draft, 'facts.json'), { data: digest, mode: 0o600 });
    symlinkSync(String(number), linkIn(draft));
    syncFolder(draft);
    renameSync(draft, target);
    syncFolder(crls);
  } catch (error) {
    discard(draft);
    if (['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) return undefined;
    throw ioError(error, 'write', target);
  }
  return { ended: facts.endedBefore(thisUpdate) };
}

/**
 * Moves `current` to the highest number there is, and never back. Each CRL comes with the link that leads to it: to move
 * is to rename that link over `current`, once, after those of all lower numbers are gone, so that a run which lags behind
 * finds none to rename.
 */
function moveForward(crls: string): void {
  const current = join(crls, 'current');
  for (;;) {
    const [highest = 0, ...lower] = numbers(crls).sort((a, b) => b - a);
    if (currentNumber(crls) >= highest) break;
    for (const number of lower) unlinkIfThere(linkIn(join(crls, String(number))));
    if (!renamed(linkIn(join(crls, String(highest))), current)) {
      if (Math.max(...numbers(crls)) > highest || currentNumber(crls) >= highest) continue;
      // A CRL of an earlier version has no link, and one that is in use has none left where somebody removed `current`.
      pointLink(current, String(highest));
    }
    syncFolder(crls);
  }
  const old = numbers(crls)
    .sort((a, b) => b - a)
    .slice(kept);
  for (const number of old) removeAll(join(crls, String(number)));
}

/**
 * No CRL of this issuer gets a lower number from now on: peers may have seen them. It stays the same for all that follow; a
 * number by the clock would let a run that lags behind publish less under a higher one.
 */
export function setLeastNumber(issuer: string, least: number): void {
  makeFolder(crlFolder(issuer), 0o700);
  const file = join(crlFolder(issuer), 'least');
  replace(file, { data: `${Math.max(least, leastNumber(crlFolder(issuer)))}\n`, mode: 0o644 });
}

function leastNumber(crls: string): number {
  const text = readIfThere(join(crls, 'least'))?.toString('latin1').trim() ?? '0';
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new PkiError('malformed', `${join(crls, 'least')} holds no number`, {
    hint: 'restore it from a backup',
  });
}

const linkIn = (crl: string): string => join(crl, 'link');

/** `false` where there is nothing to rename. */
function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return false;
    throw ioError(error, 'switch', to);
  }
}

const numbers = (crls: string): number[] =>
  orIoError('read', crls, () => readdirSync(crls))
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);

export const currentCrlNumber = (issuer: string): number => currentNumber(crlFolder(issuer));

function currentNumber(crls: string): number {
  try {
    return Number(readlinkSync(join(crls, 'current')));
  } catch {
    return 0;
  }
}

/**
 * The current CRL, or `undefined` where none was signed yet. Its PEM is made of the DER: peers get what was looked at.
 * @throws PkiError `malformed` where it is none
 */
export function currentCrl(issuer: string): { der: Buffer; pem: string } | undefined {
  const file = join(crlFolder(issuer), 'current', 'crl.der');
  const der = readIfThere(file);
  if (!der) return undefined;
  try {
    readCrlTimes(der);
  } catch (cause) {
    throw new PkiError('malformed', `${file} is not the CRL that was signed: ${String(cause)}`, {
      hint: '"certwright ca crl" signs the next one; peers that check revocation need it',
      cause,
    });
  }
  return { der, pem: encodePem('X509 CRL', der) };
}

/** The certificate's own SKI, or the hash that it would have. */
export function subjectKeyIdentifierOf(certificate: Certificate): Buffer {
  const found = extension(certificate, oid.subjectKeyIdentifier);
  return found ? readSubjectKeyIdentifier(found.value) : keyIdentifier(certificate.publicKey);
}
