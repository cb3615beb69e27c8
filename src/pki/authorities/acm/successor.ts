import type { CertificateDetail } from '@aws-sdk/client-acm';
import { fingerprint, type Certificate } from '../../x509/certificate.ts';
import { formatDuration } from '../../x509/duration.ts';
import type { KeptStatus, Successor, Wish } from '../authority.ts';
import { regionIn } from '../aws/arn.ts';
import { remedyFor } from './failure-reason.ts';
import { recordsOf } from './order.ts';

/** What ACM holds, beside what was collected of it, and what is wanted. */
export interface Comparison {
  arn: string;
  detail: CertificateDetail;
  /** What is under the ARN now; `undefined` where ACM hands out nothing. */
  held: Certificate | undefined;
  /** What was collected last, where that can be read. */
  ours: Certificate | undefined;
  wish: Wish;
  now: Date;
}

const day = 86_400_000;
/** ACM begins 45 to 60 days before the end: what is not renewed by then has a fault that ACM does not tell. */
const overdue = 30 * day;

/**
 * How a certificate of ACM gets a successor. Somebody may have renewed it already, ACM itself among them: what is under
 * its ARN comes before all else, since it is paid for.
 */
export function chooseSuccessor(comparison: Comparison): Successor {
  const { arn, detail, held, ours, wish } = comparison;
  const fetch = (beyond: Certificate | undefined, plan: string): Successor => {
    return { by: 'renewal', renewal: { arn, beyond: beyond && fingerprint(beyond.der) }, plan };
  };
  if (wish === 'distrusted' || detail.Status !== 'ISSUED' || !held) return withoutOne(comparison);
  if (!ours || held.notAfter > ours.notAfter) return fetch(ours, `takes what is under ${arn} by now`);
  if (wish === 'copy') return fetch(undefined, `takes it once more from ${arn}`);
  if (detail.Type === 'PRIVATE') return fetch(held, `has ACM renew ${arn}, which is billed`);
  return wish === 'new' ? another(comparison) : renewsItself(comparison);
}

/** What has expired, was revoked or is in wrong hands is not renewed: another one takes its place. */
function withoutOne(comparison: Comparison): Successor {
  const { arn, detail, wish } = comparison;
  const { Status: state = 'unknown' } = detail;
  if (detail.Type === 'PRIVATE' || wish === 'new' || !isExportable(detail)) return another(comparison);
  const is = state === 'ISSUED' ? 'not to be trusted any more' : `${state} in ACM`;
  const why = `${arn} is ${is}, and another one is billed: --force requests it`;
  return { by: 'others', who: 'owner', why, status: statusOf(arn, detail) };
}

function another({ arn, detail }: Comparison): Successor {
  const isBilled = detail.Type === 'PRIVATE' || isExportable(detail);
  const was = detail.Status === 'ISSUED' ? '' : `, since ${arn} is ${detail.Status ?? 'unknown'}`;
  const where = detail.Type === 'PRIVATE' ? '' : ` in ${regionIn(arn) ?? 'its region'}`;
  return { by: 'request', plan: `requests another one${where}${isBilled ? ', which is billed' : ''}${was}` };
}

const isExportable = ({ Options: options }: CertificateDetail): boolean => options?.Export === 'ENABLED';

/** A public one is renewed by ACM alone, under its ARN, while something uses it or it was exported. */
function renewsItself({ arn, detail, now }: Comparison): Successor {
  const { RenewalSummary: renewal, RenewalEligibility: eligible, NotAfter: end } = detail;
  const status = statusOf(arn, detail);
  const users = status.inUseBy.length === 0 ? '' : `, used by ${status.inUseBy.join(', ')}`;
  const by = (who: 'acm' | 'owner', why: string): Successor => ({ by: 'others', who, why, status });
  switch (renewal?.RenewalStatus) {
    case 'PENDING_VALIDATION': {
      const options = renewal.DomainValidationOptions ?? [];
      const missing = options.filter((one) => one.ValidationStatus !== 'SUCCESS');
      const names = missing.map(({ DomainName: name = '' }) => name).join(', ');
      const pending = {
        state: 'pending' as const,
        waitingFor: `the validation of ${names || 'its names'}, which the renewal of ${arn} needs`,
        hint: 'ACM renews it once that is done',
        records: recordsOf({ DomainValidationOptions: missing }) ?? [],
      };
      return { by: 'pending', pending, status };
    }
    case 'FAILED': {
      const reason = renewal.RenewalStatusReason ?? 'OTHER';
      return by(
        'owner',
        `ACM could not renew ${arn}: ${reason}: ${remedyFor(reason, detail.CertificateAuthorityArn)}`,
      );
    }
    case 'PENDING_AUTO_RENEWAL':
      return by('acm', `ACM is renewing ${arn}${users}`);
    default:
  }
  if (eligible === 'INELIGIBLE') {
    return by('owner', `ACM does not renew ${arn}, since nothing uses it: --force requests another one`);
  }
  const left = end ? end.getTime() - now.getTime() : Infinity;
  if (left < overdue) {
    const rest = formatDuration(Math.max(0, left));
    return by('owner', `ACM has not renewed ${arn}, and it ends in ${rest}: --force requests another one`);
  }
  return by('acm', `ACM renews ${arn} itself${users}`);
}

export function statusOf(arn: string, detail: CertificateDetail): KeptStatus {
  const { RenewalSummary: renewal } = detail;
  return {
    arn,
    status: detail.Status ?? 'unknown',
    eligibility: detail.RenewalEligibility ?? null,
    renewal: renewal
      ? {
          status: renewal.RenewalStatus ?? 'unknown',
          reason: renewal.RenewalStatusReason ?? null,
          updatedAt: renewal.UpdatedAt?.toISOString() ?? null,
        }
      : null,
    inUseBy: detail.InUseBy ?? [],
  };
}
