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
import { arnIn } from './successor.ts';

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
  const keep = async (): Promise<void> => {
    if (!target.stored) return;
    const { folder, generation } = target.stored;
    const { serial, authority } = target;
    const record = { serial, generation, authority, at: world.now().toISOString(), reason };
    const lock = { pid: world.pid, timeout: lockTimeout, signal: connection.signal };
    await withLock(folder.lockFile, lock, async () => {
      recordRevocation(folder, record);
    });
  };
  return isAcm(target.authority) ? atAcm(order, reason, keep) : atPca(order, reason, keep, world.now());
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

/** @param keep puts it on record, as soon as it is done: nothing that fails later may leave it unknown here */
async function atPca(
  { target, connection, dryRun }: AwsRevokeOrder,
  reason: RevocationReason,
  keep: () => Promise<void>,
  now: Date,
): Promise<RevokedAtAws> {
  const { certificate, authority: ca, serial } = target;
  if (certificate?.issuer.equals(certificate.subject) === true) {
    throw new PkiError('not-permitted', `${ca} does not revoke what is self-signed`, {
      hint: 'a root is taken out of trust stores, and disabled or deleted at AWS',
    });
  }
  const addresses = addressesIn(certificate);
  const { howPcaTells, pcaReasons, revokeAtPca } = await import('../authorities/acm-pca/revoke.ts');
  const word = pcaReasons[reason];
  if (word === undefined) throw new TypeError(`no word of AWS for ${reason}`);
  const state = dryRun ? 'revoked' : await revokeAtPca(ca, serial, word, connection);
  if (!dryRun) await keep();
  const nothing = { authority: undefined, issuer: undefined, warnings: [] };
  const { authority, issuer, warnings } = dryRun ? nothing : await howPcaTells(ca, connection);
  const { crl = { enabled: true }, ocsp = { enabled: true } } = authority ?? {};
  if (!crl.enabled && !ocsp.enabled) {
    warnings.push(
      `${ca} publishes neither a CRL nor OCSP: nobody but its audit report will ever say that it was revoked; switch one on ("aws acm-pca update-certificate-authority --revocation-configuration …"), which helps certificates that are issued then`,
    );
  } else if (certificate && addresses.crl.length + addresses.ocsp.length === 0) {
    warnings.push(
      'the certificate names no CRL and no OCSP responder: whoever checks it has to be given the CRL',
    );
  }
  const left = leftInAcm(target);
  if (left !== undefined) {
    warnings.push(
      `${left} stays in ACM, which would renew it: once nothing uses it, "aws acm delete-certificate --certificate-arn ${left}"`,
    );
  }
  warnings.push(
    'API Gateway and MSK look at no CRL, and load balancers only at the PEM that was given to their trust store (docs/aws.md)',
  );
  return { state, reason, addresses, visibleBy: visibleBy(crl.enabled, ocsp.enabled, now), issuer, warnings };
}

/** The ARN that ACM keeps a revoked certificate under; none where the generation in use was made by renewing that. */
function leftInAcm({ arn, stored }: Target): string | undefined {
  // That of AWS Private CA is no certificate of ACM's.
  if (arn === undefined || !/^arn:[^:]+:acm:/.test(arn)) return undefined;
  const current = stored?.folder.current();
  const isRenewed =
    stored !== undefined &&
    current !== undefined &&
    current !== stored.generation &&
    arnIn(stored.folder.versionPath(current)) === arn;
  return isRenewed ? undefined : arn;
}

const visibleBy = (crl: boolean, ocsp: boolean, now: Date): Date | undefined =>
  crl || ocsp ? new Date(now.getTime() + (crl ? crlDelay : ocspDelay)) : undefined;

async function atAcm(
  { target: { arn, serial, certificate, stored }, connection, dryRun }: AwsRevokeOrder,
  reason: RevocationReason,
  keep: () => Promise<void>,
): Promise<RevokedAtAws> {
  if (arn === undefined) {
    throw new PkiError('not-permitted', `it is not known under which ARN ACM has ${stored?.name ?? serial}`, {
      hint: '"certwright list --ca acm" shows the ARNs: certwright revoke ARN',
    });
  }
  const { acmReasons, heldUnder, isRevokedAlready, revokeAtAcm } =
    await import('../authorities/acm/revoke.ts');
  const word = acmReasons[reason];
  if (word === undefined) throw new TypeError(`no word of AWS for ${reason}`);
  const held = await heldUnder(arn, connection);
  const isDone = isRevokedAlready(held, serial);
  if (!dryRun && !isDone) await revokeAtAcm(held, word, connection);
  if (!dryRun) await keep();
  return {
    state: isDone ? 'already-revoked' : 'revoked',
    reason,
    addresses: addressesIn(certificate ?? readCertificate(held.certificate)),
    visibleBy: undefined,
    issuer: held.issuer,
    warnings: held.facts.inUseBy.map((user) => `it is used by ${user}`),
  };
}
