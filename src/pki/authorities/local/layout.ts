import { join } from 'node:path';

/*
 * A CA in a folder: every fact is one file, created once, never rewritten (docs/formats.md).
 */

export const caFile = (ca: string): string => join(ca, 'ca.json');
export const activeLink = (ca: string): string => join(ca, 'active');
export const issuersFolder = (ca: string): string => join(ca, 'issuers');
/** Keys whose certificate somebody else is to sign. */
export const pendingFolder = (ca: string): string => join(ca, 'pending');
/** Issuers are foldered by the beginning of their subject key identifier. */
export const issuerId = (subjectKeyIdentifier: Buffer): string =>
  subjectKeyIdentifier.toString('hex').slice(0, 16);

export const issuerFolder = (ca: string, id: string): string => join(ca, 'issuers', id);

export const issuedFolder = (issuer: string): string => join(issuer, 'issued');

/** Where the certificate with this serial is recorded: foldered by the month in which it expires. */
export function issuedFile(issuer: string, notAfter: Date, serial: string): string {
  return join(issuedFolder(issuer), notAfter.toISOString().slice(0, 7), `${serial}.pem`);
}

export const crlFolder = (issuer: string): string => join(issuer, 'crl');

/** One file an event: `<serial>.<n>.json`. */
export const revokedFolder = (issuer: string): string => join(issuer, 'revoked');
/** Facts of certificates that have ended and that a CRL has listed once more since (RFC 5280 3.3). */
export const expiredFolder = (issuer: string): string => join(issuer, 'revoked', 'expired');

/** Certificates that were revoked to be tried, each with its key: `<serial>.pem`. */
export const probesFolder = (issuer: string): string => join(issuer, 'probes');
