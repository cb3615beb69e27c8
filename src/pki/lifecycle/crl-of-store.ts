import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setLeastNumber } from '../authorities/local/crl.ts';
import { writeDown } from '../authorities/local/lost-facts.ts';
import type { Issuer } from '../authorities/local/open.ts';
import { isThere, readIfThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { extension } from '../x509/certificate.ts';
import { readCrlIfWhole, type Crl } from '../x509/crl.ts';
import { readCrlNumber } from '../x509/extensions.ts';
import { oid } from '../x509/oid.ts';
import { pemCrls } from '../x509/pem-crls.ts';
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
    if (issuer) count += takeUp(crl, issuer);
  }
  return count;
}

function crlsOf(trust: string): Crl[] {
  if (!isThere(trust)) return [];
  return readdirSync(trust).flatMap((name) => {
    const pem = readIfThere(join(trust, name, 'current', 'crl.pem'))?.toString('latin1') ?? '';
    // A broken bundle of the store is no reason not to restore the CA.
    return pemCrls(pem).flatMap((der) => readCrlIfWhole(der) ?? []);
  });
}

/** Peers may have seen its number: the next one is higher. @throws PkiError `unsupported` where none can be */
export function takeUp(crl: Crl, { folder }: Issuer): number {
  const found = extension(crl, oid.crlNumber);
  const number = found ? readCrlNumber(found.value).toString('hex').replace(/^0+/, '') : '';
  if (number.length > 12) {
    throw new PkiError('unsupported', `the CRL in use has the number ${number}, which cannot go on`, {
      hint: 'CRL numbers of up to 12 hexadecimal digits are counted on',
    });
  }
  if (number !== '') setLeastNumber(folder, Number.parseInt(number, 16) + 1);
  return writeDown(crl, folder);
}
