import type { Cloud } from '../cloud.ts';
import type { AcmCertificate } from './certificate.ts';
import { issuePrivate, issuePublic } from './issue.ts';
import { isAllValidated } from './validation.ts';

const day = 86_400_000;

/** ACM waits three days for the proof that the names are the caller's. */
const validationLimit = 3 * day;
/** When ACM renews by itself: before the end of a private one, and of an exportable public one. */
const renewalLead = { PRIVATE: 60 * day, AMAZON_ISSUED: 45 * day };

/** Does what ACM has done by now without being asked. Only DescribeCertificate, which looks, uses up polls. */
export async function settle(cloud: Cloud, certificate: AcmCertificate, looks: boolean): Promise<void> {
  if (certificate.status === 'PENDING_VALIDATION') await settleRequest(cloud, certificate, looks);
  else if (certificate.status === 'ISSUED') await settleRenewal(cloud, certificate, looks);
}

async function settleRequest(cloud: Cloud, certificate: AcmCertificate, looks: boolean): Promise<void> {
  if (certificate.polls > 0) {
    if (looks) certificate.polls -= 1;
    return;
  }
  if (certificate.failure !== undefined) {
    certificate.status = 'FAILED';
  } else if (certificate.type === 'PRIVATE') {
    await issuePrivate(cloud, certificate);
  } else if (isAllValidated(cloud, certificate)) {
    await issuePublic(cloud, certificate);
  } else if (cloud.clock.now().getTime() - certificate.createdAt.getTime() > validationLimit) {
    certificate.status = 'VALIDATION_TIMED_OUT';
  }
}

async function settleRenewal(cloud: Cloud, certificate: AcmCertificate, looks: boolean): Promise<void> {
  const now = cloud.clock.now();
  if (!isUnderWay(certificate) && isDue(certificate, now)) {
    startRenewal(cloud, certificate);
    return;
  }
  const { renewal } = certificate;
  if (renewal?.status !== 'PENDING_AUTO_RENEWAL' && renewal?.status !== 'PENDING_VALIDATION') return;
  if (renewal.polls > 0) {
    if (looks) renewal.polls -= 1;
    return;
  }
  if (certificate.type === 'AMAZON_ISSUED' && !isAllValidated(cloud, certificate)) {
    if (renewal.status !== 'PENDING_VALIDATION') renewal.updatedAt = now;
    renewal.status = 'PENDING_VALIDATION';
    return;
  }
  const failure = await reissue(cloud, certificate);
  renewal.status = failure === undefined ? 'SUCCESS' : 'FAILED';
  renewal.reason = failure;
  renewal.updatedAt = now;
}

const isUnderWay = ({ renewal }: AcmCertificate): boolean =>
  renewal?.status === 'PENDING_AUTO_RENEWAL' || renewal?.status === 'PENDING_VALIDATION';

async function reissue(cloud: Cloud, certificate: AcmCertificate): Promise<string | undefined> {
  if (certificate.type === 'PRIVATE') return issuePrivate(cloud, certificate);
  await issuePublic(cloud, certificate);
  return undefined;
}

/** ACM renews what is in use or was exported, and never what was imported. */
export function isRenewable({ type, exported, inUseBy }: AcmCertificate): boolean {
  return type !== 'IMPORTED' && (exported || inUseBy.length > 0);
}

function isDue(certificate: AcmCertificate, now: Date): boolean {
  const { type, certificate: current } = certificate;
  if (type === 'IMPORTED' || !current || !isRenewable(certificate)) return false;
  const left = current.notAfter.getTime() - now.getTime();
  return left > 0 && left < renewalLead[type];
}

export function startRenewal(cloud: Cloud, certificate: AcmCertificate): void {
  certificate.renewal = {
    status: 'PENDING_AUTO_RENEWAL',
    reason: undefined,
    updatedAt: cloud.clock.now(),
    polls: cloud.pace.describePolls,
  };
}
