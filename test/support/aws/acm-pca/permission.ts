import { epoch } from '../clock.ts';
import type { Call, Cloud } from '../cloud.ts';
import type { Json } from '../input.ts';
import { page } from '../page.ts';
import { invalid, Refusal } from '../refusal.ts';
import { caOf } from './arn.ts';
import type { CertificateAuthority } from './certificate-authority.ts';

/** What ACM must be allowed before it can issue and renew private certificates by itself. */
export const actions = ['IssueCertificate', 'GetCertificate', 'ListPermissions'] as const;

export function createPermission(call: Call): Json {
  const { input, cloud, caller } = call;
  const ca = caOf(call);
  const principal = input.text('Principal', { max: 128 });
  const asked = input.texts('Actions', { min: 1, max: 3 });
  if (principal !== 'acm.amazonaws.com')
    throw invalid(`Principal ${principal} is not valid: it must be acm.amazonaws.com`);
  if (asked.length === 0 || asked.some((action) => !(actions as readonly string[]).includes(action)))
    throw invalid(
      `1 validation error detected: Value at 'actions' failed to satisfy constraint: Member must satisfy enum value set: [${actions.join(', ')}]`,
    );
  if (ca.permissions.some((one) => one.principal === principal))
    throw new Refusal(
      'PermissionAlreadyExistsException',
      `${principal} already has permissions on ${ca.arn}`,
    );
  ca.permissions.push({
    principal,
    sourceAccount: input.optionalText('SourceAccount', { pattern: /^\d{12}$/ }) ?? caller.account,
    actions: asked,
    createdAt: cloud.clock.now(),
  });
  return {};
}

/** What CreatePermission does for ACM, without the call. */
export function grantAcm(cloud: Cloud, ca: CertificateAuthority, sourceAccount: string): void {
  ca.permissions.push({
    principal: 'acm.amazonaws.com',
    sourceAccount,
    actions: [...actions],
    createdAt: cloud.clock.now(),
  });
}

export function deletePermission(call: Call): Json {
  const ca = caOf(call);
  const principal = call.input.text('Principal', { max: 128 });
  ca.permissions = ca.permissions.filter((one) => one.principal !== principal);
  return {};
}

export function listPermissions(call: Call): Json {
  const ca = caOf(call);
  const { items, next } = page(ca.permissions, call.input, {
    limit: 'MaxResults',
    fallback: 100,
    refusal: 'InvalidNextTokenException',
  });
  const Permissions = items.map((one) => ({
    CertificateAuthorityArn: ca.arn,
    CreatedAt: epoch(one.createdAt),
    Principal: one.principal,
    SourceAccount: one.sourceAccount,
    Actions: one.actions,
    ...(ca.policy !== undefined && { Policy: ca.policy }),
  }));
  return { Permissions, ...next };
}
