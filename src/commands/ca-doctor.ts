import { relative } from 'node:path';
import type { Command } from 'commander';
import type { Diagnosis, Finding } from '../pki/lifecycle/ca-doctor.ts';
import { caFolder } from './ca-input.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import { addOutputOptions, exclusive, type Run } from './options.ts';
import { Output, type OutputFlags, type Paint } from './output.ts';
import { givenCaPassphrase } from './passphrase.ts';
import { printable } from './printable.ts';

interface DoctorFlags extends OutputFlags {
  ca?: string;
  fix?: boolean;
  passphraseFile?: string;
}

const help = `
Exit code 3 where something is wrong. --fix mends modes and links, signs CRLs that have lapsed or are about to, and removes
what dead runs have left; the rest is said.

Examples:
  certwright ca doctor
  certwright ca doctor ./prod-ca --fix
  certwright ca doctor --quiet || echo "look after the CA"`;

export function registerDoctor(command: Command, context: Context, run: Run): void {
  command
    .description('find out what is wrong with a CA, and mend what can be')
    .helpOption('-h, --help', 'show help')
    .argument('[dir]', 'folder of the CA, as --ca')
    .option('--ca <dir>', 'folder of the CA (CERTWRIGHT_CA; default ./ca)')
    .option('--fix', 'mend what can be mended without harm')
    .option('--passphrase-file <file>', 'file whose first line opens the keys (CERTWRIGHT_CA_PASSPHRASE)');
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((dir: string | undefined, flags: DoctorFlags) => doctor(dir, flags, context)));
}

async function doctor(dir: string | undefined, flags: DoctorFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  exclusive({ DIR: dir, '--ca': flags.ca });
  const folder = caFolder(dir === undefined ? flags : { ca: dir }, context);
  const { examineCa } = await import('../pki/lifecycle/ca-doctor.ts');
  const passphrase = await givenCaPassphrase(flags.passphraseFile, context);
  const diagnosis = await output.progress(
    'examining the CA',
    examineCa(folder, flags.fix ?? false, { passphrase, now: context.now }),
  );
  const healthy = diagnosis.findings.every(({ level }) => level === 'note');
  output.result(document(folder, healthy, diagnosis), [
    ...diagnosis.mended.map((one) => `${output.paint.green('mended')}  ${said(one, folder)}`),
    ...diagnosis.findings.flatMap((one) => lines(one, folder, output.paint)),
    summary(healthy, diagnosis, output.paint),
  ]);
  if (output.quiet) {
    for (const { path, message, fix, level } of diagnosis.findings) {
      if (level === 'note') continue;
      output.problem(`${relative(context.cwd, path) || '.'}: ${message}`, fix === '' ? undefined : fix);
    }
  }
  return healthy ? exit.done : exit.no;
}

const document = (folder: string, healthy: boolean, { findings, mended, looked }: Diagnosis): object => ({
  schema: 'certwright.ca-doctor/1',
  folder,
  healthy,
  ...looked,
  findings: findings.map((one) => ({ ...plain(one), fixable: one.mend !== undefined })),
  mended: mended.map(plain),
});

const plain = ({ check, level, path, message, fix }: Finding): object => ({
  check,
  level,
  path,
  message,
  fix: fix === '' ? null : fix,
});

function said({ check, path, message }: Finding, folder: string): string {
  return printable(`${check.padEnd(11)}  ${relative(folder, path) || '.'}: ${message}`);
}

function lines(finding: Finding, folder: string, paint: Paint): string[] {
  const level = finding.level === 'wrong' ? paint.red('wrong ') : 'note  ';
  const fix = finding.fix === '' ? [] : [`${' '.repeat(21)}${printable(finding.fix)}`];
  return [`${level}  ${said(finding, folder)}`, ...fix];
}

function summary(healthy: boolean, { findings, looked }: Diagnosis, paint: Paint): string {
  const { issuers, issued } = looked;
  const what = `${issuers} issuer${issuers === 1 ? '' : 's'}, ${issued} certificate${issued === 1 ? '' : 's'} on record`;
  const wrong = findings.filter(({ level }) => level === 'wrong').length;
  return healthy
    ? `${paint.green('healthy')}: ${what}`
    : `${paint.red(`${wrong} thing${wrong === 1 ? ' is' : 's are'} wrong`)}: ${what}`;
}
