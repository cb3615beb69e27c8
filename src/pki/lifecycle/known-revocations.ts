import { isAws } from '../authorities/reference.ts';
import { issuerFolder, issuerId } from '../authorities/local/layout.ts';
import { lastFact, revokedSerials, type RevokedSerials } from '../authorities/local/revocation-facts.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { readRevocations } from '../store/revocation-record.ts';
import { extension, serialHex, type Certificate } from '../x509/certificate.ts';
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
  readonly #serials = new Map<string, RevokedSerials>();

  /** @param authority a folder's absolute path, or an ARN: who has issued it */
  of(
    folder: CertificateFolder,
    authority: string,
    certificate: Certificate | undefined,
  ): KnownRevocation | undefined {
    if (!certificate) return undefined;
    return isAws(authority) ? atAws(folder, certificate) : this.#inFolder(authority, certificate);
  }

  #inFolder(ca: string, certificate: Certificate): KnownRevocation | undefined {
    const found = extension(certificate, oid.authorityKeyIdentifier);
    const key = found && readAuthorityKeyIdentifier(found.value).keyIdentifier;
    if (!key) return undefined;
    const issuer = issuerFolder(ca, issuerId(key));
    const serial = serialHex(certificate.serial);
    if (!this.#serialsOf(issuer).has(serial)) return undefined;
    const fact = lastFact(issuer, serial)?.fact;
    return fact?.event === 'revoked' ? { at: fact.revokedAt, reason: fact.reason } : undefined;
  }

  #serialsOf(issuer: string): RevokedSerials {
    let serials = this.#serials.get(issuer);
    if (!serials) this.#serials.set(issuer, (serials = revokedSerials(issuer)));
    return serials;
  }
}

function atAws(folder: CertificateFolder, { serial }: Certificate): KnownRevocation | undefined {
  const record = readRevocations(folder).find((one) => one.serial === serialHex(serial));
  return record && { at: new Date(record.at), reason: record.reason };
}
