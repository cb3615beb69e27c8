import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CrlOfIssuer, CrlReport } from '../pki/lifecycle/ca-crl.ts';
import { bundlesOf } from './around-trust.ts';
import { caFolder, crlLifetimeOf } from './ca-input.ts';
import type { Context } from './context.ts';
import { distance } from './distance.ts';
import { combineParts, exit, type ExitCode } from './exit-codes.ts';
import { addOutputOptions, addStoreOption, storeBeside, type Run, type StoreFlags } from './options.ts';
import { Output } from './output.ts';
import { caPassphrase } from './passphrase.ts';
import { printable } from './printable.ts';
import { TrustRows } from './trust-report.ts';

interface CrlFlags extends StoreFlags {
  ca?: string;
  force?: boolean;
  dryRun?: boolean;
  out?: string;
  crlLifetime?: string;
  passphraseFile?: string;
}

const help = `
A CRL is signed anew once half of its life is gone, so that it can be had from elsewhere, or be missed, for as long again.
rotate, issue --all and trust do the same for the CAs that they use. A CA that only signs CRLs needs this in cron, once a day.

Examples:
  certwright ca crl                                  signs what needs it
  certwright ca crl --out /var/www/crl/shop.crl      and hands it out: DER for .crl and .der, else PEM of all CAs
  certwright ca crl --crl-lifetime 2d                from now on`;

export function registerCrl(command: Command, context: Context, run: Run): void {
  command
    .description("sign a CA's CRLs anew once half of their lives is gone")
    .helpOption('-h, --help', 'show help')
    .option('--ca <dir>', 'folder of the CA (CERTWRIGHT_CA; default ./ca)')
    .option('--force', 'sign them although they are fresh')
    .option('--out <path>', 'copy it there: a file, or a folder for crl.der and crl.pem')
    .option('--crl-lifetime <time>', "life of the issuing CA's CRLs from now on")
    .option('--dry-run', 'only say what would be signed')
    .option(
      '--passphrase-file <file>',
      "file whose first line opens the CA's key (CERTWRIGHT_CA_PASSPHRASE)",
    );
  addStoreOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((flags: CrlFlags) => caCrl(flags, context)));
}

async function caCrl(flags: CrlFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  const { renewCrls } = await import('../pki/lifecycle/ca-crl.ts');
  let asked: Promise<Buffer> | undefined;
  const order = {
    ca: caFolder(flags, context),
    store: storeBeside(flags, context),
    force: flags.force ?? false,
    dryRun: flags.dryRun ?? false,
    crlLifetime: crlLifetimeOf(flags.crlLifetime),
    out: flags.out === undefined ? undefined : resolve(context.cwd, flags.out),
    ask: () => (asked ??= caPassphrase(flags.passphraseFile, context)),
  };
  const report = await output.progress('signing', renewCrls(order, context.now()));
  const bundles = order.dryRun ? new TrustRows() : await bundlesOf(order.ca, flags, context, output);
  const keyless = report.crls.filter(({ state }) => state === 'keyless');
  output.result({ ...documentOf(order.ca, order.dryRun, report), bundles: bundles.documents }, [
    ...linesOf(report, order.dryRun, context.now(), output),
    ...bundles.lines,
  ]);
  for (const { subject } of keyless) {
    output.problem(
      `the CRL of ${subject} must be signed, and its key is not in the folder`,
      'put the key back for as long as that takes: issuers/ID/key.pem (mode 0600), then the same command',
    );
  }
  return combineParts([keyless.length > 0 ? exit.failed : exit.done, ...bundles.codes]);
}

function documentOf(ca: string, dryRun: boolean, { crls, written, trust }: CrlReport): object {
  return {
    schema: 'certwright.ca-crl/1',
    ca,
    dryRun,
    crls: crls.map(({ crl, ...rest }) => ({
      ...rest,
      crl: crl
        ? { ...crl, thisUpdate: crl.thisUpdate.toISOString(), nextUpdate: crl.nextUpdate.toISOString() }
        : null,
    })),
    written,
    trust: trust ?? null,
  };
}

function linesOf(
  { crls, written, trust }: CrlReport,
  dryRun: boolean,
  now: Date,
  { paint }: Output,
): string[] {
  const words = {
    signed: paint.green(dryRun ? 'would be signed' : 'signed'),
    fresh: paint.green('fresh'),
    over: paint.yellow('its CA has ended'),
    keyless: paint.red('not signed'),
  };
  const about = ({ crl }: CrlOfIssuer): string =>
    crl
      ? `number ${crl.number}, until ${crl.nextUpdate.toISOString()}, ${distance(crl.nextUpdate, now)}`
      : 'there is none';
  return [
    ...crls.flatMap((one) => [
      `${words[one.state]}  ${printable(one.subject)}: ${about(one)}`,
      ...(one.crl ? [`  ${printable(one.crl.path)}`] : []),
    ]),
    ...written.map((file) => `written  ${printable(file)}`),
    ...(trust === undefined ? [] : [`trust    ${printable(`${trust}/crl.pem`)}`]),
  ];
}
