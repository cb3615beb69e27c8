import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { authorityReference } from '../pki/lifecycle/authority-reference.ts';
import { untoldRevocations } from './crl-report.ts';
import { leftRemovals } from '../pki/lifecycle/left-removals.ts';
import { listStored, type StoredRow } from '../pki/lifecycle/list-stored.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import { addAwsConnectionOptions, awsConnection, type AwsConnectionFlags } from './aws-connection.ts';
import { checkAwsFlags } from './aws-options.ts';
import { addConfigOption, authorityNamed, loadConfig, type ConfigFlags } from './config-file.ts';
import type { Context } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import { reportList, type Horizon, type Listed } from './list-report.ts';
import { warnOfLeft } from './left-report.ts';
import {
  addOutputOptions,
  addStoreOption,
  exclusive,
  isArn,
  storePath,
  type Run,
  type StoreFlags,
} from './options.ts';
import { Output } from './output.ts';
import { metricsFile, type MetricsFlags } from './metrics-file.ts';
import { addInstanceOption, instanceOf, type InstanceFlags } from './world.ts';

interface ListFlags extends StoreFlags, AwsConnectionFlags, ConfigFlags, MetricsFlags, InstanceFlags {
  ca?: string;
  expiring?: string;
  failExpiring?: string;
  auditReport?: string;
  jsonLines?: boolean;
  timeline?: boolean;
}

const help = `
Without --ca it is the store that is listed: what has ended, what is due or waits for its service, then the rest. With
--ca FOLDER it is all that a CA has on record. AWS Private CA keeps no such list, but for an audit report.

Examples:
  certwright list                                 every certificate of the store
  certwright list --expiring 30d --timeline       those that end within 30 days, and a bar for each
  certwright list --fail-expiring 7d --quiet      exit 3 if one ends within 7 days (cron)
  certwright list --metrics /var/lib/node_exporter/certwright.prom --quiet
  certwright list --ca ./ca                       every certificate that the CA has issued
  certwright list --ca acm --region us-east-1     every certificate in ACM, and what uses it
  certwright list --ca "$CA" --audit-report s3://audit-bucket`;

export function register(command: Command, context: Context, run: Run): void {
  command
    .option('--ca <ref>', 'only of this authority: acm, acm:ARN, an ARN, a folder')
    .option('--expiring <time>', 'only those that end within 30d, 12h, 2w')
    .option('--fail-expiring <time>', 'exit 3 if one of those listed ends within that time')
    .option('--audit-report <bucket>', 'have a CA of AWS Private CA write all it issued to s3://BUCKET')
    .option('--timeline', 'draw when each is due and ends')
    .option('--metrics <file>', "write how the store stands for Prometheus's textfile collector")
    .option('--json-lines', 'one JSON document a certificate, one a line')
    .option('--timeout <time>', 'how long one call to AWS may take (default 20s)');
  addAwsConnectionOptions(command);
  addConfigOption(command);
  addInstanceOption(command);
  addStoreOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((flags: ListFlags) => list(flags, context)));
}

async function list(flags: ListFlags, context: Context): Promise<ExitCode> {
  exclusive({ '--json': flags.json, '--json-lines': flags.jsonLines });
  checkAwsFlags(flags);
  const output = new Output(context, { ...flags, json: flags.json === true || flags.jsonLines === true });
  const span = (flag: string, text: string | undefined): number | undefined =>
    text === undefined ? undefined : parseDuration(text, flag);
  const horizon: Horizon = {
    now: context.now(),
    expiring: span('--expiring', flags.expiring),
    failExpiring: span('--fail-expiring', flags.failExpiring),
    asLines: flags.jsonLines ?? false,
    timeline: flags.timeline === true ? (context.stdout.columns ?? 100) : undefined,
  };
  const bucket = flags.auditReport === undefined ? undefined : bucketOf(flags.auditReport);
  const config = await loadConfig(flags, context);
  const authority = flags.ca === undefined ? undefined : authorityNamed(flags.ca, config, context);
  if (bucket !== undefined && (authority === undefined || isAcm(authority) || !isArn(authority))) {
    throw new PkiError('usage', '--audit-report is for a CA of AWS Private CA', {
      hint: 'name it: --ca arn:aws:acm-pca:…',
    });
  }
  if (flags.metrics !== undefined && authority !== undefined) {
    throw new PkiError('usage', '--metrics is about the store, and does not go with --ca', {
      hint: 'certwright list --metrics FILE',
    });
  }
  if (authority !== undefined && isArn(authority)) {
    const { checkReference } = await import('../pki/lifecycle/check-reference.ts');
    checkReference(authority, '--ca');
  }
  const writeMetrics = await metricsFile(flags, context);
  const listed = await find(authority, horizon, flags, context, output);
  writeMetrics?.(storePath(flags, context), instanceOf(flags, context));
  const report =
    bucket === undefined ? undefined : await reportOf(authority ?? '', bucket, flags, context, output);
  return reportList({ ...listed, report }, horizon, output);
}

/** Whether a reference names AWS Certificate Manager. */
const isAcm = (reference: string): boolean => /^acm(:|$)/.test(reference);

async function find(
  authority: string | undefined,
  horizon: Horizon,
  flags: ListFlags,
  context: Context,
  output: Output,
): Promise<Listed> {
  if (authority === undefined || (isArn(authority) && !isAcm(authority))) {
    return inStore(authority, flags, context, output);
  }
  if (isAcm(authority)) return inAcm(authority, flags, context, output);
  return onRecord(authority, horizon);
}

async function inAcm(authority: string, flags: ListFlags, context: Context, output: Output): Promise<Listed> {
  const { listAcm } = await import('../pki/lifecycle/list-aws.ts');
  const asking = listAcm(authority, awsConnection(flags, context, output));
  const rows = await output.progress('asking ACM', asking);
  return { kind: 'acm', authority, rows, broken: [], crls: [], report: undefined };
}

async function onRecord(authority: string, { now, expiring }: Horizon): Promise<Listed> {
  const [{ listIssued }, { crlsOfCa }] = await Promise.all([
    import('../pki/lifecycle/list-issued.ts'),
    import('../pki/lifecycle/list-crls.ts'),
  ]);
  const before = expiring === undefined ? undefined : new Date(now.getTime() + expiring);
  const { rows, broken } = listIssued(authority, before);
  return { kind: 'issued', authority, rows, broken, crls: crlsOfCa(authority, now), report: undefined };
}

async function inStore(
  authority: string | undefined,
  flags: ListFlags,
  context: Context,
  output: Output,
): Promise<Listed> {
  const { crlsOfStore } = await import('../pki/lifecycle/list-crls.ts');
  const store = storePath(flags, context);
  const { rows, broken, orders, unread } = listStored(store, instanceOf(flags, context));
  for (const [ca, error] of unread) output.warn(untoldRevocations(ca, error));
  warnOfLeft(leftRemovals(store), output);
  const wanted = authority === undefined ? undefined : authorityReference(store, authority);
  const mine = ({ authority: of }: Pick<StoredRow, 'authority'>): boolean =>
    wanted === undefined || of === wanted;
  const crls = wanted === undefined ? crlsOfStore(store, context.now()) : [];
  const listed = { rows: rows.filter(mine), orders: orders.filter(mine), broken, crls };
  return { kind: 'store', store, authority, ...listed, report: undefined };
}

async function reportOf(
  authority: string,
  bucket: string,
  flags: ListFlags,
  context: Context,
  output: Output,
): Promise<Listed['report']> {
  const { auditReport } = await import('../pki/lifecycle/list-aws.ts');
  const writing = auditReport(authority, bucket, awsConnection(flags, context, output));
  return output.progress('waiting for the audit report', writing);
}

function bucketOf(text: string): string {
  const [, bucket] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/?$/.exec(text) ?? [];
  if (bucket !== undefined) return bucket;
  throw new PkiError('bad-input', `--audit-report ${JSON.stringify(text)} is not the URL of a bucket`, {
    hint: 'for example s3://audit-bucket; AWS chooses the path in it',
  });
}
