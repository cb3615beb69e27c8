import type { KeyObject } from 'node:crypto';
import { encodeAuthorityKeyIdentifier, encodeExtension } from './certificate-builder.ts';
import * as write from './der-writer.ts';
import { oid } from './oid.ts';
import { signed } from './signing.ts';

/** CRLReason (RFC 5280 5.3.1). */
export const reasonCodes = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;
export type RevocationReason = keyof typeof reasonCodes;

export interface RevokedEntry {
  serial: Buffer;
  revokedAt: Date;
  reason: RevocationReason;
}

export interface CrlTemplate {
  /** Encoded Name, copied byte for byte from the issuer's certificate. */
  issuer: Buffer;
  authorityKeyIdentifier: Buffer;
  number: number;
  thisUpdate: Date;
  nextUpdate: Date;
  entries: readonly RevokedEntry[];
}

/** Signs a version 2 complete CRL (RFC 5280 5.1) and returns its DER. */
export function buildCrl(template: CrlTemplate, issuerKey: KeyObject): Buffer {
  // An empty list must be absent (RFC 5280 5.1.2.6). One buffer: a call cannot take a million arguments.
  const revoked =
    template.entries.length === 0 ? [] : [write.sequence(Buffer.concat(template.entries.map(encodeEntry)))];
  return signed(issuerKey, (algorithm) =>
    write.sequence(
      write.integer(1),
      algorithm,
      template.issuer,
      write.time(template.thisUpdate),
      write.time(template.nextUpdate),
      ...revoked,
      write.explicit(
        0,
        write.sequence(
          encodeAuthorityKeyIdentifier(template.authorityKeyIdentifier),
          encodeExtension(oid.crlNumber, write.integer(template.number)),
        ),
      ),
    ),
  );
}

function encodeEntry({ serial, revokedAt, reason }: RevokedEntry): Buffer {
  // `unspecified` is said by leaving the extension out (RFC 5280 5.3.1).
  const extensions =
    reason === 'unspecified'
      ? []
      : [write.sequence(encodeExtension(oid.reasonCode, write.enumerated(reasonCodes[reason])))];
  return write.sequence(write.integer(serial), write.time(revokedAt), ...extensions);
}
