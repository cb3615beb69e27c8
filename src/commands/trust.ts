import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { refuseNoFolder } from '../pki/given-path.ts';
import { keepTrust, type KeptTrust } from '../pki/lifecycle/keep-trust.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import { addAwsConnectionOptions, type AwsConnectionFlags } from './aws-connection.ts';
import { checkAwsFlags } from './aws-options.ts';
import { addConfigOption, loadConfig, type ConfigFlags } from './config-file.ts';
import type { Context } from './context.ts';
import { combineParts, type ExitCode } from './exit-codes.ts';
import { addOutputOptions, addStoreOption, storePath, type Run, type StoreFlags } from './options.ts';
import { Output } from './output.ts';
import { trustReach } from './trust-reach.ts';
import { tellTrust, trustCode, trustDocument, trustLine } from './trust-report.ts';
import { addInstanceOption, deployingWorldOf, type InstanceFlags } from './world.ts';

interface Flags extends StoreFlags, ConfigFlags, AwsConnectionFlags, InstanceFlags {
  passphraseFile?: string;
  lockTimeout: string;
}

const help = `
Brings trust bundles up to date: the roots, the CAs below them and the CRLs of all authorities that certwright.yaml declares
under trust, and whatever follows when they change. "certwright rotate" and "issue --all" do it too, before they issue.

Examples:
  certwright trust                 every bundle that is declared, in the file or in the store
  certwright trust peers           one of them
  certwright trust --quiet         from cron: nothing but warnings and failures`;

export function register(command: Command, context: Context, run: Run): void {
  command
    .argument('[names...]', 'trust bundles; none stands for all that are declared')
    .option('--passphrase-file <file>', "file whose first line opens a CA's key (CERTWRIGHT_CA_PASSPHRASE)")
    .option('--lock-timeout <time>', 'how long to wait for another run on the same bundle', '30s')
    .option('--timeout <time>', 'how long one call to AWS may take (default 20s)');
  addAwsConnectionOptions(command);
  addInstanceOption(command);
  addStoreOption(command);
  addConfigOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((names: string[], flags: Flags) => trust(names, flags, context)));
}

async function trust(names: readonly string[], flags: Flags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  checkAwsFlags(flags);
  const config = await loadConfig(flags, context);
  const store = storePath(flags, context);
  refuseNoFolder(store);
  const order = {
    store,
    declared: config && { bundles: config.trust, file: config.file },
    names,
    lockTimeout: parseDuration(flags.lockTimeout, '--lock-timeout'),
  };
  const kept: KeptTrust[] = [];
  const work = keepTrust(
    order,
    trustReach(flags, context, output),
    deployingWorldOf(flags, context, output),
    (one) => {
      kept.push(one);
      tellTrust(one, output);
    },
  );
  await output.progress('bringing trust up to date', work);
  if (kept.length === 0) {
    throw new PkiError('not-found', `no trust bundle is declared for ${store}`, {
      hint: 'declare it under trust in certwright.yaml; docs/trust.md shows how',
    });
  }
  output.result(
    { schema: 'certwright.trust/1', store, bundles: kept.map(trustDocument) },
    kept.map((one) => trustLine(one, context.cwd, output)),
  );
  return combineParts(kept.map(trustCode));
}
