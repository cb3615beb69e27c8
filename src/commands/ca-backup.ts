import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Restored } from '../pki/lifecycle/ca-restore.ts';
import { caFolder } from './ca-input.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import { addOutputOptions, addStoreOption, storeBeside, type Run, type StoreFlags } from './options.ts';
import { Output, type OutputFlags } from './output.ts';
import { givenCaPassphrase } from './passphrase.ts';
import { printable } from './printable.ts';

interface BackupFlags extends OutputFlags {
  ca?: string;
  force?: boolean;
}

interface RestoreFlags extends StoreFlags {
  ca?: string;
  force?: boolean;
  passphraseFile?: string;
}

const backupHelp = `
FILE is a tar archive with mode 0600: keys as they are, every record, the current CRLs, and checksums. Others may issue and revoke
meanwhile.

Examples:
  certwright ca backup /media/usb/ca.tar
  certwright ca backup --ca ./prod-ca "ca-$(date +%F).tar" && tar tf "ca-$(date +%F).tar"`;

const restoreHelp = `
The folder must not be there. With --force, a CA that is there is moved aside, and what it has on record beyond the backup is
carried over. Certificates of the store that this CA has signed since are taken up in its records again. New CRLs are signed at
once where the keys can be opened; their numbers are higher than any before.

Examples:
  certwright ca restore /media/usb/ca.tar
  certwright ca restore ca.tar --ca ./prod-ca --store /etc/certs --passphrase-file pass.txt`;

export function registerBackup(command: Command, context: Context, run: Run): void {
  command
    .description('write a CA into one archive')
    .helpOption('-h, --help', 'show help')
    .argument('<file>', 'archive to write')
    .option('--ca <dir>', 'folder of the CA (CERTWRIGHT_CA; default ./ca)')
    .option('--force', 'write over a file that is there');
  addOutputOptions(command).addHelpText('after', backupHelp);
  command.action(run((file: string, flags: BackupFlags) => backup(file, flags, context)));
}

export function registerRestore(command: Command, context: Context, run: Run): void {
  command
    .description('make a CA of a backup')
    .helpOption('-h, --help', 'show help')
    .argument('<file>', 'archive that "ca backup" has written')
    .option('--ca <dir>', 'folder to make (CERTWRIGHT_CA; default ./ca)')
    .option('--force', 'where a CA is there: move it aside, and carry over what it knows')
    .option('--passphrase-file <file>', 'file whose first line opens the keys (CERTWRIGHT_CA_PASSPHRASE)');
  addStoreOption(command);
  addOutputOptions(command).addHelpText('after', restoreHelp);
  command.action(run((file: string, flags: RestoreFlags) => restore(file, flags, context)));
}

async function backup(path: string, flags: BackupFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  const folder = caFolder(flags, context);
  const { backUpCa } = await import('../pki/lifecycle/ca-backup.ts');
  const { file, bytes, issued, revoked, keys } = backUpCa(
    folder,
    resolve(context.cwd, path),
    flags.force ?? false,
    context.now(),
  );
  output.result({ schema: 'certwright.ca-backup/1', folder, file, bytes, issued, revoked, keys }, [
    `${output.paint.green('written')}  ${printable(relative(context.cwd, file))}, ${bytes} bytes`,
    `  ${issued} certificates on record, ${revoked} revocation events`,
    ...keys.map(({ issuer, state }) => `  key of ${issuer}  ${keyWords[state]}`),
  ]);
  if (keys.some(({ state }) => state === 'plain')) {
    output.warn(
      'keys are in it without a passphrase: whoever can read the file is the CA ("certwright ca passwd" encrypts them)',
    );
  }
  return exit.done;
}

const keyWords = {
  plain: 'in it, not encrypted',
  encrypted: 'in it, encrypted',
  elsewhere: 'not in it: it is kept elsewhere',
};

async function restore(path: string, flags: RestoreFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  const folder = caFolder(flags, context);
  const store = storeBeside(flags, context);
  const { restoreCa } = await import('../pki/lifecycle/ca-restore.ts');
  const restored = await output.progress(
    'restoring',
    restoreCa(
      {
        file: resolve(context.cwd, path),
        folder,
        force: flags.force ?? false,
        store: existsSync(store) ? store : undefined,
        passphrase: await givenCaPassphrase(flags.passphraseFile, context),
      },
      context.now(),
    ),
  );
  const takenUp = restored.takenUp.map((one) => ({ ...one, notAfter: one.notAfter.toISOString() }));
  const { aside = null, ...rest } = restored;
  output.result({ schema: 'certwright.ca-restore/1', folder, ...rest, aside, takenUp }, [
    `${output.paint.green('restored')}  ${printable(restored.name)} in ${printable(relative(context.cwd, folder))}`,
    ...restoredLines(restored, context.cwd),
  ]);
  if (restored.unsigned.length > 0) {
    output.warn(
      `no new CRL was signed for ${restored.unsigned.join(', ')}: the key is not here or closed; sign one before the old one lapses`,
    );
  }
  return exit.done;
}

function restoredLines({ aside, carriedOver, takenUp, revocations, crls }: Restored, cwd: string): string[] {
  return [
    ...(aside === undefined
      ? []
      : [
          `  the CA that was there is in ${printable(relative(cwd, aside))}; ${carriedOver} facts were carried over`,
        ]),
    ...takenUp.map(
      ({ name, generation, serial }) =>
        `  taken up  ${printable(name)}, generation ${generation}, issued after the backup (${serial})`,
    ),
    ...(revocations === 0 ? [] : [`  taken up  ${revocations} revocations that the store's CRLs list`]),
    ...crls.map(({ issuer, number }) => `  CRL ${number} of ${issuer} signed`),
    '',
    'what was revoked after the backup and stands nowhere else is not known any more: revoke it again',
  ];
}
