import { resolve } from 'node:path';
import type { Command } from 'commander';
import { caFolder } from './ca-input.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import { addOutputOptions, exclusive, nonEmpty, type Run } from './options.ts';
import { Output, type OutputFlags } from './output.ts';
import { caPassphrase, newPassphrase, passphraseFile } from './passphrase.ts';
import { printable } from './printable.ts';

interface PasswdFlags extends OutputFlags {
  ca?: string;
  passphraseFile?: string;
  newPassphraseFile?: string;
  remove?: boolean;
  offlineRoot?: string;
}

const help = `
Every key in the folder gets the new passphrase. Without a file or variable it is asked for at the terminal.

Examples:
  certwright ca passwd
  certwright ca passwd --passphrase-file old.txt --new-passphrase-file new.txt
  certwright ca passwd --offline-root /media/usb/root-key.pem
  certwright ca passwd --remove`;

export function registerPasswd(command: Command, context: Context, run: Run): void {
  command
    .description("set, change or remove the passphrase of a CA's keys")
    .helpOption('-h, --help', 'show help')
    .option('--ca <dir>', 'folder of the CA (CERTWRIGHT_CA; default ./ca)')
    .option('--passphrase-file <file>', 'file whose first line opens the keys now (CERTWRIGHT_CA_PASSPHRASE)')
    .option(
      '--new-passphrase-file <file>',
      'file whose first line is the new one (CERTWRIGHT_CA_NEW_PASSPHRASE)',
    )
    .option('--remove', 'leave the keys without a passphrase')
    .option('--offline-root <file>', "the root's key is there, and gets the new passphrase too");
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((flags: PasswdFlags) => passwd(flags, context)));
}

async function passwd(flags: PasswdFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  exclusive({ '--remove': flags.remove, '--new-passphrase-file': flags.newPassphraseFile });
  const folder = caFolder(flags, context);
  const { protectKeys } = await import('../pki/lifecycle/protect-keys.ts');
  const offlineRoot = flags.offlineRoot === undefined ? undefined : resolve(context.cwd, flags.offlineRoot);
  let asked: Promise<Buffer> | undefined;
  const ask = (): Promise<Buffer> => (asked ??= caPassphrase(flags.passphraseFile, context));
  const askNew = flags.remove === true ? undefined : () => wantedPassphrase(flags, context);
  const keys = await output.progress('encrypting', protectKeys(folder, offlineRoot, ask, askNew));
  output.result(
    { schema: 'certwright.ca-passwd/1', folder, keys },
    keys.map(({ file, after, changed }) => {
      const done = changed ? output.paint.green('written') : 'as it was';
      return `${done}  ${printable(file)}, ${after === 'plain' ? 'not encrypted' : 'encrypted'}`;
    }),
  );
  if (flags.remove === true) output.warn('whoever can read these files is now the CA');
  return exit.done;
}

async function wantedPassphrase(flags: PasswdFlags, context: Context): Promise<Buffer> {
  if (flags.newPassphraseFile !== undefined) return passphraseFile(flags.newPassphraseFile, context);
  const value = nonEmpty(context.env['CERTWRIGHT_CA_NEW_PASSPHRASE']);
  if (value !== undefined) return Buffer.from(value, 'utf8');
  return newPassphrase(
    context,
    'give it with --new-passphrase-file FILE or in CERTWRIGHT_CA_NEW_PASSPHRASE, or take it away with --remove',
  );
}
