import type { RevocationWish } from '../authorities/authority.ts';
import type { AwsConnection } from '../authorities/aws/options.ts';
import { isAcm } from '../authorities/reference.ts';
import { PkiError } from '../errors.ts';
import { withLock } from '../store/lock.ts';
import { recordRevocation } from '../store/revocation-record.ts';
import type { RevocationReason } from '../x509/crl-entries.ts';
import { readCertificate } from '../x509/certificate.ts';
import { addressesIn, type RevocationAddresses } from './revocation-addresses.ts';
import type { Target } from './revocation-target.ts';

export interface AwsRevokeOrder {
  target: Target;
  wish: RevocationWish;
  dryRun: boolean;
  connection: AwsConnection;
  /** Milliseconds to wait for another run on the same name. */
  lockTimeout: number;
}

export interface RevokedAtAws {
  state: 'revoked' | 'already-revoked';
  reason: RevocationReason;
  /** Where relying parties look, by the certificate itself. */
  addresses: RevocationAddresses;
  /** When AWS shows it there at the latest, as it says; `undefined` where nobody can look. */
  visibleBy: Date | undefined;
  /** DER of who signs the CRL, where it is known. */
  issuer: Buffer | undefined;
  warnings: string[];
}

/** "Typically 30 minutes" for a CRL, "up to 60 minutes" for OCSP (AWS Private CA user guide), in milliseconds. */
const crlDelay = 30 * 60_000;
const ocspDelay = 60 * 60_000;

/**
 * Has AWS revoke a certificate: what a private CA has signed by that CA, a public one that was exported by ACM.
 * @throws PkiError `unsupported` for what AWS has no word for, before it is asked; as AWS fails
 */
export async function revokeAtAws(
  order: AwsRevokeOrder,
  world: { now: () => Date; pid: number },
): Promise<RevokedAtAws> {
  const { target, connection, lockTimeout } = order;
  const reason = reasonOf(order.wish);
  const done = isAcm(target.authority) ? await atAcm(order, reason) : await atPca(order, reason, world.now());
  if (target.stored && !order.dryRun) {
    const { folder, generation } = target.stored;
    const { serial, authority } = target;
    const record = { serial, generation, authority, at: world.now().toISOString(), reason };
    const lock = { pid: world.pid, timeout: lockTimeout, signal: connection.signal };
    await withLock(folder.lockFile, lock, async () => {
      recordRevocation(folder, record);
    });
  }
  return done;
}

function reasonOf(wish: RevocationWish): RevocationReason {
  const what =
    wish.event === 'release'
      ? '--release'
      : wish.reason === 'certificateHold'
        ? '--hold'
        : wish.invalidityDate
          ? '--invalidity-date'
          : undefined;
  if (wish.event === 'revoke' && what === undefined) return wish.reason;
  throw new PkiError('unsupported', `AWS has nothing like ${what ?? ''}`, {
    hint:
      what === '--invalidity-date'
        ? 'leave it out, and write it down elsewhere'
        : 'take the certificate out of use ("certwright rotate NAME --force"), or revoke it for good',
  });
}

async function atPca(
  { target, connection, dryRun }: AwsRevokeOrder,
  reason: RevocationReason,
  now: Date,
): Promise<RevokedAtAws> {
  const { certificate, authority: ca, arn, serial } = target;
  if (certificate?.issuer.equals(certificate.subject) === true) {
    throw new PkiError('not-permitted', `${ca} does not revoke what is self-signed`, {
      hint: 'a root is taken out of trust stores, and disabled or deleted at AWS',
    });
  }
  const addresses = addressesIn(certificate);
  const { pcaReasons, revokeAtPca } = await import('../authorities/acm-pca/revoke.ts');
  const word = pcaReasons[reason];
  if (word === undefined) throw new TypeError(`no word of AWS for ${reason}`);
  const nothing = { authority: undefined, issuer: undefined, state: 'revoked' as const };
  const { state, authority, issuer } = dryRun ? nothing : await revokeAtPca(ca, serial, word, connection);
  const { crl = { enabled: true }, ocsp = { enabled: true } } = authority ?? {};
  const warnings: string[] = [];
  if (!crl.enabled && !ocsp.enabled) {
    warnings.push(
      `${ca} publishes neither a CRL nor OCSP: nobody but its audit report will ever say that it was revoked; switch one on ("aws acm-pca update-certificate-authority --revocation-configuration …"), which helps certificates that are issued then`,
    );
  } else if (certificate && addresses.crl.length + addresses.ocsp.length === 0) {
    warnings.push(
      'the certificate names no CRL and no OCSP responder: whoever checks it has to be given the CRL',
    );
  }
  // That of AWS Private CA is no certificate of ACM's.
  if (arn !== undefined && /^arn:[^:]+:acm:/.test(arn)) {
    warnings.push(
      `${arn} stays in ACM, which would renew it: once nothing uses it, "aws acm delete-certificate --certificate-arn ${arn}"`,
    );
  }
  warnings.push(
    'API Gateway and MSK look at no CRL, and load balancers only at the PEM that was given to their trust store (docs/aws.md)',
  );
  return { state, reason, addresses, visibleBy: visibleBy(crl.enabled, ocsp.enabled, now), issuer, warnings };
}

const visibleBy = (crl: boolean, ocsp: boolean, now: Date): Date | undefined =>
  crl || ocsp ? new Date(now.getTime() + (crl ? crlDelay : ocspDelay)) : undefined;

async function atAcm(
  { target: { arn, serial, certificate, stored }, connection, dryRun }: AwsRevokeOrder,
  reason: RevocationReason,
): Promise<RevokedAtAws> {
  if (arn === undefined) {
    throw new PkiError('not-permitted', `it is not known under which ARN ACM has ${stored?.name ?? serial}`, {
      hint: '"certwright list --ca acm" shows the ARNs: certwright revoke ARN',
    });
  }
  const { acmReasons, heldUnder, revokeAtAcm } = await import('../authorities/acm/revoke.ts');
  const word = acmReasons[reason];
  if (word === undefined) throw new TypeError(`no word of AWS for ${reason}`);
  const held = await heldUnder(arn, connection);
  const state = dryRun ? 'revoked' : await revokeAtAcm(held, serial, word, connection);
  return {
    state,
    reason,
    addresses: addressesIn(certificate ?? readCertificate(held.certificate)),
    visibleBy: undefined,
    issuer: held.issuer,
    warnings: held.facts.inUseBy.map((user) => `it is used by ${user}`),
  };
}
