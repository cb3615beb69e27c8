import { isAbsolute, relative } from 'node:path';
import type { Command } from 'commander';
import type { Config, Declaration, TrustSource } from '../pki/lifecycle/config.ts';
import { requestFor } from '../pki/lifecycle/declared.ts';
import { describePlan } from '../pki/lifecycle/deploy-plan.ts';
import type { StoredRequest } from '../pki/lifecycle/request.ts';
import { addConfigOption, requireConfig, type ConfigFlags } from './config-file.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import { defaultAuthority } from './issue-order.ts';
import { addOutputOptions, exclusive, isArn, type Run } from './options.ts';
import { Output, type OutputFlags } from './output.ts';
import { printable } from './printable.ts';

type CheckFlags = OutputFlags & ConfigFlags;

const help = `
Every fault is shown with its line and column, all of them at once; exit code 2 says that there is one.

Examples:
  certwright config check                       ./certwright.yaml, and what it means
  certwright config check /etc/certwright.yaml
  certwright config check --json                for a pipeline, with every default written out`;

export function register(command: Command, context: Context, run: Run): void {
  const check = command
    .command('check')
    .description('find what is wrong with the file, or say what it means')
    .helpOption('-h, --help', 'show help')
    .argument('[file]', 'certwright.yaml, by whatever name');
  addConfigOption(check);
  addOutputOptions(check).addHelpText('after', help);
  command.addHelpText('after', help);
  check.action(run((file: string | undefined, flags: CheckFlags) => checkConfig(file, flags, context)));
}

async function checkConfig(file: string | undefined, flags: CheckFlags, context: Context): Promise<ExitCode> {
  exclusive({ FILE: file, '--config': flags.config });
  const output = new Output(context, flags);
  const config = await requireConfig(file === undefined ? flags : { config: file }, context);
  const certificates = [...config.certificates.values()].map((one) => meaning(one, config, context));
  output.result(
    {
      schema: 'certwright.config-check/1',
      file: config.file,
      authorities: Object.fromEntries(config.authorities),
      defaults: config.defaults,
      certificates,
      trust: Object.fromEntries(config.trust),
    },
    lines(config, certificates, context, output),
  );
  return exit.done;
}

/** A certificate with every default written out; its authority as a reference. */
type Meaning = Omit<StoredRequest, 'csr'>;

function meaning(declaration: Declaration, config: Config, context: Context): Meaning {
  const reference = declaration.settings.ca ?? defaultAuthority(context, config);
  const { csr: _csr, ...request } = requestFor(declaration, declaration.settings, context.cwd, reference);
  const outputs = (declaration.settings.outputs ?? []).map(({ relative: _relative, ...output }) => output);
  return { ...request, authority: reference, outputs };
}

function lines(config: Config, certificates: readonly Meaning[], context: Context, output: Output): string[] {
  const { authorities, shown } = config;
  const count = (number: number, what: string, many: string): string =>
    `${number} ${number === 1 ? what : many}`;
  const declared = `${count(authorities.size, 'authority', 'authorities')}, ${count(certificates.length, 'certificate', 'certificates')}`;
  return [
    `${output.paint.green('valid')} ${printable(shown)}: ${declared}`,
    ...[...authorities].map(([alias, reference]) => `  ${alias}: ${printable(shortest(reference, context))}`),
    ...certificates.flatMap((one) => ['', ...certificateLines(one, context)]),
    ...[...config.trust].flatMap(([name, source]) => ['', ...trustLines(name, source, context)]),
  ];
}

function trustLines(name: string, source: TrustSource, context: Context): string[] {
  const { authorities = [], roots, crls, deploy } = source;
  const paths = (list: readonly string[]): string => list.map((path) => shortest(path, context)).join(', ');
  const rows: readonly (readonly [string, string])[] = [
    ['authorities', paths(authorities)],
    ['roots', paths(roots)],
    ['CRLs', paths(crls)],
    ['deploy', deploy ? describePlan(deploy).join(', ') : ''],
  ];
  const told = rows.filter(([, value]) => value !== '');
  return [`trust ${name}`, ...told.map(([what, value]) => `  ${what.padEnd(11)} ${printable(value)}`)];
}

function certificateLines(one: Meaning, context: Context): string[] {
  const urls = [...one.crlUrls, ...one.ocspUrls, ...one.issuerUrls];
  const access = [
    one.owner === undefined ? '' : `owner ${one.owner}`,
    one.group === undefined ? '' : `group ${one.group}`,
    one.mode === undefined ? '' : `mode ${one.mode}`,
  ].filter((part) => part !== '');
  const peer = one.deploy?.rehearse;
  const aws = [one.template, one.signingAlgorithm, one.exportable ? 'exportable' : undefined, one.validation];
  const rows: readonly (readonly [string, string])[] = [
    ['names', one.names.join(', ')],
    ['authority', shortest(one.authority, context)],
    ['usage', one.usage],
    ['key', `${one.keyType}${one.reuseKey ? ', used again' : ''}`],
    ['valid', validity(one)],
    ['due', due(one)],
    ['window', one.window.map(windowText).join(', ')],
    ['subject', one.subject ?? ''],
    ['URLs', urls.join(', ')],
    ['formats', one.formats.join(', ')],
    ['keep', one.keep === undefined ? '' : `${one.keep} ${one.keep === 1 ? 'generation' : 'generations'}`],
    ['AWS', aws.filter((part) => part !== undefined).join(', ')],
    ['files', access.join(', ')],
    ...one.outputs.map(({ path, content }) => ['output', `${content} ${shortest(path, context)}`] as const),
    ['rehearse', peer === undefined ? '' : `with ${isAbsolute(peer) ? shortest(peer, context) : peer}`],
    ['deploy', one.deploy ? describePlan(one.deploy).join(', ') : ''],
  ];
  const told = rows.filter(([, value]) => value !== '');
  return [printable(one.name), ...told.map(([what, value]) => `  ${what.padEnd(10)} ${printable(value)}`)];
}

function validity({ lifetime, notBefore, notAfter, clamp }: Meaning): string {
  const from = notBefore === undefined ? '' : `from ${notBefore} `;
  if (lifetime === undefined && notAfter === undefined) return 'as long as the authority decides';
  const span = notAfter === undefined ? `for ${lifetime ?? ''}` : `until ${notAfter}`;
  return `${from}${span}${clamp ? ', cut to what the authority has left' : ''}`;
}

function due({ renewAt, spread, reissueOnExposure }: Meaning): string {
  const parts = [
    renewAt === undefined ? '' : `at ${renewAt}`,
    spread === undefined ? '' : `spread over ${spread}`,
    reissueOnExposure ? 'when others could read its key' : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function windowText({ days, from, to, timeZone }: Meaning['window'][number]): string {
  const zone = timeZone === undefined ? '' : ` ${timeZone}`;
  return `${days.join(' ')} ${from}-${to}${zone}`;
}

function shortest(reference: string, context: Context): string {
  if (isArn(reference)) return reference;
  const short = relative(context.cwd, reference);
  return short.startsWith('..') ? reference : short || '.';
}
