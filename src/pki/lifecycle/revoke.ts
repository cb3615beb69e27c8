import type { RevocationWish } from '../authorities/authority.ts';
import { issuerOf } from '../authorities/local/issued.ts';
import { readTrust } from '../authorities/local/local-authority.ts';
import { openCa } from '../authorities/local/open.ts';
import { revokeLocally, type CrlPlace } from '../authorities/local/revoke.ts';
import type { RevocationFact } from '../authorities/local/revocation-facts.ts';
import { isThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { defaultTrust, updateDefaultTrust } from '../store/trust-bundle.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { AskPassphrase } from '../x509/key.ts';
import { authorityReference } from './authority-reference.ts';
import type { Target } from './revocation-target.ts';

export type { CrlPlace, RevocationFact, RevocationWish };
export { findTarget, type Target, type TargetWords } from './revocation-target.ts';

export interface RevokeOrder {
  /** Of a CA in a folder. */
  target: Pick<Target, 'authority' | 'stored'> & { certificate: Certificate };
  wish: RevocationWish;
  /** Absolute path of the store whose trust bundle follows. */
  store: string;
  /** Who says so: `user@host`. */
  by: string;
  ask: AskPassphrase;
  /** Only says what would become of it. */
  dryRun: boolean;
}

export interface Revoked {
  state: 'revoked' | 'already-revoked' | 'released' | 'not-revoked';
  /** What is on record; `undefined` where it was never revoked. */
  fact: Pick<RevocationFact, 'revokedAt' | 'reason' | 'invalidityDate' | 'by'> | undefined;
  crl: CrlPlace;
  /** Whoever has fetched the CRL before this one may go by it until then. */
  knownBy: Date | undefined;
  /** Where the store's trust bundle has it. */
  trust: string | undefined;
  /** DER of who has signed the certificate. */
  issuer: Buffer;
}

/**
 * Revokes a certificate, or takes a hold back, at the CA in a folder that signed it; the store's trust bundle follows.
 * @throws PkiError `bad-input` where that CA did not sign it, and as `revokeLocally`
 */
export async function revoke(order: RevokeOrder, now: Date): Promise<Revoked> {
  const { target, store, ...rest } = order;
  const { authority: ca, certificate } = target;
  const issuer = signedBy(target);
  const done = await revokeLocally({ ...rest, ca, issuer, certificate, now });
  const trust = order.dryRun ? undefined : feedBundle(store, ca, now);
  return { ...done, trust, issuer: issuer.certificate.der };
}

/** @throws PkiError `bad-input`, `not-found`, `lax-permissions` */
export function signedBy({
  authority,
  certificate,
}: RevokeOrder['target']): NonNullable<ReturnType<typeof issuerOf>> {
  openCa(authority);
  const issuer = issuerOf(authority, certificate);
  if (issuer?.certificate.der.equals(certificate.der)) {
    // RFC 5280 6.1: validation starts at the trust anchor, whose own CRL nobody asks for it.
    throw new PkiError(
      'bad-input',
      `${issuer.folder}/cert.pem is a root, and no CRL takes trust from a root`,
      {
        hint: 'remove it from what trusts it; "certwright ca init --ca DIR" makes its successor',
      },
    );
  }
  if (issuer) return issuer;
  throw new PkiError('bad-input', `the CA in ${authority} did not sign this certificate`, {
    hint: 'name the one that did with --ca: a folder or an ARN',
  });
}

/** A store that has no bundle of this CA does not get one here. */
function feedBundle(store: string, ca: string, now: Date): string | undefined {
  if (!isThere(defaultTrust(store))) return undefined;
  return updateDefaultTrust(store, authorityReference(store, ca), () => readTrust(ca, now));
}
