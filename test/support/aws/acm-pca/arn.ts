import type { Call } from '../cloud.ts';
import { Refusal } from '../refusal.ts';
import { requireShared } from './sharing.ts';
import { statusOf, type CertificateAuthority } from './certificate-authority.ts';

const caArn = /^arn:[\w-]+:acm-pca:([\w-]*):(\d{12}):certificate-authority\/[\w-]+$/;

/** The CA that a request names; a deleted one is still found until its recovery period is over. */
export function caOf(call: Call): CertificateAuthority {
  const { cloud, input, caller } = call;
  const arn = input.text('CertificateAuthorityArn', { min: 5, max: 200 });
  const [, region] = caArn.exec(arn) ?? [];
  if (region === undefined)
    throw new Refusal('InvalidArnException', `Certificate authority arn ${arn} is not a valid arn`);
  const ca = cloud.cas.get(arn);
  const forgotten = ca?.restorable && ca.restorable.until < cloud.clock.now();
  if (!ca || forgotten || region !== caller.region)
    throw new Refusal('ResourceNotFoundException', `Could not find certificate authority ${arn}.`);
  requireShared(ca, call);
  return ca;
}

/** @throws Refusal InvalidStateException unless the CA is in one of these states */
export function requireState(call: Call, ca: CertificateAuthority, ...states: readonly string[]): void {
  const status = statusOf(ca, call.cloud.clock.now());
  if (states.includes(status)) return;
  throw new Refusal(
    'InvalidStateException',
    `The certificate authority is in the ${status} state; it must be ${states.join(' or ')} for this operation.`,
  );
}
