import type { OpenOptions } from '../pki/lifecycle/open-ca.ts';
import type { StoredRequest } from '../pki/lifecycle/request.ts';
import { awsOptions, type AwsFlags } from './aws-options.ts';
import type { Context } from './context.ts';
import type { Output } from './output.ts';
import { caPassphrase } from './passphrase.ts';

/** One passphrase serves all authorities of a run: two prompts at a time could not be told apart. */
export function openOptions(
  flags: AwsFlags & { passphraseFile?: string },
  context: Context,
  output: Output,
): (request: StoredRequest) => OpenOptions {
  let passphrase: Promise<Buffer> | undefined;
  return (request) => ({
    ask: () => (passphrase ??= caPassphrase(flags.passphraseFile, context)),
    now: context.now,
    aws: awsOptions(flags, request, context, output),
  });
}
