import type { KeyObject } from 'node:crypto';
import { encodeAuthorityKeyIdentifier, encodeExtension } from './certificate-builder.ts';
import { CrlEntries, type RevokedEntry } from './crl-entries.ts';
import { tag } from './der-reader.ts';
import * as write from './der-writer.ts';
import { oid } from './oid.ts';
import { signedPieces } from './signing.ts';

export { reasonCodes, type RevocationReason, type RevokedEntry } from './crl-entries.ts';

export interface CrlTemplate {
  /** Encoded Name, copied byte for byte from the issuer's certificate. */
  issuer: Buffer;
  authorityKeyIdentifier: Buffer;
  number: number;
  thisUpdate: Date;
  nextUpdate: Date;
  /** Read once, in this order; an entry is not kept. */
  entries: Iterable<RevokedEntry>;
}

/**
 * Signs a version 2 complete CRL (RFC 5280 5.1): its DER in pieces, since there may be a million entries.
 * The pieces are hashed and written as they are, and never joined.
 */
export function encodeCrl(template: CrlTemplate, issuerKey: KeyObject): Buffer[] {
  const entries = new CrlEntries(template.entries);
  // An empty list must be absent (RFC 5280 5.1.2.6).
  const revoked =
    entries.length === 0 ? [] : [write.encodeHeader(tag.sequence, entries.length), ...entries.pieces];
  const extensions = write.explicit(
    0,
    write.sequence(
      encodeAuthorityKeyIdentifier(template.authorityKeyIdentifier),
      encodeExtension(oid.crlNumber, write.integer(template.number)),
    ),
  );
  return signedPieces(issuerKey, (algorithm) => [
    write.integer(1),
    algorithm,
    template.issuer,
    write.time(template.thisUpdate),
    write.time(template.nextUpdate),
    ...revoked,
    extensions,
  ]);
}
