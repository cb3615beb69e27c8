import { setTimeout as sleep } from 'node:timers/promises';
import type { CertificateDetail } from '@aws-sdk/client-acm';
import { PkiError } from '../../errors.ts';
import { fingerprint, readCertificate, type Certificate } from '../../x509/certificate.ts';
import type { Journal, Pending, Renewal } from '../authority.ts';
import { isRefusal } from '../aws/failure.ts';
import type { AwsOptions } from '../aws/options.ts';
import { certificatesInPem } from '../aws/pem.ts';
import type { AcmCalls } from './calls.ts';
import { remedyFor } from './failure-reason.ts';

/** What the journal holds of a renewal. */
interface Asked {
  renewal: Renewal;
  /** When ACM last changed its mind about an earlier renewal, from before ours was asked for; absent until then. */
  seen?: string | null;
}

/** The renewal that an earlier run has begun. */
export const begunRenewal = (journal: Journal): Renewal | undefined =>
  (journal.read() as Partial<Asked> | undefined)?.renewal;

/** The certificate under an ARN. */
export async function heldIn(calls: AcmCalls, arn: string): Promise<Certificate> {
  const [der] = certificatesInPem((await calls.get(arn)).certificate);
  if (!der) throw new PkiError('unreachable', `ACM answered for ${arn} without a certificate`);
  return readCertificate(der);
}

/**
 * Waits until there is another certificate under an ARN, and has ACM renew it where nobody has yet. ACM keeps no token
 * for that: after a lost answer it is looked at first, and only asked again where nothing has come of it.
 * @returns what it waits for, where it does not come in time
 * @throws PkiError `refused`, `credentials`: then the journal is empty; `not-found`, `unreachable`
 */
export async function renewed(
  renewal: Renewal,
  journal: Journal,
  calls: AcmCalls,
  options: AwsOptions,
): Promise<Pending | undefined> {
  const { arn, beyond } = renewal;
  const deadline = performance.now() + (options.wait ?? 60_000);
  let entry = journal.read() as Asked | undefined;
  if (entry?.renewal.arn !== arn) {
    entry = { renewal };
    journal.write({ ...entry }, { durable: true });
  }
  let isAsked = false;
  for (let pause = 500; ; pause = Math.min(pause * 1.5, 5_000)) {
    const detail = await described(calls, arn);
    if (beyond === undefined || fingerprint((await heldIn(calls, arn)).der) !== beyond) return undefined;
    refuseFailed(arn, detail, entry, journal);
    const isLate = performance.now() + pause > deadline;
    if (!isAsked && detail.RenewalSummary?.RenewalStatus !== 'PENDING_AUTO_RENEWAL') {
      entry = { renewal, seen: changeOf(detail) };
      journal.write({ ...entry }, { durable: true });
      isAsked = await ask(arn, isLate, journal, calls, options);
    }
    if (isLate) return notYet(arn);
    await sleep(pause, undefined, { signal: options.signal }).catch(() => {
      options.signal.throwIfAborted();
    });
  }
}

async function described(calls: AcmCalls, arn: string): Promise<CertificateDetail> {
  const detail = await calls.describe(arn);
  if (detail) return detail;
  throw gone(arn);
}

/** Nothing is given up on such a ground: credentials of another account find nothing either. */
export const gone = (arn: string): PkiError =>
  new PkiError('not-found', `ACM holds no ${arn}, which an earlier run has asked for`, {
    hint: 'look at the account that is used; where it was deleted, the same command with --discard-pending requests another one',
  });

const changeOf = ({ RenewalSummary: renewal }: CertificateDetail): string | null =>
  renewal?.UpdatedAt?.toISOString() ?? null;

/** The failure of an earlier renewal says nothing of ours. */
function refuseFailed(arn: string, detail: CertificateDetail, { seen }: Asked, journal: Journal): void {
  const { RenewalSummary: renewal } = detail;
  if (renewal?.RenewalStatus !== 'FAILED' || seen === undefined || seen === changeOf(detail)) return;
  journal.forget();
  const reason = renewal.RenewalStatusReason ?? 'OTHER';
  throw new PkiError('refused', `ACM could not renew ${arn}: ${reason}`, {
    hint: remedyFor(reason, detail.CertificateAuthorityArn),
  });
}

/** @returns whether ACM has taken it; where no answer came, it is looked at again before it is asked once more */
async function ask(
  arn: string,
  isLate: boolean,
  journal: Journal,
  calls: AcmCalls,
  options: AwsOptions,
): Promise<boolean> {
  options.say(`having ACM renew ${arn}`);
  try {
    await calls.renew(arn);
    return true;
  } catch (error) {
    if (isRefusal(error, 'RequestInProgressException')) return true;
    if (!(error instanceof PkiError)) throw error;
    if (error.code === 'unreachable' && !isLate) return false;
    if (error.code !== 'unreachable') journal.forget();
    throw error;
  }
}

const notYet = (arn: string): Pending => ({
  state: 'pending',
  waitingFor: `ACM to renew ${arn}`,
  hint: 'it may take hours; the same command goes on',
  records: [],
});
