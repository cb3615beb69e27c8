import { PkiError } from '../errors.ts';
import type { AskPassphrase } from '../x509/key.ts';
import type { Authority } from './authority.ts';
import type { AwsOptions } from './aws/options.ts';
import { isAcm, isAws } from './reference.ts';
import { LocalAuthority } from './local/local-authority.ts';

export interface OpenOptions {
  ask: AskPassphrase;
  now: () => Date;
  aws: AwsOptions;
}

export { isAcm, isAws };

/** The one place that knows which word means which authority. What speaks to AWS is loaded only for AWS. */
export async function openAuthority(reference: string, options: OpenOptions): Promise<Authority> {
  if (/^arn:[^:]+:acm-pca:/.test(reference)) {
    const { AcmPcaAuthority } = await import('./acm-pca/acm-pca-authority.ts');
    return AcmPcaAuthority.open(reference, options.aws, options.now);
  }
  if (reference === 'acm' || reference.startsWith('acm:')) {
    const { AcmAuthority } = await import('./acm/acm-authority.ts');
    return AcmAuthority.open(reference, options.aws, options.now);
  }
  if (isAws(reference)) {
    throw new PkiError(
      'unsupported',
      `--ca ${JSON.stringify(reference)} is no authority that this version knows`,
      {
        hint: 'a folder (./ca), the ARN of a private CA (arn:aws:acm-pca:…), acm, or acm: and such an ARN',
      },
    );
  }
  return LocalAuthority.open(reference, options.ask, options.now);
}
