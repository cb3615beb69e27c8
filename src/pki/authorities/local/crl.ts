import type { KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { foreignCode, PkiError } from '../../errors.ts';
import {
  discard,
  ioError,
  makeFolder,
  orIoError,
  pointLink,
  readIfThere,
  removeAll,
  syncFolder,
  temporaryBeside,
  writeNew,
} from '../../durable.ts';
import { sweepDrafts } from '../../sweep.ts';
import { extension, type Certificate } from '../../x509/certificate.ts';
import { readCrlTimes } from '../../x509/crl-times.ts';
import { buildCrl } from '../../x509/crl-writer.ts';
import { readSubjectKeyIdentifier } from '../../x509/extensions.ts';
import { oid } from '../../x509/oid.ts';
import { encodePem } from '../../x509/pem-writer.ts';
import { keyIdentifier } from '../../x509/key.ts';
import { crlFolder } from './layout.ts';

/** Life of an issuing CA's CRLs, in milliseconds. */
export const crlLifetime = 30 * 86_400_000;

export interface CrlSigner {
  folder: string;
  certificate: Certificate;
  key: KeyObject;
}

/** How many CRLs of an issuer stay on disk. */
const kept = 5;

/** Whether less than half of the current CRL's life is gone. */
export function isCrlFresh(folder: string, now: Date): boolean {
  const current = currentCrl(folder);
  if (!current) return false;
  const { thisUpdate, nextUpdate } = readCrlTimes(current.der);
  return now.getTime() < (thisUpdate.getTime() + nextUpdate.getTime()) / 2;
}

/**
 * Signs the issuer's next CRL and moves `crl/current` to it.
 * The number is claimed by renaming a folder that was written whole to `crl/<number>`:
 * rename(2) refuses one that is there, and who loses the claim starts over.
 */
export function publishCrl(signer: CrlSigner, now: Date, nextUpdate: Date): number {
  refuseFactsOfLaterVersions(signer.folder);
  const crls = crlFolder(signer.folder);
  makeFolder(crls, 0o700);
  sweepDrafts(crls);
  for (;;) {
    // The first number is Unix seconds, so that a number that peers have seen is not issued again after a restore.
    const highest = Math.max(0, ...numbers(crls));
    const number = highest === 0 ? Math.floor(now.getTime() / 1000) : highest + 1;
    if (claim(signer, crls, number, now, nextUpdate)) {
      moveForward(crls);
      return number;
    }
  }
}

function claim(signer: CrlSigner, crls: string, number: number, now: Date, nextUpdate: Date): boolean {
  const { certificate, key } = signer;
  const der = buildCrl(
    {
      issuer: certificate.subject,
      authorityKeyIdentifier: subjectKeyIdentifierOf(certificate),
      number,
      thisUpdate: new Date(now.getTime() - 60_000),
      nextUpdate,
      entries: [],
    },
    key,
  );
  const target = join(crls, String(number));
  const draft = temporaryBeside(target);
  try {
    mkdirSync(draft, { mode: 0o700 });
    writeNew(join(draft, 'crl.der'), { data: der, mode: 0o644 });
    writeNew(join(draft, 'crl.pem'), { data: encodePem('X509 CRL', der), mode: 0o644 });
    syncFolder(draft);
    renameSync(draft, target);
    syncFolder(crls);
    return true;
  } catch (error) {
    discard(draft);
    if (['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) return false;
    throw ioError(error, 'write', target);
  }
}

/** Points `current` at the highest number there is; looks again after moving, and never moves back. */
function moveForward(crls: string): void {
  for (;;) {
    const highest = Math.max(...numbers(crls));
    if (currentNumber(crls) >= highest) break;
    pointLink(join(crls, 'current'), String(highest));
    syncFolder(crls);
  }
  const old = numbers(crls)
    .sort((a, b) => b - a)
    .slice(kept);
  for (const number of old) removeAll(join(crls, String(number)));
}

const numbers = (crls: string): number[] =>
  orIoError('read', crls, () => readdirSync(crls))
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);

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
      hint: 'restore it from a backup; peers that check revocation need it',
      cause,
    });
  }
  return { der, pem: encodePem('X509 CRL', der) };
}

/** A CRL signed here would silently un-revoke what a later version has revoked. */
function refuseFactsOfLaterVersions(issuer: string): void {
  const revoked = join(issuer, 'revoked');
  if (!existsSync(revoked) || readdirSync(revoked).length === 0) return;
  throw new PkiError('unsupported', `${revoked} holds revocations that this version cannot read`, {
    hint: 'update certwright',
  });
}

/** The certificate's own SKI, or the hash that it would have. */
export function subjectKeyIdentifierOf(certificate: Certificate): Buffer {
  const found = extension(certificate, oid.subjectKeyIdentifier);
  return found ? readSubjectKeyIdentifier(found.value) : keyIdentifier(certificate.publicKey);
}
