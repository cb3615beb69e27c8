import type { Command } from 'commander';
import type { OpenOptions } from '../pki/lifecycle/open-ca.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import type { Context } from './context.ts';
import type { Output } from './output.ts';

/** What a command that may speak to AWS can be told. */
export interface AwsFlags {
  region?: string;
  profile?: string;
  template?: string;
  signingAlgorithm?: string;
  reissue?: boolean;
  wait?: string;
  timeout?: string;
}

export const addAwsOptions = (command: Command): Command =>
  command
    .option('--region <region>', 'AWS region (AWS_REGION, AWS_DEFAULT_REGION, the profile, the ARN)')
    .option('--profile <name>', 'AWS profile (AWS_PROFILE)')
    .option('--template <name>', "AWS Private CA template, instead of the usage's own")
    .option('--signing-algorithm <name>', "AWS Private CA signing algorithm, instead of the CA's own")
    .option('--reissue', 'ask AWS, and pay, once more although an earlier request may have been answered')
    .option('--wait <time>', 'how long to wait for AWS to issue (default 60s)')
    .option('--timeout <time>', 'how long one call to AWS may take (default 20s)');

/** @throws PkiError `bad-time` */
export function checkAwsFlags(flags: AwsFlags): void {
  if (flags.wait !== undefined) parseDuration(flags.wait, '--wait');
  if (flags.timeout !== undefined) parseDuration(flags.timeout, '--timeout');
}

export const awsOptions = (flags: AwsFlags, context: Context, output: Output): OpenOptions['aws'] => ({
  env: context.env,
  region: flags.region,
  profile: flags.profile,
  template: flags.template,
  signingAlgorithm: flags.signingAlgorithm,
  reissue: flags.reissue ?? false,
  wait: parseDuration(flags.wait ?? '60s', '--wait'),
  timeout: parseDuration(flags.timeout ?? '20s', '--timeout'),
  signal: context.signal,
  say: (line) => {
    output.note(line);
  },
});
