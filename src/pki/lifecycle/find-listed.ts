import { entryExtensions, reasonOf, type RevokedCertificate } from '../x509/crl.ts';
import { entriesOf } from '../x509/crl-summary.ts';
import { integer } from '../x509/der-writer.ts';
import { readInvalidityDate } from '../x509/extensions.ts';
import { formatName } from '../x509/distinguished-name.ts';
import { oid } from '../x509/oid.ts';
import type { FoundItem } from './inspect.ts';

/** An entry for the serial number that was asked for. */
export interface Listed {
  /** Which of the items found is its CRL. */
  item: number;
  /** Of the CRL, as RFC 4514 writes it. */
  issuer: string;
  revokedAt: Date;
  reason: string;
  /** Since when the key may have been in wrong hands. */
  invalidityDate: Date | undefined;
  /** It stands in a CRL that only adds to another. */
  delta: boolean;
}

/**
 * The entries for a serial number in all CRLs found.
 * @param serial in hex
 * @throws DerError where an entry for it says something that cannot be read
 */
export function findListed(found: readonly FoundItem[], serial: string): Listed[] {
  const content = integer(Buffer.from(serial, 'hex')).subarray(2);
  return found.flatMap(({ item }, index) => {
    if (item.kind !== 'crl') return [];
    const { crl } = item;
    const issuer = formatName(crl.issuerName);
    const delta = crl.extensions.some(({ id }) => id === oid.deltaCrlIndicator);
    return entriesOf(crl, content).map((entry) => ({
      item: index,
      issuer,
      revokedAt: entry.revokedAt,
      reason: reasonOf(entry),
      invalidityDate: invalidityDateOf(entry),
      delta,
    }));
  });
}

function invalidityDateOf(entry: RevokedCertificate): Date | undefined {
  const found = entryExtensions(entry).find(({ id }) => id === oid.invalidityDate);
  return found && readInvalidityDate(found.value);
}
