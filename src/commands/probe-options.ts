import type { Command } from 'commander';
import { negativeProbes, type NegativeProbe } from '../pki/probe-names.ts';
import type { Pair } from '../pki/lifecycle/pair.ts';
import type { ProbeAuthority } from '../pki/lifecycle/probe-authority.ts';
import { PkiError } from '../pki/errors.ts';
import { parseName } from '../pki/x509/subject-alternative-name.ts';
import { authorityNamed, loadConfig, type ConfigFlags } from './config-file.ts';
import type { Context } from './context.ts';
import { oneOf, storePath, type StoreFlags } from './options.ts';
import { caPassphrase } from './passphrase.ts';

/** Flags of `--probe`. */
export interface ProbeFlags {
  probe?: boolean;
  only?: string;
  skip?: string;
  ca?: string;
  caPassphraseFile?: string;
  expectName?: string;
}

export function addProbeOptions(command: Command): Command {
  return command
    .option('--probe', 'come in every way that must be refused, too')
    .option('--only <list>', `of those only: ${negativeProbes.join(', ')}`)
    .option('--skip <list>', 'all but those')
    .option('--ca <dir>', 'the CA that the server trusts: it signs what is expired, revoked, for servers…')
    .option(
      '--ca-passphrase-file <file>',
      "file whose first line opens that CA's key (CERTWRIGHT_CA_PASSPHRASE)",
    )
    .option('--expect-name <name>', 'the name of the pair that the server looks at: another must be refused');
}

/** What is tried without --probe. */
const usual = ['no-certificate', 'stranger'] as const satisfies NegativeProbe[];

/**
 * Opens the CA that is to sign probes, before anything is connected to.
 * @throws PkiError `usage`, `unsupported`, `bad-input`, and as opening a CA does
 */
export async function openProbeAuthority(
  flags: ProbeFlags & ConfigFlags & StoreFlags,
  pair: Pair,
  context: Context,
): Promise<ProbeAuthority | undefined> {
  const { ca, caPassphraseFile, expectName: given } = flags;
  refuseStray({ '--ca-passphrase-file': caPassphraseFile, '--expect-name': given }, ca, '--ca');
  refuseStray({ '--ca': ca }, flags.probe, '--probe');
  if (ca === undefined) return undefined;
  const { checkExpectedName, ProbeAuthority } = await import('../pki/lifecycle/probe-authority.ts');
  const expectName = given === undefined ? undefined : parseName(given);
  if (expectName) checkExpectedName(pair, expectName);
  const { whoAsks } = await import('./who-asks.ts');
  let passphrase: Promise<Buffer> | undefined;
  return ProbeAuthority.open({
    reference: authorityNamed(ca, await loadConfig(flags, context), context),
    store: storePath(flags, context),
    by: await whoAsks(context),
    pair,
    expectName,
    ask: () => (passphrase ??= caPassphrase(caPassphraseFile, context, '--ca-passphrase-file')),
    now: context.now,
  });
}

function refuseStray(flags: Readonly<Record<string, unknown>>, needed: unknown, what: string): void {
  const stray = Object.entries(flags).find(([, value]) => value !== undefined);
  if (!stray || needed !== undefined) return;
  throw new PkiError('usage', `${stray[0]} goes with ${what}`, { hint: 'certwright verify-mtls --help' });
}

/** @throws PkiError `usage` for an unknown probe, or where none is left */
export function chosenProbes({ probe, only, skip }: ProbeFlags): readonly NegativeProbe[] {
  if (probe !== true) {
    if (only === undefined && skip === undefined) return usual;
    throw new PkiError('usage', `${only === undefined ? '--skip' : '--only'} goes with --probe`, {
      hint: 'certwright verify-mtls --help',
    });
  }
  const wanted = only === undefined ? negativeProbes : parseProbes('--only', only);
  const unwanted = skip === undefined ? [] : parseProbes('--skip', skip);
  const chosen = negativeProbes.filter((name) => wanted.includes(name) && !unwanted.includes(name));
  if (chosen.length > 0) return chosen;
  throw new PkiError('usage', '--only and --skip leave nothing to probe', {
    hint: `of: ${negativeProbes.join(', ')}`,
  });
}

const parseProbes = (flag: string, list: string): NegativeProbe[] =>
  list.split(',').map((one) => oneOf(flag, negativeProbes)(one.trim()));
