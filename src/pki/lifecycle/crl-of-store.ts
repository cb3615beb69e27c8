import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setLeastNumber } from '../authorities/local/crl.ts';
import type { Issuer } from '../authorities/local/open.ts';
import { lastFact, writeFact } from '../authorities/local/revocation-facts.ts';
import { isThere, readIfThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { extension, serialHex } from '../x509/certificate.ts';
import { reasonCodes, type RevocationReason } from '../x509/crl-entries.ts';
import { readCrl, reasonOf, revokedCertificates, type Crl } from '../x509/crl.ts';
import { oid } from '../x509/oid.ts';
import { checkSignature } from '../x509/validation/signature.ts';

/**
 * What the CRLs in a store's trust bundles know and the CA does not: revocations, and numbers that peers have seen. Only CRLs that an
 * issuer of this CA has signed are believed.
 * @returns how many revocations were written down
 */
export function takeUpRevocations(store: string, issuers: readonly Issuer[]): number {
  let count = 0;
  for (const crl of crlsOf(join(store, '_trust'))) {
    const issuer = issuers.find(
      ({ certificate }) =>
        crl.issuer.equals(certificate.subject) && checkSignature(crl, certificate) === 'good',
    );
    if (issuer) count += writeDown(crl, issuer);
  }
  return count;
}

function crlsOf(trust: string): Crl[] {
  if (!isThere(trust)) return [];
  return readdirSync(trust).flatMap((name) => {
    const pem = readIfThere(join(trust, name, 'current', 'crl.pem'))?.toString('latin1') ?? '';
    const blocks = pem.matchAll(/-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g);
    return [...blocks].flatMap(([, base64 = '']) => {
      try {
        return [readCrl(Buffer.from(base64, 'base64'))];
      } catch (error) {
        // A broken bundle of the store is no reason not to restore the CA.
        if (error instanceof PkiError) return [];
        throw error;
      }
    });
  });
}

/** @returns how many revocations of a CRL were not on record, and are now */
export function writeDown(crl: Crl, { folder }: Issuer): number {
  const number = extension(crl, oid.crlNumber)?.value.subarray(2).toString('hex') ?? '';
  if (/^[0-9a-f]{1,12}$/.test(number)) setLeastNumber(folder, Number.parseInt(number, 16) + 1);
  let count = 0;
  for (const entry of revokedCertificates(crl)) {
    const serial = serialHex(entry.serial);
    if (lastFact(folder, serial)) continue;
    const { revokedAt } = entry;
    const named = reasonOf(entry);
    const reason =
      (Object.keys(reasonCodes) as RevocationReason[]).find((one) => one === named) ?? 'unspecified';
    const fact = { event: 'revoked', at: revokedAt, revokedAt, reason, by: '' } as const;
    if (writeFact(folder, serial, 1, { ...fact, invalidityDate: undefined, notAfter: undefined })) count++;
  }
  return count;
}
