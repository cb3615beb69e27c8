import { serialHex } from '../../x509/certificate.ts';
import { reasonCodes, type RevocationReason } from '../../x509/crl-entries.ts';
import { reasonOf, revokedCertificates, type Crl, type RevokedCertificate } from '../../x509/crl.ts';
import { serialsWithFacts, writeFact } from './revocation-facts.ts';

/**
 * What a CRL lists and no fact tells of, as after a copy of the CA's folder that is older was put back: what a CRL has listed
 * stays revoked (RFC 5280 3.3).
 */
export function withoutFact(crl: Crl, issuer: string): RevokedCertificate[] {
  const known = serialsWithFacts(issuer);
  return [...revokedCertificates(crl)].filter(({ serial }) => !known.has(serialHex(serial)));
}

/** @returns how many revocations of a CRL were not on record, and are now */
export function writeDown(crl: Crl, issuer: string): number {
  let count = 0;
  for (const entry of withoutFact(crl, issuer)) {
    const { revokedAt } = entry;
    const named = reasonOf(entry);
    const reason =
      (Object.keys(reasonCodes) as RevocationReason[]).find((one) => one === named) ?? 'unspecified';
    const fact = { event: 'revoked', at: revokedAt, revokedAt, reason, by: '' } as const;
    const unknown = { invalidityDate: undefined, notAfter: undefined };
    if (writeFact(issuer, serialHex(entry.serial), 1, { ...fact, ...unknown })) count++;
  }
  return count;
}
