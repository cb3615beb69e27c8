import type { Command } from 'commander';
import type { AwsConnection } from '../pki/lifecycle/open-ca.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import type { Context } from './context.ts';
import type { Output } from './output.ts';

/** How a command is to reach AWS. */
export interface AwsConnectionFlags {
  region?: string;
  profile?: string;
  timeout?: string;
}

export const addAwsConnectionOptions = (command: Command): Command =>
  command
    .option('--region <region>', 'AWS region (AWS_REGION, AWS_DEFAULT_REGION, the profile, the ARN)')
    .option('--profile <name>', 'AWS profile (AWS_PROFILE)');

export function awsConnection(
  flags: AwsConnectionFlags & { wait?: string },
  context: Context,
  output: Output,
): AwsConnection {
  lendToSdk(flags);
  return {
    env: flags.profile === undefined ? context.env : { ...context.env, AWS_PROFILE: flags.profile },
    region: flags.region,
    wait: flags.wait === undefined ? undefined : parseDuration(flags.wait, '--wait'),
    timeout: parseDuration(flags.timeout ?? '20s', '--timeout'),
    signal: context.signal,
    say: (line) => {
      output.announce(line);
    },
  };
}

/**
 * The SDK takes its settings from the process. The older of its two generations knows a profile only by AWS_PROFILE;
 * keys of the environment would come before one that was named on the command line, or be warned of.
 */
function lendToSdk({ profile }: AwsConnectionFlags): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  if (profile === undefined) return;
  process.env['AWS_PROFILE'] = profile;
  for (const key of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) {
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
    delete process.env[key];
  }
}
