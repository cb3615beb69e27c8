import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { findTarget, revoke, type RevocationWish, type Target } from '../pki/lifecycle/revoke.ts';
import { reasonCodes, type RevocationReason } from '../pki/x509/crl-writer.ts';
import { parseTime } from '../pki/x509/duration.ts';
import { authorityNamed, addConfigOption, loadConfig, type ConfigFlags } from './config-file.ts';
import { confirm } from './confirm.ts';
import type { Context } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import {
  addOutputOptions,
  addStoreOption,
  exclusive,
  nonEmpty,
  storePath,
  type Run,
  type StoreFlags,
} from './options.ts';
import { Output } from './output.ts';
import { caPassphrase } from './passphrase.ts';
import { bundlesOf } from './around-trust.ts';
import { aboutTarget, reportRevoked } from './revoke-report.ts';
import { TrustRows } from './trust-report.ts';
import { whoAsks } from './who-asks.ts';

export interface RevokeFlags extends StoreFlags, ConfigFlags {
  ca?: string;
  reason?: string;
  generation?: string;
  invalidityDate?: string;
  hold?: boolean;
  release?: boolean;
  file?: boolean;
  stored?: boolean;
  yes?: boolean;
  dryRun?: boolean;
  passphraseFile?: string;
}

const reasons = Object.keys(reasonCodes) as RevocationReason[];

const help = `
Reasons (RFC 5280 5.3.1): ${reasons.join(', ')}.
A hold can be taken back (--release), every other reason is for good. Revoking twice does no harm.

Examples:
  certwright revoke orders.internal --reason keyCompromise
  certwright revoke orders.internal --generation 3 --reason superseded --yes
  certwright revoke /backup/old-cert.pem --ca ./prod-ca --reason cessationOfOperation
  certwright revoke 4d:43:05:9b:da:6e:94:29 --dry-run
  certwright revoke orders.internal --hold       until it is known what happened
  certwright revoke orders.internal --release    it was nothing`;

export function register(command: Command, context: Context, run: Run): void {
  command
    .argument('<target>', 'a name in the store, the file of a certificate, a serial number, a SHA-256')
    .option(
      '--ca <ref>',
      'the CA that signed it, where the store does not know (CERTWRIGHT_CA; default ./ca)',
    )
    .option('--reason <reason>', 'why, in the words of RFC 5280 (default unspecified)')
    .option('--generation <number>', 'of a name: this one instead of the one in use')
    .option('--invalidity-date <time>', 'since when its key may have been in wrong hands')
    .option('--hold', 'revoke it until it is released (certificateHold)')
    .option('--release', 'take a hold back')
    .option('--stored', 'the target is a name in the store')
    .option('--file', 'the target is a file')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'only say what would happen')
    .option(
      '--passphrase-file <file>',
      "file whose first line opens the CA's key (CERTWRIGHT_CA_PASSPHRASE)",
    );
  addStoreOption(command);
  addConfigOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((target: string, flags: RevokeFlags) => revokeCommand(target, flags, context)));
}

async function revokeCommand(text: string, flags: RevokeFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  const wish = wishOf(flags, context.now());
  const target = await targetOf(text, flags, context);
  const dryRun = flags.dryRun ?? false;
  const verb = wish.event === 'release' ? 'release' : 'revoke';
  for (const line of aboutTarget(verb, target, context.now())) output.note(line);
  if (!dryRun) {
    const question = `${verb} it${wish.event === 'release' ? '' : ` (${wish.reason})`}?`;
    await confirm(question, flags.yes ?? false, context, 'a revocation is for good');
  }
  const order = {
    target,
    wish,
    store: storePath(flags, context),
    by: await whoAsks(context),
    ask: () => caPassphrase(flags.passphraseFile, context),
    dryRun,
  };
  const revoked = await output.progress('signing the CRL', revoke(order, context.now()));
  const bundles = dryRun ? new TrustRows() : await bundlesOf(target.authority, flags, context, output);
  return reportRevoked({ target, wish, dryRun, revoked, bundles }, context, output);
}

/** @throws PkiError `usage`, `bad-time` */
function wishOf(flags: RevokeFlags, now: Date): RevocationWish {
  exclusive({ '--hold': flags.hold, '--release': flags.release, '--reason': flags.reason });
  exclusive({ '--hold': flags.hold, '--release': flags.release, '--invalidity-date': flags.invalidityDate });
  if (flags.release === true) return { event: 'release' };
  const asked = flags.reason?.toLowerCase();
  const reason =
    flags.hold === true
      ? 'certificateHold'
      : asked === undefined
        ? 'unspecified'
        : reasons.find((one) => one.toLowerCase() === asked);
  if (reason === undefined) {
    throw new PkiError('usage', `--reason ${JSON.stringify(flags.reason)} is not known`, {
      hint: `one of: ${reasons.join(', ')}`,
    });
  }
  const { invalidityDate: text } = flags;
  const invalidityDate = text === undefined ? undefined : parseTime(text, '--invalidity-date');
  if (invalidityDate && invalidityDate > now) {
    throw new PkiError('bad-time', `--invalidity-date ${text ?? ''} is in the future`, {
      hint: 'it says since when the key may have been in wrong hands (RFC 5280 5.3.2)',
    });
  }
  return { event: 'revoke', reason, invalidityDate };
}

async function targetOf(text: string, flags: RevokeFlags, context: Context): Promise<Target> {
  exclusive({ '--file': flags.file, '--stored': flags.stored });
  const config = await loadConfig(flags, context);
  const { generation } = flags;
  if (generation !== undefined && !/^[1-9]\d{0,5}$/.test(generation)) {
    throw new PkiError('usage', `--generation ${JSON.stringify(generation)} is not a number`, {
      hint: 'a whole number from 1',
    });
  }
  const named = (reference: string): string => authorityNamed(reference, config, context);
  return findTarget({
    text,
    meant: flags.stored === true ? 'stored' : flags.file === true ? 'file' : undefined,
    generation: generation === undefined ? undefined : Number(generation),
    store: storePath(flags, context),
    cwd: context.cwd,
    ca: flags.ca === undefined ? undefined : named(flags.ca),
    defaultCa: config?.defaults.ca ?? named(nonEmpty(context.env['CERTWRIGHT_CA']) ?? 'ca'),
  });
}
