import { readdirSync } from 'node:fs';
import { isAws } from '../authorities/reference.ts';
import { issuerFolder, issuerId, issuersFolder } from '../authorities/local/layout.ts';
import { lastFact, revokedSerials, type RevokedSerials } from '../authorities/local/revocation-facts.ts';
import { isThere, orIoError } from '../durable.ts';
import { PkiError } from '../errors.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { readRevocations } from '../store/revocation-record.ts';
import { extension, readCertificate, serialHex, type CertificateLife } from '../x509/certificate.ts';
import { readAuthorityKeyIdentifier } from '../x509/extensions.ts';
import { oid } from '../x509/oid.ts';

export interface KnownRevocation {
  at: Date;
  /** As RFC 5280 5.3.1 calls it. */
  reason: string;
}

/**
 * What is on record here of revoked certificates, without asking anybody: the facts of CAs in folders, whose names are
 * looked through once, and what was revoked from here at AWS.
 */
export class KnownRevocations {
  readonly #serials = new Map<string, Map<string, RevokedSerials>>();
  readonly #unread: Map<string, PkiError> | undefined;

  /**
   * @param unread takes the CAs in folders that cannot be read, as those of another user, of which nothing is told then;
   * without it they are refused.
   */
  constructor(unread?: Map<string, PkiError>) {
    this.#unread = unread;
  }

  /** @param authority a folder's absolute path, or an ARN: who has issued it */
  of(
    folder: CertificateFolder,
    authority: string,
    certificate: Pick<CertificateLife, 'der' | 'serial'> | undefined,
  ): KnownRevocation | undefined {
    if (!certificate) return undefined;
    const serial = serialHex(certificate.serial);
    return isAws(authority) ? atAws(folder, serial) : this.#inFolder(authority, serial, certificate.der);
  }

  #inFolder(ca: string, serial: string, der: Buffer): KnownRevocation | undefined {
    for (const [issuer, serials] of this.#serialsOf(ca)) {
      // Only what is likely to be revoked is worth the decoding.
      if (!serials.has(serial) || issuer !== issuerIn(ca, der)) continue;
      const fact = lastFact(issuer, serial)?.fact;
      return fact?.event === 'revoked' ? { at: fact.revokedAt, reason: fact.reason } : undefined;
    }
    return undefined;
  }

  #serialsOf(ca: string): Map<string, RevokedSerials> {
    const known = this.#serials.get(ca);
    if (known) return known;
    const serials = this.#read(ca);
    this.#serials.set(ca, serials);
    return serials;
  }

  #read(ca: string): Map<string, RevokedSerials> {
    try {
      return new Map(issuerFolders(ca).map((issuer) => [issuer, revokedSerials(issuer)]));
    } catch (error) {
      if (!this.#unread || !(error instanceof PkiError)) throw error;
      this.#unread.set(ca, error);
      return new Map();
    }
  }
}

/** A CA that is somewhere else has no folder here. */
function issuerFolders(ca: string): string[] {
  if (!isThere(issuersFolder(ca))) return [];
  return orIoError('read', issuersFolder(ca), () => readdirSync(issuersFolder(ca)))
    .filter((id) => !id.startsWith('.'))
    .map((id) => issuerFolder(ca, id));
}

/** The folder of whoever has signed it: two issuers may have given the same serial number. */
function issuerIn(ca: string, der: Buffer): string | undefined {
  const found = extension(readCertificate(der), oid.authorityKeyIdentifier);
  const key = found && readAuthorityKeyIdentifier(found.value).keyIdentifier;
  return key && issuerFolder(ca, issuerId(key));
}

function atAws(folder: CertificateFolder, serial: string): KnownRevocation | undefined {
  const record = readRevocations(folder).find((one) => one.serial === serial);
  return record && { at: new Date(record.at), reason: record.reason };
}
