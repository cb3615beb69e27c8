import { PkiError } from '../errors.ts';
import type { AskPassphrase } from '../x509/key.ts';
import { LocalAuthority } from './local/local-authority.ts';

export interface OpenOptions {
  ask: AskPassphrase;
  now: () => Date;
}

/** The one place that knows which word means which authority. */
export async function openAuthority(reference: string, options: OpenOptions): Promise<LocalAuthority> {
  if (reference === 'acm' || /^(acm:)?arn:/.test(reference)) {
    throw new PkiError('unsupported', `this version does not speak to AWS (--ca ${reference})`, {
      hint: 'use a CA in a folder: --ca ./ca',
    });
  }
  return LocalAuthority.open(reference, options.ask, options.now);
}
