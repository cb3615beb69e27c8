import { join } from 'node:path';
import { PkiError } from '../../errors.ts';
import { serialHex, type Certificate } from '../../x509/certificate.ts';
import { commonName } from '../../x509/distinguished-name.ts';
import { subjectKeyIdentifierOf } from './crl.ts';
import { issuerFolder, issuerId } from './layout.ts';
import { makeSuccessor, type Issuer, type LocalCa } from './open.ts';
import { lastFact, type RevocationFact } from './revocation-facts.ts';

export interface RevokedIssuer {
  /** The issuer's own, or one above it. */
  certificate: Certificate;
  fact: RevocationFact;
}

/**
 * Whether an issuer, or one above it, was revoked: peers refuse all that it signs. Only what is on record here is known, not
 * what the CRL of a root elsewhere says.
 * @param ca the CA's folder
 */
export function revokedIssuer(ca: string, { certificate, chain }: Issuer): RevokedIssuer | undefined {
  const upwards = [certificate, ...chain];
  for (const [index, one] of upwards.entries()) {
    const signer = upwards[index + 1];
    if (!signer) return undefined;
    const folder = issuerFolder(ca, issuerId(subjectKeyIdentifierOf(signer)));
    const fact = lastFact(folder, serialHex(one.serial))?.fact;
    if (fact?.event === 'revoked') return { certificate: one, fact };
  }
  return undefined;
}

/** What is said of one, and the way out. */
export function describeRevoked({ certificate, fact }: RevokedIssuer): { message: string; hint: string } {
  const name = commonName(certificate.subjectName) ?? serialHex(certificate.serial);
  return {
    message: `the CA certificate ${JSON.stringify(name)} was revoked ${fact.revokedAt.toISOString()} (${fact.reason})`,
    hint:
      fact.reason === 'certificateHold' ? '"certwright revoke --release" takes the hold back' : makeSuccessor,
  };
}

/** @throws PkiError `not-valid` where what it signs would be refused. */
export function refuseRevoked({ folder, active }: LocalCa): void {
  const revoked = revokedIssuer(folder, active);
  if (!revoked) return;
  const { message, hint } = describeRevoked(revoked);
  throw new PkiError('not-valid', `${message}, ${join(active.folder, 'cert.pem')}`, { hint });
}
