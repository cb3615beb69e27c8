import { PkiError } from '../pki/errors.ts';
import { openAuthority, publishesTrust } from '../pki/lifecycle/open-ca.ts';
import type { TrustReach } from '../pki/lifecycle/gather-trust.ts';
import { awsConnection } from './aws-connection.ts';
import { awsOptions, type AwsFlags } from './aws-options.ts';
import type { Context } from './context.ts';
import type { Output } from './output.ts';
import { caPassphrase } from './passphrase.ts';

/** How the authorities of trust bundles are reached: a CA is opened only where its CRL is about to lapse. */
export function trustReach(
  flags: AwsFlags & { passphraseFile?: string },
  context: Context,
  output: Output,
): TrustReach {
  let passphrase: Promise<Buffer> | undefined;
  const nothing = {
    template: undefined,
    signingAlgorithm: undefined,
    exportable: false,
    validation: undefined,
  };
  return {
    open: async (reference) => {
      const options = {
        ask: () => (passphrase ??= caPassphrase(flags.passphraseFile, context)),
        now: context.now,
        aws: awsOptions(flags, nothing, context, output),
      };
      const authority = await openAuthority(reference, options);
      if (publishesTrust(authority)) return authority;
      throw new PkiError('unsupported', `${reference} publishes no CRL of its own`);
    },
    fetch: async (reference, hasCrl) => {
      const { fetchTrust } = await import('../pki/lifecycle/fetch-trust.ts');
      return fetchTrust(reference, hasCrl, awsConnection(flags, context, output), context.now());
    },
  };
}
