import { hostname } from 'node:os';
import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import type { DeployingWorld } from '../pki/lifecycle/deployment.ts';
import type { World } from '../pki/lifecycle/issue.ts';
import { awsConnection, type AwsConnectionFlags } from './aws-connection.ts';
import type { Context } from './context.ts';
import { nonEmpty } from './options.ts';
import type { Output } from './output.ts';

export interface InstanceFlags {
  instance?: string;
}

export const addInstanceOption = (command: Command): Command =>
  command.option(
    '--instance <name>',
    'which of several hosts this is (CERTWRIGHT_INSTANCE; default its host name)',
  );

/**
 * Which of the hosts that use a store, or a name, this is. Files are called by it.
 * @throws PkiError `usage` for a name that no file can have.
 */
export function instanceOf({ instance }: InstanceFlags, context: Context): string {
  const given = instance ?? nonEmpty(context.env['CERTWRIGHT_INSTANCE']);
  if (given === undefined)
    return (
      hostname()
        .replace(/[^A-Za-z0-9._-]/g, '-')
        .replace(/^[._-]*/, '') || 'host'
    );
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(given)) return given;
  const source = instance === undefined ? 'CERTWRIGHT_INSTANCE' : '--instance';
  throw new PkiError('usage', `${source} ${JSON.stringify(given)} is no name of a host`, {
    hint: 'letters, digits, dot, hyphen and underscore, at most 200, beginning with a letter or digit',
  });
}

export const worldOf = (flags: InstanceFlags, context: Context): World => ({
  now: context.now,
  pid: context.pid,
  signal: context.signal,
  instance: instanceOf(flags, context),
  env: context.env,
  uid: context.uid,
});

/** The same for a run that tells services. */
export const deployingWorldOf = (
  flags: InstanceFlags & AwsConnectionFlags & { wait?: string },
  context: Context,
  output: Output,
): DeployingWorld => ({
  ...worldOf(flags, context),
  env: context.env,
  uid: context.uid,
  kill: context.kill,
  aws: () => awsConnection(flags, context, output),
});
