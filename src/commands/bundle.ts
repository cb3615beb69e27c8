import { resolve } from 'node:path';
import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import {
  bundlePem,
  checkPlace,
  gatherBundle,
  targetNames,
  writeBundle,
  writeCrls,
  type Bundle,
  type TargetName,
} from '../pki/lifecycle/bundle.ts';
import { bundleDocument, bundleLines, reportFindings, type Written } from './bundle-report.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import {
  addOutputOptions,
  addStoreOption,
  collect,
  exclusive,
  oneOf,
  storePath,
  type Run,
  type StoreFlags,
} from './options.ts';
import { Output } from './output.ts';

interface BundleFlags extends StoreFlags {
  target: TargetName;
  out?: string;
  crl?: string[];
  crlOut?: string;
  check?: boolean;
  raisedQuotas?: boolean;
}

const help = `
A trust store for client certificates: the CAs alone, each before its issuer, as the target's parser wants it. What the target
would refuse, or break on later, is said with the rule, and nothing is written (exit code 3).

Examples:
  certwright bundle --target alb default --out truststore.pem --crl-out crl.pem     the store's own CA
  certwright bundle --target apigateway partner-ca.pem partner-root.pem --out truststore.pem
  certwright bundle --target nginx ca.pem --crl crl.pem --out client-ca.pem --crl-out client-crl.pem
  certwright bundle --target alb --check truststore.pem --crl crl.pem               files as they are`;

export function register(command: Command, context: Context, run: Run): void {
  command
    .argument('<source...>', 'files of CAs, or names in the store: of a trust bundle or of a certificate')
    .requiredOption(
      '--target <service>',
      `whose rules: ${targetNames.join(', ')}`,
      oneOf('--target', targetNames),
    )
    .option('--out <file>', 'write the CAs there, in one rename (default: standard output)')
    .option('--crl <file>', 'CRLs, PEM or DER, repeatable (default: those of the trust bundle)', collect)
    .option(
      '--crl-out <file>',
      'write the CRLs there as PEM; where the target takes one at a time, FILE, FILE-2, …',
    )
    .option(
      '--check',
      'judge the files as they are, and write nothing: exit 3 if the target would refuse them',
    )
    .option('--raised-quotas', 'quotas that AWS raises on request do not count');
  addStoreOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((sources: string[], flags: BundleFlags) => bundle(sources, flags, context)));
}

async function bundle(sources: string[], flags: BundleFlags, context: Context): Promise<ExitCode> {
  checkFlags(flags);
  const places = placesOf(flags, context);
  const output = new Output(context, flags);
  const order = {
    target: flags.target,
    sources,
    crls: flags.crl ?? [],
    store: storePath(flags, context),
    cwd: context.cwd,
    check: flags.check ?? false,
    raisedQuotas: flags.raisedQuotas ?? false,
  };
  const gathered = await gatherBundle(order, context.now());
  const written = gathered.accepted && !order.check ? write(gathered, places, flags) : nothing;
  const toStdout = !order.check && flags.out === undefined;
  if (toStdout && gathered.accepted) output.raw(bundlePem(gathered));
  else
    output.result(
      bundleDocument(gathered, order, written),
      toStdout ? [] : bundleLines(gathered, order, written, context.now(), output),
    );
  reportFindings(gathered, order, output);
  return gathered.accepted ? exit.done : exit.no;
}

const nothing: Written = { out: undefined, crls: [] };

/** Where to write, as absolute paths. */
type Places = Partial<Record<'out' | 'crlOut', string>>;

function placesOf({ out, crlOut }: BundleFlags, context: Context): Places {
  const place = (flag: string, file: string): string => {
    const path = resolve(context.cwd, file);
    checkPlace(path, flag);
    return path;
  };
  return {
    ...(out === undefined ? {} : { out: place('--out', out) }),
    ...(crlOut === undefined ? {} : { crlOut: place('--crl-out', crlOut) }),
  };
}

function write(gathered: Bundle, { out, crlOut }: Places, { target }: BundleFlags): Written {
  if (crlOut !== undefined && gathered.crls.length === 0) {
    throw new PkiError('bad-input', `there is no CRL for --crl-out ${crlOut}`, {
      hint: 'name CRLs with --crl FILE, or leave out --crl-out',
    });
  }
  // A server that reads between the two has CRLs for CAs that it does not know yet, which harms nobody.
  const crls = crlOut === undefined ? [] : writeCrls(gathered, crlOut, target, out);
  if (out !== undefined) writeBundle(gathered, out);
  return { out, crls };
}

function checkFlags({ check, out, crlOut, json }: BundleFlags): void {
  exclusive({ '--check': check, '--out': out });
  exclusive({ '--check': check, '--crl-out': crlOut });
  if (json === true && check !== true && out === undefined) {
    throw new PkiError('usage', '--json prints a report, and the bundle would have no place', {
      hint: 'add --out FILE, or --check',
    });
  }
}
