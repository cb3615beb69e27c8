import type { Call } from '../cloud.ts';
import type { Json } from '../input.ts';
import { page } from '../page.ts';
import { mine } from './create.ts';
import { sharedWith } from './sharing.ts';
import { detailOf } from './describe.ts';

export function listCertificateAuthorities({ cloud, caller, input }: Call): Json {
  const owner = input.optionalChoice('ResourceOwner', ['SELF', 'OTHER_ACCOUNTS'] as const);
  const all = owner === 'OTHER_ACCOUNTS' ? sharedWith(cloud, caller) : mine(cloud, caller);
  const { items, next } = page(all, input, {
    limit: 'MaxResults',
    fallback: 1000,
    refusal: 'InvalidNextTokenException',
  });
  return { CertificateAuthorities: items.map((ca) => detailOf(cloud, ca)), ...next };
}
