import type { Call } from '../cloud.ts';
import type { Json } from '../input.ts';
import { caOf, requireState } from './arn.ts';
import { crlOf, ocspOf } from './revocation-configuration.ts';

const day = 86_400_000;

export function updateCertificateAuthority(call: Call): Json {
  const { input, cloud } = call;
  const ca = caOf(call);
  const status = input.optionalChoice('Status', ['ACTIVE', 'DISABLED'] as const);
  const revocation = input.optionalStructure('RevocationConfiguration');
  requireState(call, ca, 'ACTIVE', 'DISABLED');
  const crl = crlOf(revocation);
  const ocsp = ocspOf(revocation);
  if (crl) ca.crl = crl;
  if (ocsp) ca.ocsp = ocsp;
  if (status) ca.state = status;
  ca.changedAt = cloud.clock.now();
  return {};
}

/** An ACTIVE one must be disabled first; a deleted one can be restored for a while. */
export function deleteCertificateAuthority(call: Call): Json {
  const { input, cloud } = call;
  const ca = caOf(call);
  const days = input.optionalInteger('PermanentDeletionTimeInDays', { min: 7, max: 30 }) ?? 30;
  requireState(call, ca, 'PENDING_CERTIFICATE', 'DISABLED', 'EXPIRED');
  const now = cloud.clock.now();
  ca.restorable = {
    until: new Date(now.getTime() + days * day),
    state: ca.certificate ? 'DISABLED' : 'PENDING_CERTIFICATE',
  };
  ca.state = 'DELETED';
  ca.changedAt = now;
  return {};
}

export function restoreCertificateAuthority(call: Call): Json {
  const ca = caOf(call);
  requireState(call, ca, 'DELETED');
  ca.state = ca.restorable?.state ?? 'DISABLED';
  ca.restorable = undefined;
  ca.changedAt = call.cloud.clock.now();
  return {};
}
