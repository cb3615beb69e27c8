import type { Call } from '../cloud.ts';
import { Input, type Json } from '../input.ts';
import { Refusal } from '../refusal.ts';
import { caOf } from './arn.ts';
import type { CertificateAuthority } from './certificate-authority.ts';
import { checkPolicy } from './sharing.ts';

/** These three name the CA otherwise than all the others. */
function resourceOf(call: Call): CertificateAuthority {
  const arn = call.input.text('ResourceArn', { min: 5, max: 200 });
  return caOf({ ...call, input: new Input({ CertificateAuthorityArn: arn }) });
}

export function putPolicy(call: Call): Json {
  const ca = resourceOf(call);
  const policy = call.input.text('Policy', { max: 81_920 });
  checkPolicy(policy);
  ca.policy = policy;
  return {};
}

export function getPolicy(call: Call): Json {
  const { policy, arn } = resourceOf(call);
  if (policy === undefined) throw new Refusal('ResourceNotFoundException', `No policy found for ${arn}`);
  return { Policy: policy };
}

export function deletePolicy(call: Call): Json {
  resourceOf(call).policy = undefined;
  return {};
}
