import type { Config } from '../pki/lifecycle/config.ts';
import { requestFor } from '../pki/lifecycle/declared.ts';
import {
  extraNames,
  issueAll,
  lookAtAll,
  makeAuthorities,
  once,
  type AllOrder,
  type Wanted,
} from '../pki/lifecycle/issue-all.ts';
import { openOrCreate, type Authority } from '../pki/lifecycle/open-ca.ts';
import { likelyRefusals, limitsOrNew } from '../pki/lifecycle/plan.ts';
import { PkiError } from '../pki/errors.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import { passphraseOfNewCa } from './passphrase.ts';
import { aroundTrust } from './around-trust.ts';
import { requireConfig } from './config-file.ts';
import type { Context } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import { AllReport } from './issue-all-report.ts';
import { defaultAuthority } from './issue-order.ts';
import type { IssueFlags } from './issue.ts';
import { openOptions } from './open-options.ts';
import { tellDropped } from './order-report.ts';
import { exclusive, jobsOf, storePath } from './options.ts';
import type { Output } from './output.ts';
import { worldOf } from './world.ts';

/** What goes with --all; whatever else `issue` takes is the config file's to say. */
const companions: readonly (keyof IssueFlags)[] = [
  ...([
    'all',
    'check',
    'jobs',
    'dryRun',
    'config',
    'store',
    'json',
    'jsonLines',
    'quiet',
    'verbose',
  ] as const),
  ...(['createCa', 'passphraseFile', 'discardPending', 'lockTimeout'] as const),
  ...(['region', 'profile', 'wait', 'timeout', 'reissue', 'instance'] as const),
];

/** `--all`: brings the store to what certwright.yaml declares. */
export async function issueDeclared(
  names: readonly string[],
  flags: IssueFlags,
  context: Context,
  output: Output,
): Promise<ExitCode> {
  refuseOthers(names, flags);
  exclusive({ '--check': flags.check, '--dry-run': flags.dryRun });
  exclusive({ '--json': flags.json, '--json-lines': flags.jsonLines });
  const config = await requireConfig(flags, context);
  const order = allOrder(config, flags, context);
  const report = new AllReport({ config, store: order.store, flags, context, output });
  const onlyLooks = flags.check === true || flags.dryRun === true;
  const work = (onlyLooks ? look : issue)(order, report, flags, context, output);
  await output.progress(`issuing what ${config.shown} declares`, work);
  return report.end(extraNames(order));
}

function refuseOthers(names: readonly string[], flags: IssueFlags): void {
  const [other] = Object.keys(flags).filter((flag) => !companions.some((companion) => companion === flag));
  const dashed = other?.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const stray = names.length > 0 ? JSON.stringify(names[0]) : dashed && `--${dashed}`;
  if (stray === undefined) return;
  throw new PkiError('usage', `${stray} does not go with --all`, {
    hint: 'certwright.yaml says what is issued; for one certificate: certwright issue NAME',
  });
}

function allOrder(config: Config, flags: IssueFlags, context: Context): AllOrder {
  const store = storePath(flags, context);
  const wanted = [...config.certificates.values()].map((declaration) => {
    const reference = declaration.settings.ca ?? defaultAuthority(context, config);
    const request = requestFor(declaration, declaration.settings, store, reference);
    return { reference, request, source: config.file };
  });
  if (wanted.length === 0) {
    throw new PkiError('usage', `${config.shown} declares no certificate`, {
      hint: 'write them under certificates; docs/config.md shows how',
    });
  }
  return {
    store,
    wanted,
    jobs: jobsOf(flags.jobs),
    discardPending: flags.discardPending ?? false,
    lockTimeout: parseDuration(flags.lockTimeout, '--lock-timeout'),
  };
}

async function issue(
  order: AllOrder,
  report: AllReport,
  flags: IssueFlags,
  context: Context,
  output: Output,
): Promise<void> {
  const { config } = report;
  const options = openOptions(flags, context, output);
  const open = once(async ({ reference, request }: Wanted): Promise<Authority> => {
    const create = passphraseOfNewCa(flags, context);
    const { authority, created } = await openOrCreate(reference, { ...options(request), create });
    if (created) output.note(`made a new CA in ${reference} ("certwright ca show" describes it)`);
    return authority;
  });
  if (flags.createCa === true) await makeAuthorities(order, open);
  const untold: string[] = [];
  const issuing = (): ReturnType<typeof issueAll> =>
    issueAll({ ...order, tellDropped: tellDropped(output) }, open, worldOf(flags, context), (outcome) => {
      report.add(outcome);
      if (outcome.state === 'issued' && outcome.deployPending === true) untold.push(outcome.name);
    });
  const around = { store: order.store, config, flags, rows: report.trust };
  const stale = await aroundTrust(around, context, output, issuing);
  if (untold.length > 0) output.note('"certwright rotate" tells the services of what was issued');
  for (const { reference, error } of stale) report.addStale(reference, error);
}

async function look(
  order: AllOrder,
  report: AllReport,
  flags: IssueFlags,
  context: Context,
  output: Output,
): Promise<void> {
  const options = openOptions(flags, context, output);
  const limits = once(({ reference, request }) =>
    limitsOrNew(reference, flags.createCa ?? false, options(request), context.now()),
  );
  // --check only compares; --dry-run meets every refusal that comes before a signature.
  const examine: Parameters<typeof lookAtAll>[1] =
    flags.dryRun === true
      ? async (wanted) => {
          const found = await limits(wanted);
          return { limits: found, warnings: likelyRefusals(wanted.request, found, context.now()) };
        }
      : async () => ({ limits: undefined, warnings: [] });
  await lookAtAll(order, examine, worldOf(flags, context), (outcome) => report.add(outcome));
}
