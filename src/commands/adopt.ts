import { resolve } from 'node:path';
import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { adopt, type Adopted, type AdoptOrder } from '../pki/lifecycle/adopt.ts';
import type { Config } from '../pki/lifecycle/config.ts';
import { unknownAuthority } from '../pki/lifecycle/authority-reference.ts';
import { authorityExists } from '../pki/lifecycle/open-ca.ts';
import { checkStoreName, formats } from '../pki/lifecycle/request.ts';
import { formatDuration, parseDuration } from '../pki/x509/duration.ts';
import { parseRenewalPoint } from '../pki/x509/renewal-point.ts';
import { nameText, parseName } from '../pki/x509/subject-alternative-name.ts';
import { certificateDocument } from './certificate-document.ts';
import { addConfigOption, authorityNamed, loadConfig, type ConfigFlags } from './config-file.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import {
  addOutputOptions,
  addStoreOption,
  collect,
  oneOf,
  storePath,
  type Run,
  type StoreFlags,
} from './options.ts';
import { tellDropped } from './order-report.ts';
import { Output } from './output.ts';
import { passphraseFile, prompt } from './passphrase.ts';
import { printable } from './printable.ts';
import { addInstanceOption, worldOf, type InstanceFlags } from './world.ts';

interface AdoptFlags extends StoreFlags, ConfigFlags, InstanceFlags {
  cert?: string;
  key?: string;
  chain?: string[];
  ca?: string;
  owner?: string;
  group?: string;
  mode?: string;
  renewAt?: string;
  reuseKey?: boolean;
  format?: (typeof formats)[number][];
  passphraseFile?: string;
  force?: boolean;
  discardPending?: boolean;
  lockTimeout: string;
}

const help = `
Takes a pair that others have made into the store. Names, usage, key type and lifetime are read from the certificate, so that
rotate makes the like of it with --ca. The files are left as they are.

Examples:
  certwright adopt shop.example.com --ca acm:arn:aws:acm-pca:… \\
    --cert /etc/letsencrypt/live/shop.example.com/fullchain.pem --key /etc/letsencrypt/live/shop.example.com/privkey.pem
  certwright adopt orders.internal --cert orders.crt --key orders.key --chain intermediate_ca.crt --ca ./ca
  certwright adopt legacy --cert server.pem         one file with certificate and key; reported once it is due`;

export function register(command: Command, context: Context, run: Run): void {
  command
    .argument('<name>', 'its name in the store')
    .requiredOption('--cert <file>', 'its certificate, with or without the chain and the key')
    .option('--key <file>', 'its private key (default in the same file, or key.pem beside it)')
    .option('--chain <file>', 'certificates above it (repeatable)', collect)
    .option('--ca <ref>', 'who makes its successors: a folder, an ARN, acm, acm:ARN, an alias')
    .option('--owner <user>', 'owner of the files')
    .option('--group <group>', 'group of the files, which may read the key')
    .option('--mode <mode>', 'mode of the files that hold the key (default 0600)')
    .option('--renew-at <point>', 'when its successor is due: 66%, 20d-before')
    .option('--reuse-key', 'its successors keep the key')
    .option(
      '--format <format>',
      'more files: pair, der (repeatable)',
      (text: string, all: AdoptFlags['format']) => [...(all ?? []), oneOf('--format', formats)(text)],
    )
    .option('--passphrase-file <file>', 'file whose first line opens the key')
    .option('--force', 'in place of a certificate of that name, as its next generation')
    .option('--discard-pending', 'drop what an earlier run has begun')
    .option('--lock-timeout <time>', 'how long to wait for another run on the same name', '30s');
  addInstanceOption(command);
  addStoreOption(command);
  addConfigOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((name: string, flags: AdoptFlags) => adoptCommand(name, flags, context)));
}

async function adoptCommand(name: string, flags: AdoptFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  const config = await loadConfig(flags, context);
  const order = orderOf(name, flags, config, context);
  const taken = await adopt({ ...order, tellDropped: tellDropped(output) }, worldOf(flags, context));
  const isDeclared = config?.certificates.has(taken.name) ?? false;
  const declared = 'certwright.yaml declares it: the next rotate makes it what is declared, where it is not';
  const adopted = { ...taken, warnings: [...taken.warnings, ...(isDeclared ? [declared] : [])] };
  for (const warning of adopted.warnings) output.warn(warning);
  output.result(documentOf(adopted), linesOf(adopted, context));
  return exit.done;
}

function orderOf(text: string, flags: AdoptFlags, config: Config | undefined, context: Context): AdoptOrder {
  if (flags.renewAt !== undefined) parseRenewalPoint(flags.renewAt, '--renew-at');
  const name = nameOf(text);
  const { owner, group, mode, renewAt, reuseKey, format } = flags;
  const path = (file: string): string => resolve(context.cwd, file);
  return {
    store: storePath(flags, context),
    name,
    certificate: path(flags.cert ?? ''),
    key: flags.key === undefined ? undefined : path(flags.key),
    chain: (flags.chain ?? []).map(path),
    ask: async () =>
      flags.passphraseFile === undefined
        ? prompt(`passphrase of the key of ${name}`, context, 'give it with --passphrase-file FILE')
        : passphraseFile(flags.passphraseFile, context),
    reference: flags.ca === undefined ? declaredCa(name, config) : authorityNamed(flags.ca, config, context),
    settings: {
      ...(owner === undefined ? {} : { owner }),
      ...(group === undefined ? {} : { group }),
      ...(mode === undefined ? {} : { mode }),
      ...(renewAt === undefined ? {} : { renewAt }),
      ...(format === undefined ? {} : { formats: format }),
      reuseKey: reuseKey ?? false,
    },
    force: flags.force ?? false,
    discardPending: flags.discardPending ?? false,
    lockTimeout: parseDuration(flags.lockTimeout, '--lock-timeout'),
  };
}

/** Who is to issue it by certwright.yaml; a CA that is yet to be made says nothing of it. */
function declaredCa(name: string, config: Config | undefined): string | undefined {
  const reference = config?.certificates.get(name)?.settings.ca;
  return reference !== undefined && authorityExists(reference) ? reference : undefined;
}

/** A name that a certificate may have, as `issue` writes it, or one that a person chose for the store. */
function nameOf(text: string): string {
  try {
    return nameText(parseName(text));
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return checkStoreName(text);
  }
}

function linesOf({ name, generation, path, certificate, due, request }: Adopted, { now }: Context): string[] {
  const { notBefore, notAfter } = certificate;
  const begin = Math.max(notBefore.getTime(), now().getTime());
  const left = notAfter.getTime() - begin;
  const from = notBefore > now() ? ` from ${notBefore.toISOString()}` : '';
  const life = left > 0 ? `valid${from} for ${formatDuration(left)}, until` : 'expired';
  const { names, usage, keyType, lifetime, authority } = request;
  return [
    `adopted ${name}: generation ${generation}, ${life} ${notAfter.toISOString()}`,
    `  ${path}`,
    `  its successors: ${names.join(', ')}; ${usage}, ${keyType}${lifetime === undefined ? '' : `, ${lifetime}`}; from ${authority === unknownAuthority ? 'nobody has said whom' : authority}`,
    `  the next one is due ${due.toISOString()}`,
  ].map(printable);
}

function documentOf({ name, generation, path, certificate, request, due, warnings }: Adopted): object {
  const { names, usage, keyType, lifetime, subject, authority } = request;
  return {
    schema: 'certwright.adopt/1',
    name,
    generation,
    path,
    certificate: certificateDocument({ certificate, due }),
    request: {
      names,
      usage,
      keyType,
      lifetime: lifetime ?? null,
      subject: subject ?? null,
      authority,
    },
    warnings,
  };
}
