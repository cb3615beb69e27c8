import type { Command } from 'commander';
import type { CrlCopy } from '../pki/lifecycle/crl-copies.ts';
import { addressesIn } from '../pki/lifecycle/revocation-addresses.ts';
import { revoke, type RevocationWish, type Target } from '../pki/lifecycle/revoke.ts';
import { endReplacing } from '../pki/lifecycle/unfinished-replacing.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import { addAwsConnectionOptions, awsConnection, type AwsConnectionFlags } from './aws-connection.ts';
import { addConfigOption, loadConfig, type ConfigFlags } from './config-file.ts';
import { confirm } from './confirm.ts';
import type { Context } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
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
import { caPassphrase } from './passphrase.ts';
import { aboutTarget, reportRevoked, type Done, type Sighting } from './revoke-report.ts';
import { reasons, targetOf, wishOf, withoutWait } from './revoke-input.ts';
import { bundlesOf } from './around-trust.ts';
import { TrustRows } from './trust-report.ts';
import { whoAsks } from './who-asks.ts';

export interface RevokeFlags extends StoreFlags, ConfigFlags, AwsConnectionFlags {
  ca?: string;
  reason?: string;
  generation?: string;
  invalidityDate?: string;
  hold?: boolean;
  release?: boolean;
  replace?: boolean;
  /** Without a value: as long as AWS may take. */
  wait?: string | true;
  lockTimeout: string;
  file?: boolean;
  stored?: boolean;
  yes?: boolean;
  dryRun?: boolean;
  passphraseFile?: string;
}

/** AWS says up to 30 minutes for a CRL, and tries again every 15 where it could not write it. */
const defaultWait = 90 * 60_000;

const help = `
Reasons (RFC 5280 5.3.1): ${reasons.join(', ')}.
A hold can be taken back (--release), every other reason is for good. Revoking twice does no harm.

Examples:
  certwright revoke orders.internal --reason keyCompromise
  certwright revoke orders.internal --generation 3 --reason superseded --yes
  certwright revoke /backup/old-cert.pem --ca ./prod-ca --reason cessationOfOperation
  certwright revoke 4d:43:05:9b:da:6e:94:29 --dry-run
  certwright revoke orders.internal --replace --reason superseded
  certwright revoke arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012 --wait
  certwright revoke orders.internal --hold       until it is known what happened
  certwright revoke orders.internal --release    it was nothing`;

export function register(command: Command, context: Context, run: Run): void {
  command
    .argument(
      '<target>',
      'a name in the store, the file of a certificate, a serial number, a SHA-256, an ARN',
    )
    .option(
      '--ca <ref>',
      'the CA that signed it, where the store does not know (CERTWRIGHT_CA; default ./ca)',
    )
    .option('--reason <reason>', 'why, in the words of RFC 5280 (default unspecified)')
    .option('--generation <number>', 'of a name: this one instead of the one in use')
    .option('--invalidity-date <time>', 'since when its key may have been in wrong hands')
    .option('--hold', 'revoke it until it is released (certificateHold)')
    .option('--release', 'take a hold back')
    .option('--replace', 'have its successor made and deployed first')
    .option(
      '--wait [time]',
      'wait until the CRL or the OCSP responder that it names shows it (default 90m; exit 75 if not)',
    )
    .option('--stored', 'the target is a name in the store')
    .option('--file', 'the target is a file')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'only say what would happen')
    .option(
      '--passphrase-file <file>',
      "file whose first line opens the CA's key (CERTWRIGHT_CA_PASSPHRASE)",
    );
  command
    .option('--lock-timeout <time>', 'how long to wait for another run on the same name', '30s')
    .option('--timeout <time>', 'how long one call to AWS may take (default 20s)');
  addAwsConnectionOptions(command);
  addStoreOption(command);
  addConfigOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((target: string, flags: RevokeFlags) => revokeCommand(target, flags, context)));
}

async function revokeCommand(text: string, flags: RevokeFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  const wish = wishOf(flags, context.now());
  exclusive({ '--release': flags.release, '--replace': flags.replace });
  const patience = patienceOf(flags);
  const config = await loadConfig(flags, context);
  let target = await targetOf(text, flags, config, context, output);
  const dryRun = flags.dryRun ?? false;
  const verb = wish.event === 'release' ? 'release' : 'revoke';
  for (const line of aboutTarget(verb, target, context.now())) output.note(line);
  if (!dryRun) {
    const question = `${verb} it${wish.event === 'release' ? '' : ` (${wish.reason})`}?`;
    await confirm(question, flags.yes ?? false, context, consequenceOf(wish));
  }
  // What AWS would refuse is refused before a successor is bought.
  if (flags.replace === true && !dryRun && isArn(target.authority)) {
    await atAws(target, wish, { ...flags, dryRun: true }, context, output);
  }
  const successor =
    flags.replace === true && !dryRun
      ? await (await import('./revoke-replace.ts')).replaced(target, wish, flags, config, context, output)
      : undefined;
  if (successor !== undefined && target.stored) {
    target = { ...target, stored: { ...target.stored, inUse: false } };
  }
  const outcome = isArn(target.authority)
    ? await atAws(target, wish, flags, context, output)
    : await inFolder(target, wish, flags, context, output);
  if (target.stored && !dryRun && ['revoked', 'already-revoked'].includes(outcome.state)) {
    endReplacing(target.stored);
  }
  const hasCrl = !dryRun && !isArn(target.authority);
  const bundles = hasCrl ? await bundlesOf(target.authority, flags, context, output) : new TrustRows();
  const copies =
    hasCrl && outcome.state !== 'not-revoked' ? await copiesOf(target.authority, flags, context) : [];
  const seen = await sighting(target, outcome, dryRun ? undefined : patience, context, output);
  return reportRevoked(
    {
      ...{ target, wish, dryRun, successor, replaces: flags.replace ?? false },
      ...outcome,
      ...{ bundles, copies, seen },
    },
    context,
    output,
  );
}

function consequenceOf(wish: RevocationWish): string {
  if (wish.event === 'release') return 'it counts again for everybody';
  return wish.reason === 'certificateHold'
    ? 'peers refuse it until it is released'
    : 'a revocation is for good';
}

async function copiesOf(authority: string, flags: RevokeFlags, context: Context): Promise<CrlCopy[]> {
  const { crlCopies } = await import('../pki/lifecycle/crl-copies.ts');
  return crlCopies(storePath(flags, context), authority);
}

async function inFolder(
  target: Target,
  wish: RevocationWish,
  flags: RevokeFlags,
  context: Context,
  output: Output,
): Promise<Done> {
  const { certificate } = target;
  if (!certificate) throw new TypeError('a CA in a folder has its certificates on record');
  const order = {
    target: { ...target, certificate },
    wish,
    store: storePath(flags, context),
    by: await whoAsks(context),
    ask: () => caPassphrase(flags.passphraseFile, context),
    dryRun: flags.dryRun ?? false,
  };
  const done = await output.progress('signing the CRL', revoke(order, context.now()));
  const addresses = addressesIn(certificate);
  return { ...done, addresses, visibleBy: undefined, warnings: notTakenOver(done, wish, flags) };
}

/** What is on record stays: a CRL has said so. */
function notTakenOver(
  { state, fact }: Pick<Done, 'state' | 'fact'>,
  wish: RevocationWish,
  flags: RevokeFlags,
): string[] {
  if (state !== 'already-revoked' || wish.event === 'release' || !fact) return [];
  const isOther =
    (flags.reason !== undefined && wish.reason !== fact.reason) ||
    (wish.invalidityDate !== undefined && wish.invalidityDate.getTime() !== fact.invalidityDate?.getTime());
  return isOther
    ? [`its record stays as it is: ${fact.reason}; what was asked for now is not taken over`]
    : [];
}

async function atAws(
  target: Target,
  wish: RevocationWish,
  flags: RevokeFlags,
  context: Context,
  output: Output,
): Promise<Done> {
  const { revokeAtAws } = await import('../pki/lifecycle/revoke-at-aws.ts');
  const order = {
    target,
    wish,
    dryRun: flags.dryRun ?? false,
    connection: awsConnection(withoutWait(flags), context, output),
    lockTimeout: parseDuration(flags.lockTimeout, '--lock-timeout'),
  };
  const done = await output.progress('asking AWS', revokeAtAws(order, context));
  const { state, reason } = done;
  const by = await whoAsks(context);
  // When one was revoked that was so already, AWS does not tell.
  const fact =
    state === 'revoked' ? { revokedAt: context.now(), reason, invalidityDate: undefined, by } : undefined;
  return { ...done, fact, crl: undefined, knownBy: undefined, trust: undefined };
}

/** Milliseconds; `undefined` where nobody is to wait. */
function patienceOf({ wait }: RevokeFlags): number | undefined {
  if (wait === undefined || wait === true) return wait && defaultWait;
  return parseDuration(wait, '--wait');
}

/** `--wait`: whether relying parties can see it, where the certificate sends them; `undefined` where it was not asked. */
async function sighting(
  target: Target,
  { addresses, issuer, state, warnings }: Done,
  patience: number | undefined,
  context: Context,
  output: Output,
): Promise<Sighting | 'not-seen' | undefined> {
  if (patience === undefined) return undefined;
  if (state !== 'revoked' && state !== 'already-revoked') return undefined;
  const { certificate } = target;
  if (!certificate) {
    warnings.push(
      'only its number is known here, not where to look for it: --wait needs its file or its ARN',
    );
    return undefined;
  }
  if (addresses.crl.length + addresses.ocsp.length === 0) {
    warnings.push('the certificate names no CRL and no OCSP responder to wait for');
    return undefined;
  }
  const { issuerIn, waitUntilSeen } = await import('../pki/lifecycle/wait-until-seen.ts');
  const order = {
    addresses,
    certificate,
    issuer: issuerIn(target, issuer),
    patience,
    env: context.env,
    signal: context.signal,
    now: context.now,
    say: (line: string) => {
      output.note(line);
    },
  };
  return (await output.progress('waiting until it shows', waitUntilSeen(order))) ?? 'not-seen';
}
