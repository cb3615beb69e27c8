import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import type { Config } from '../pki/lifecycle/config.ts';
import { requestFor } from '../pki/lifecycle/declared.ts';
import { once, type Wanted } from '../pki/lifecycle/issue-all.ts';
import { openAuthority, type Authority } from '../pki/lifecycle/open-ca.ts';
import { isKeyEncrypted, likelyRefusals, limitsFor } from '../pki/lifecycle/plan.ts';
import type { StoredRequest } from '../pki/lifecycle/request.ts';
import { rollBackAndTell } from '../pki/lifecycle/roll-back.ts';
import type { RunEnd } from '../pki/lifecycle/metrics.ts';
import { lookAtRotation, requireStore, rotate, type RotateOrder } from '../pki/lifecycle/rotate.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import { storedName } from '../pki/lifecycle/stored-name.ts';
import { parseRenewalPoint } from '../pki/x509/renewal-point.ts';
import { aroundTrust, lookAtBundles } from './around-trust.ts';
import { addAwsConnectionOptions, type AwsConnectionFlags } from './aws-connection.ts';
import { checkAwsFlags } from './aws-options.ts';
import { addConfigOption, loadConfig, type ConfigFlags } from './config-file.ts';
import type { Context } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import { openOptions } from './open-options.ts';
import { tellDropped } from './order-report.ts';
import {
  addOutputOptions,
  addStoreOption,
  exclusive,
  jobsOf,
  storePath,
  wholeNumber,
  type Run,
  type StoreFlags,
} from './options.ts';
import { metricsFile, withMetrics, type MetricsFlags } from './metrics-file.ts';
import { Output } from './output.ts';
import { hasCaPassphrase } from './passphrase.ts';
import { RotateReport } from './rotate-report.ts';
import { addInstanceOption, deployingWorldOf, instanceOf, type InstanceFlags } from './world.ts';

export interface RotateFlags
  extends StoreFlags, ConfigFlags, AwsConnectionFlags, InstanceFlags, MetricsFlags {
  force?: boolean;
  dryRun?: boolean;
  renewAt?: string;
  jobs?: string;
  keep?: string;
  rollback?: boolean;
  generation?: string;
  discardPending?: boolean;
  reissue?: boolean;
  lockTimeout: string;
  passphraseFile?: string;
  wait?: string;
  detailedExitCode?: boolean;
  jsonLines?: boolean;
}

const help = `
Without names: every certificate of the store that is due. Each knows its request and its authority, so that cron needs
no flags. Where there is a certwright.yaml, what it declares overrules what was issued. Then services are told, as
\`deploy\` says there (docs/deploy.md).

Examples:
  certwright rotate                              whatever is due (cron, a systemd timer)
  certwright rotate --dry-run                    what would happen, and why
  certwright rotate orders.internal --force      a new generation now
  certwright rotate orders.internal --rollback   back to the generation before
  certwright rotate --renew-at 20d-before        what ends within 20 days
  certwright rotate --quiet --detailed-exit-code; test $? -eq 10 && systemctl reload nginx`;

export function register(command: Command, context: Context, run: Run): void {
  command
    .argument('[names...]', 'certificates of the store; none stands for all that are due')
    .option('--force', 'rotate although it is not due')
    .option('--dry-run', 'only say what would happen, and why')
    .option(
      '--renew-at <point>',
      'when they are due, for this run: 66% of their lives, 20d-before their ends',
    )
    .option('--keep <number>', 'how many generations stay, with that in use (default 5)')
    .option('--rollback', 'switch one certificate back to the generation before')
    .option('--generation <number>', 'with --rollback: to this one')
    .option('--jobs <number>', 'how many certificates at a time (default 8)')
    .option('--metrics <file>', "write how all stands at the end for Prometheus's textfile collector")
    .option('--detailed-exit-code', 'end with 10 instead of 0 if something was rotated')
    .option('--passphrase-file <file>', "file whose first line opens the CA's key (CERTWRIGHT_CA_PASSPHRASE)")
    .option('--discard-pending', 'drop what an earlier run has begun')
    .option('--lock-timeout <time>', 'how long to wait for another run on the same name', '30s')
    .option('--reissue', 'ask AWS, and pay, once more although an earlier request may have been answered')
    .option('--wait <time>', 'how long to wait for AWS (default 60s; for public names not at all)')
    .option('--timeout <time>', 'how long one call to AWS may take (default 20s)')
    .option('--json-lines', 'one JSON document a line, as certificates are done');
  addAwsConnectionOptions(command);
  addInstanceOption(command);
  addStoreOption(command);
  addConfigOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((names: string[], flags: RotateFlags) => rotateCommand(names, flags, context)));
}

async function rotateCommand(
  names: readonly string[],
  flags: RotateFlags,
  context: Context,
): Promise<ExitCode> {
  const output = new Output(context, { ...flags, json: flags.json ?? flags.jsonLines ?? false });
  exclusive({ '--json': flags.json, '--json-lines': flags.jsonLines });
  checkAwsFlags(flags);
  if (flags.renewAt !== undefined) parseRenewalPoint(flags.renewAt, '--renew-at');
  if (flags.rollback === true) return rollBackOne(names, flags, context, output);
  if (flags.generation !== undefined) {
    throw new PkiError('usage', '--generation goes with --rollback', { hint: 'certwright rotate --help' });
  }
  const config = await loadConfig(flags, context);
  const asked = rotateOrder(names, flags, config, context);
  exclusive({ '--dry-run': flags.dryRun, '--metrics': flags.metrics });
  requireStore(asked.store);
  const writeMetrics = await metricsFile(flags, context);
  const report = new RotateReport({ store: asked.store, flags, context, output });
  const order: RotateOrder = {
    ...asked,
    tellDropped: tellDropped(output),
    tellFirst: (first) => report.addFirst(first),
  };
  const work = flags.dryRun === true ? look : act;
  const rotating = (): Promise<void> => work(order, report, flags, context, output);
  const around = { store: order.store, config, flags, rows: report.trust };
  // Whoever names a certificate means that one.
  const all = names.length === 0;
  if (all && flags.dryRun === true) await lookAtBundles(around, context, output);
  await output.progress(
    'rotating what is due',
    all && flags.dryRun !== true ? aroundTrust(around, context, output, rotating) : rotating(),
  );
  const write = (end: RunEnd): void => writeMetrics?.(order.store, instanceOf(flags, context), end);
  return withMetrics(report.end(), write, context, output);
}

/** Flags, and what certwright.yaml declares, as an order. */
export function rotateOrder(
  names: readonly string[],
  flags: RotateFlags,
  config: Config | undefined,
  context: Context,
): RotateOrder {
  const store = storePath(flags, context);
  return {
    store,
    names: names.map((name) => storedName(store, name)),
    declared: declaredBy(config, store),
    force: flags.force ?? false,
    renewAt: flags.renewAt,
    keep: flags.keep === undefined ? undefined : wholeNumber(flags.keep, '--keep'),
    jobs: jobsOf(flags.jobs),
    discardPending: flags.discardPending ?? false,
    lockTimeout: parseDuration(flags.lockTimeout, '--lock-timeout'),
  };
}

/** `--rollback NAME` */
async function rollBackOne(
  names: readonly string[],
  flags: RotateFlags,
  context: Context,
  output: Output,
): Promise<ExitCode> {
  for (const [flag, value] of Object.entries(notWithRollback(flags))) {
    exclusive({ '--rollback': true, [flag]: value });
  }
  const [name, other] = names;
  if (name === undefined || other !== undefined) {
    throw new PkiError('usage', '--rollback takes one name', { hint: 'certwright rotate NAME --rollback' });
  }
  const { generation } = flags;
  const store = storePath(flags, context);
  const { config, warnings } = await configIfWhole(flags, context);
  const writeMetrics = await metricsFile(flags, context);
  const order = {
    store,
    name: storedName(store, name),
    declared: declaredBy(config, store),
    generation: generation === undefined ? undefined : wholeNumber(generation, '--generation'),
    force: flags.force ?? false,
    lockTimeout: parseDuration(flags.lockTimeout, '--lock-timeout'),
  };
  const report = new RotateReport({ store: order.store, flags, context, output });
  const outcome = await rollBackAndTell(order, deployingWorldOf(flags, context, output));
  report.add({ ...outcome, warnings });
  const write = (end: RunEnd): void => writeMetrics?.(store, instanceOf(flags, context), end);
  return withMetrics(report.end(), write, context, output);
}

/** What means nothing where nothing is issued or removed. */
const notWithRollback = (flags: RotateFlags): Record<string, unknown> => ({
  '--dry-run': flags.dryRun,
  '--renew-at': flags.renewAt,
  '--keep': flags.keep,
  '--jobs': flags.jobs,
  '--discard-pending': flags.discardPending,
  '--reissue': flags.reissue,
  '--wait': flags.wait,
  '--passphrase-file': flags.passphraseFile,
});

/** Who goes back is in need: a faulty file does not keep a service from the certificate that it had. */
async function configIfWhole(
  flags: RotateFlags,
  context: Context,
): Promise<{ config: Config | undefined; warnings: readonly string[] }> {
  try {
    return { config: await loadConfig(flags, context), warnings: [] };
  } catch (error) {
    if (!(error instanceof PkiError) || error.code !== 'bad-config') throw error;
    const warning = `${error.message} ("certwright config check" shows it): what is in request.json counts`;
    return { config: undefined, warnings: [warning] };
  }
}

/** Certificates as a config file declares them. */
const declaredBy =
  (config: Config | undefined, store: string): RotateOrder['declared'] =>
  (stored, reference) =>
    config && declaredIn(config, stored, reference, store);

/** A declaration that names no authority leaves the one that issued. */
function declaredIn(
  config: Config,
  stored: StoredRequest,
  reference: string,
  store: string,
): Wanted | undefined {
  const declaration = config.certificates.get(stored.name);
  if (!declaration) return undefined;
  const authority = declaration.settings.ca ?? reference;
  const request = requestFor(declaration, declaration.settings, store, authority);
  return { reference: authority, request, source: config.file };
}

/** Opens the authorities of a run, each with what is kept of it in a request. */
export function opener(
  flags: Parameters<typeof openOptions>[0],
  context: Context,
  output: Output,
): (wanted: Wanted) => Promise<Authority> {
  const options = openOptions(flags, context, output);
  return ({ reference, request }) => openAuthority(reference, options(request));
}

async function act(
  order: RotateOrder,
  report: RotateReport,
  flags: RotateFlags,
  context: Context,
  output: Output,
): Promise<void> {
  const open = opener(flags, context, output);
  const stale = await rotate(order, open, deployingWorldOf(flags, context, output), (outcome) =>
    report.add(outcome),
  );
  for (const { reference, error } of stale) report.addStale(reference, error);
}

async function look(
  order: RotateOrder,
  report: RotateReport,
  flags: RotateFlags,
  context: Context,
  output: Output,
): Promise<void> {
  const options = openOptions(flags, context, output);
  const limits = once(({ reference, request }) => limitsFor(reference, options(request), context.now()));
  const closed = once(async ({ reference }) => {
    if (!isKeyEncrypted(reference) || (await hasCaPassphrase(flags.passphraseFile, context))) return [];
    const how = '--passphrase-file FILE or CERTWRIGHT_CA_PASSPHRASE gives it';
    return [`the key of ${reference} is encrypted, and without a terminal nobody has its passphrase: ${how}`];
  });
  const examine: Parameters<typeof lookAtRotation>[1] = async (wanted) => {
    const found = await limits(wanted);
    const refusals = likelyRefusals(wanted.request, found, context.now());
    return { limits: found, warnings: [...refusals, ...(await closed(wanted))] };
  };
  const { signing, stale } = await lookAtRotation(
    order,
    examine,
    deployingWorldOf(flags, context, output),
    (outcome) => report.add(outcome),
  );
  report.signing = signing;
  for (const { reference, error } of stale) report.addStale(reference, error);
}
