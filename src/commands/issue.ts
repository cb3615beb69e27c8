import { readOrder } from './issue-order.ts';
import { openOrCreate, type OpenOptions } from '../pki/lifecycle/open-ca.ts';
import { caPassphrase, passphraseOfNewCa } from './passphrase.ts';
import { printable } from './printable.ts';
import { finish } from './issue-report.ts';
import { relative } from 'node:path';
import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { parseDuration, parseTime } from '../pki/x509/duration.ts';
import { parseSubject } from '../pki/x509/distinguished-name.ts';
import { keyTypes, type KeyType } from '../pki/x509/key.ts';
import { usages, type Usage } from '../pki/x509/profile.ts';
import { parseRenewalPoint } from '../pki/x509/renewal-point.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import {
  addOutputOptions,
  addStoreOption,
  collect,
  exclusive,
  isArn,
  notEmpty,
  oneOf,
  type Run,
  type StoreFlags,
} from './options.ts';
import { addAwsOptions, awsOptions, checkAwsFlags, refuseAwsFlags, type AwsFlags } from './aws-options.ts';
import { addConfigOption, type ConfigFlags } from './config-file.ts';
import { Output } from './output.ts';
import { addInstanceOption, type InstanceFlags } from './world.ts';

export interface IssueFlags extends StoreFlags, ConfigFlags, AwsFlags, InstanceFlags {
  as?: string;
  usage?: Usage;
  keyType?: KeyType;
  lifetime?: string;
  notBefore?: string;
  notAfter?: string;
  clamp?: boolean;
  ca?: string;
  createCa?: boolean;
  passphraseFile?: string;
  subject?: string;
  reuseKey?: boolean;
  owner?: string;
  group?: string;
  mode?: string;
  renewAt?: string;
  crlUrl?: string[];
  ocspUrl?: string[];
  aiaUrl?: string[];
  format?: string[];
  ifDue?: boolean;
  force?: boolean;
  discardPending?: boolean;
  lockTimeout: string;
  out?: string;
  keyOut?: string;
  certOut?: string;
  keyPassphraseFile?: string;
  csr?: string;
  namesFromCsr?: boolean;
  dryRun?: boolean;
  explain?: boolean;
  all?: boolean;
  check?: boolean;
  jobs?: string;
  jsonLines?: boolean;
}

const help = `
Names are told apart by their form: host names (*.example.internal too), IP addresses, e-mail addresses, URIs.
The first name is the certificate's name in the store.

Examples:
  certwright issue orders.internal --create-ca
  certwright issue orders.internal 10.0.0.7 spiffe://corp/ns/shop/sa/orders --lifetime 12h
  certwright issue orders.internal --if-due              renew it only if that is needed (cron)
  certwright issue --all                                 whatever certwright.yaml declares (cron)
  certwright issue ci-runner --usage client --out build/tls    plain files, no store (pipelines)
  certwright issue printer.internal --csr printer.csr > printer.pem`;

export function register(command: Command, context: Context, run: Run): void {
  command
    .argument('[names...]', 'what the certificate is for')
    .option('--as <name>', 'name in the store, instead of the first name')
    .option(
      '--usage <usage>',
      `${usages.join(', ')} (default mtls: server and client)`,
      oneOf('--usage', usages),
    )
    .option('--key-type <type>', `${keyTypes.join(', ')} (default ec-p256)`, oneOf('--key-type', keyTypes))
    .option('--lifetime <time>', 'how long it is valid: 45m, 12h, 90d, 2w (default 30d)')
    .option('--not-before <time>', 'when it becomes valid: 2027-01-31T12:00:00Z (default a minute ago)')
    .option('--not-after <time>', 'when it ends, instead of --lifetime')
    .option('--clamp', "cut the lifetime to the CA's where it is longer")
    .option('--ca <ref>', 'the authority (CERTWRIGHT_CA; default ./ca)')
    .option('--create-ca', 'make the CA first where there is none')
    .option('--passphrase-file <file>', "file whose first line opens the CA's key (CERTWRIGHT_CA_PASSPHRASE)")
    .option('--subject <name>', 'distinguished name, "CN=…,O=…" (default: CN is the first name)')
    .option('--reuse-key', 'keep the key of the generation before')
    .option('--owner <user>', 'owner of all files')
    .option('--group <group>', 'group of all files')
    .option('--mode <octal>', 'mode of files that hold a key (default 0600, 0640 with --group)')
    .option('--renew-at <point>', 'when its successor is due: 66% of its life, 20d-before its end')
    .option('--crl-url <url>', 'CRL distribution point', collect)
    .option('--ocsp-url <url>', 'OCSP responder', collect)
    .option('--aia-url <url>', "where the issuer's certificate can be fetched", collect)
    .option('--format <format>', 'extra files: pair (key and chain in one), der', collect)
    .option('--if-due', 'do nothing while the pair on disk is whole, as asked for and not due')
    .option('--force', 'make a new generation, or overwrite files, although one is there')
    .option('--discard-pending', 'drop what an earlier run has begun')
    .option('--lock-timeout <time>', 'how long to wait for another run on the same name', '30s')
    .option(
      '--out <dir>',
      'write plain files there instead of into the store',
      notEmpty('--out', 'name a folder; "." is this one'),
    )
    .option('--key-out <file>', 'write the key to this file, without a store')
    .option('--cert-out <file>', 'write the certificate and its chain to this file, without a store')
    .option('--key-passphrase-file <file>', 'encrypt the key that --out or --key-out writes')
    .option('--csr <file>', "certify somebody else's request (- for standard input)")
    .option('--names-from-csr', 'take the names that the request asks for')
    .option('--dry-run', 'show the certificate that would be made')
    .option('--explain', 'show also how the authority would make it')
    .option(
      '--all',
      'bring the store to what certwright.yaml declares: issue what is missing, changed or due',
    )
    .option('--check', 'with --all: only say what is to be done; exit code 3 if anything is')
    .option('--jobs <number>', 'with --all: how many certificates at a time (default 8)')
    .option('--json-lines', 'with --all: one JSON document a line, as certificates are done');
  addAwsOptions(command);
  addInstanceOption(command);
  addStoreOption(command);
  addConfigOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((names: string[], flags: IssueFlags) => issue(names, flags, context)));
}

async function issue(names: readonly string[], flags: IssueFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, { ...flags, json: flags.json ?? flags.jsonLines ?? false });
  checkFlags(flags);
  if (flags.all === true) {
    const { issueDeclared } = await import('./issue-all.ts');
    return issueDeclared(names, flags, context, output);
  }
  const order = await readOrder(names, flags, context);
  const { reference } = order;
  refuseAwsFlags(flags, reference);
  for (const remark of order.remarks) output.note(remark);
  const options: OpenOptions = {
    ask: () => caPassphrase(flags.passphraseFile, context),
    now: context.now,
    aws: awsOptions(flags, order.request, context, output),
  };
  if (flags.dryRun === true || flags.explain === true) {
    const { showPlan } = await import('./issue-plan.ts');
    await showPlan(order, options, flags, context, output);
    return exit.done;
  }
  if (flags.createCa === true && !isArn(reference)) {
    // Bad input touches nothing: no CA is made for it, either.
    const { lookAhead } = await import('./issue-plan.ts');
    await lookAhead(order, options, flags, context);
  }
  const { authority, created } = await openOrCreate(reference, {
    ...options,
    create: passphraseOfNewCa(flags, context),
  });
  if (created)
    output.note(
      `made a new CA in ${printable(relative(context.cwd, reference) || '.')} ("certwright ca show" describes it)`,
    );
  const work = finish(order, authority, flags, context, output);
  return output.progress(`issuing ${order.request.name}`, work);
}

/** What can be said of the flags without looking at anything. */
function checkFlags(flags: IssueFlags): void {
  exclusive({ '--lifetime': flags.lifetime, '--not-after': flags.notAfter });
  exclusive({ '--if-due': flags.ifDue, '--force': flags.force });
  exclusive({ '--out': flags.out, '--as': flags.as });
  exclusive({ '--out': flags.out, '--key-out': flags.keyOut });
  exclusive({ '--out': flags.out, '--cert-out': flags.certOut });
  exclusive({ '--csr': flags.csr, '--key-out': flags.keyOut });
  exclusive({ '--csr': flags.csr, '--reuse-key': flags.reuseKey });
  exclusive({ '--csr': flags.csr, '--key-type': flags.keyType });
  const needs = (flag: string, given: unknown, other: string, there: unknown): void => {
    if (given !== undefined && given !== false && (there === undefined || there === false)) {
      throw new PkiError('usage', `${flag} goes with ${other}`, { hint: 'certwright issue --help' });
    }
  };
  needs('--key-passphrase-file', flags.keyPassphraseFile, '--out or --key-out', flags.out ?? flags.keyOut);
  needs('--names-from-csr', flags.namesFromCsr, '--csr', flags.csr);
  needs('--key-out', flags.keyOut, '--cert-out', flags.certOut);
  needs('--check', flags.check, '--all', flags.all);
  needs('--jobs', flags.jobs, '--all', flags.all);
  needs('--json-lines', flags.jsonLines, '--all', flags.all);
  if (flags.certOut !== undefined && flags.csr === undefined)
    needs('--cert-out', flags.certOut, '--key-out', flags.keyOut);
  const withoutStore = flags.out ?? flags.certOut;
  if (
    withoutStore !== undefined &&
    (flags.ifDue === true ||
      flags.reuseKey === true ||
      flags.format !== undefined ||
      flags.renewAt !== undefined)
  ) {
    throw new PkiError('usage', '--if-due, --reuse-key, --format and --renew-at need the store', {
      hint: 'leave out --out, --key-out and --cert-out',
    });
  }
  if (flags.lifetime !== undefined) parseDuration(flags.lifetime, '--lifetime');
  if (flags.renewAt !== undefined) parseRenewalPoint(flags.renewAt, '--renew-at');
  if (flags.notBefore !== undefined) parseTime(flags.notBefore, '--not-before');
  if (flags.notAfter !== undefined) parseTime(flags.notAfter, '--not-after');
  if (flags.subject !== undefined) parseSubject(flags.subject);
  parseDuration(flags.lockTimeout, '--lock-timeout');
  checkAwsFlags(flags);
}
