import { relative } from 'node:path';
import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import { addAwsConnectionOptions, awsConnection, type AwsConnectionFlags } from './aws-connection.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import { distance } from './distance.ts';
import { shorten } from './inspect-text.ts';
import {
  addOutputOptions,
  addStoreOption,
  exclusive,
  oneOf,
  storePath,
  type Run,
  type StoreFlags,
} from './options.ts';
import { Output } from './output.ts';

const services = ['cloudfront', 'cloudfront-origin', 'alb', 'apigateway'] as const;

interface ImportFlags extends StoreFlags, AwsConnectionFlags {
  to?: 'acm';
  arn?: string;
  anew?: boolean;
  for?: (typeof services)[number];
  dryRun?: boolean;
  lockTimeout: string;
  wait?: string;
}

const help = `
The first import makes an ARN, which is kept with the certificate: the next one replaces what is there, and whatever uses the
ARN takes the new certificate. What was there is kept in the store first. Everything that ACM is known to refuse is
refused before it is asked.

Examples:
  certwright import orders.internal --to acm --region eu-west-1
  certwright import www.example.com --to acm --for cloudfront     in us-east-1, with a key that CloudFront takes
  certwright import orders.internal --to acm --arn arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012
  certwright import orders.internal --to acm --dry-run            checks all, and changes nothing`;

export function register(command: Command, context: Context, run: Run): void {
  command
    .argument('<name>', 'a certificate of the store')
    .requiredOption('--to <place>', 'where to: acm', oneOf('--to', ['acm']))
    .option('--arn <arn>', 'replace what is there (default: where it was imported before)')
    .option('--anew', 'import it anew although it was imported before')
    .option('--for <service>', `check its rules too: ${services.join(', ')}`, oneOf('--for', services))
    .option('--dry-run', 'check everything, and change nothing')
    .option('--wait <time>', 'how long to wait until ACM shows it (default 30s)')
    .option('--timeout <time>', 'how long one call to AWS may take (default 20s)')
    .option('--lock-timeout <time>', 'how long to wait for another run on the same name', '30s');
  addAwsConnectionOptions(command);
  addStoreOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((name: string, flags: ImportFlags) => importCertificate(name, flags, context)));
}

async function importCertificate(name: string, flags: ImportFlags, context: Context): Promise<ExitCode> {
  exclusive({ '--arn': flags.arn, '--anew': flags.anew });
  const output = new Output(context, flags);
  const connection = awsConnection(flags, context, output);
  if (flags.arn !== undefined && !/^arn:[^:]+:acm:[^:]+:[^:]+:certificate\//.test(flags.arn)) {
    throw new PkiError(
      'bad-input',
      `--arn ${JSON.stringify(flags.arn)} is not the ARN of a certificate in ACM`,
      {
        hint: 'for example arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012',
      },
    );
  }
  const order = {
    store: storePath(flags, context),
    name,
    arn: flags.arn,
    anew: flags.anew ?? false,
    service: flags.for,
    dryRun: flags.dryRun ?? false,
    lockTimeout: parseDuration(flags.lockTimeout, '--lock-timeout'),
  };
  const { importToAcm } = await import('../pki/lifecycle/import-to-acm.ts');
  const world = { now: context.now, pid: context.pid, connection };
  const result = await output.progress(`importing ${name} into ACM`, importToAcm(order, world));

  const { arn, action, kept, notAfter, region, inUseBy } = result;
  const words = {
    imported: order.dryRun ? 'would be imported anew' : 'imported',
    replaced: order.dryRun ? 'would replace what is there' : 'replaced what was there',
    unchanged: 'is there already',
  };
  output.result(
    {
      schema: 'certwright.import/1',
      ...result,
      dryRun: order.dryRun,
      arn: arn ?? null,
      kept: kept ?? null,
      notAfter: notAfter.toISOString(),
    },
    [
      `${output.paint.green(words[action])}: ${shorten(name)} in ACM, ${region}, ends ${distance(notAfter, context.now())}`,
      ...(arn === undefined ? [] : [`  ${shorten(arn)}`]),
      ...inUseBy.map((user) => `  used by ${shorten(user)}`),
      ...(kept === undefined ? [] : [`  the one before it is kept in ${relative(context.cwd, kept)}`]),
    ],
  );
  return exit.done;
}
