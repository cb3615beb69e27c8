import { resolve } from 'node:path';
import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { checkDestination } from '../pki/given-path.ts';
import { addConnectionOptions, type ConnectionFlags } from './connection-options.ts';
import { addConfigOption, type ConfigFlags } from './config-file.ts';
import type { Context } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import {
  addOutputOptions,
  addStoreOption,
  collect,
  exclusive,
  type Run,
  type StoreFlags,
} from './options.ts';
import { Output } from './output.ts';
import { addProbeOptions, type ProbeFlags } from './probe-options.ts';

export interface VerifyFlags extends StoreFlags, ConnectionFlags, ProbeFlags, ConfigFlags {
  server?: string;
  client?: string;
  serverKey?: string;
  clientKey?: string;
  serverTrust?: string[];
  clientTrust?: string[];
  serverPassphraseFile?: string;
  clientPassphraseFile?: string;
  cert?: string;
  key?: string;
  passphraseFile?: string;
  trust?: string[];
  crl?: string[];
  name?: string;
  app?: string;
  expectHttp?: string;
  path?: string;
  clientAuth?: string;
  targets?: string;
  concurrency?: string;
  junit?: string;
}

const help = `
Live: connects to a server with the pair, without a certificate, and with a stranger's; says who refused whom and why.
Rehearsal: lets two pairs meet in OpenSSL without a network, before they are deployed.
A pair is a name in the store, a folder (fullchain.pem, key.pem, ca.pem) or a PEM file.

Examples:
  certwright verify-mtls orders.internal:8443 --cert client.internal
  certwright verify-mtls db.internal:5432 --starttls postgres --app none --cert client.internal
  certwright verify-mtls --targets servers.txt --cert client.pem --key client-key.pem --trust ca.pem --junit mtls.xml
  certwright verify-mtls orders.internal:8443 --cert client.internal --probe   and are strangers kept out?
  certwright verify-mtls orders.internal:8443 --cert client.internal --probe --ca ./ca --expect-name client.internal
  certwright verify-mtls --server orders.internal --client client.internal     no network

Exit codes: 0 all as it must be, 3 not (or nothing proven), 75 a server is unreachable, 2 bad input.`;

export function register(command: Command, context: Context, run: Run): void {
  command
    .argument('[targets...]', 'servers: HOST:PORT, [IPV6]:PORT')
    .option('--cert <pair>', "the client's pair: a name, a folder or a file")
    .option('--key <file>', 'its key, where it lies elsewhere')
    .option('--passphrase-file <file>', 'file whose first line opens that key')
    .option(
      '--trust <file>',
      'roots to trust, "system" for the system\'s (default the ca.pem beside the pair)',
      collect,
    )
    .option('--crl <file>', 'CRLs to judge by', collect)
    .option('--name <name>', "name that the server's certificate must hold (default the one asked for)")
    .option('--app <kind>', 'http (default): ask for --path; none: send nothing and wait a moment')
    .option('--path <path>', 'what to ask for over HTTP (default /)')
    .option('--expect-http <list>', 'statuses that count as acceptance, and only they: 200,204')
    .option(
      '--client-auth <kind>',
      'required (default) or optional: whether a client without a certificate is let in',
    )
    .option('--targets <file>', 'more servers, one a line')
    .option('--concurrency <number>', 'how many servers at once (default 8)')
    .option('--server <pair>', "rehearsal: the server's pair")
    .option('--client <pair>', "rehearsal: the client's pair")
    .option('--server-trust <file>', 'what the server trusts (default the ca.pem beside its pair)', collect)
    .option('--client-trust <file>', 'what the client trusts (default the ca.pem beside its pair)', collect)
    .option('--server-key <file>', "the server's key, where it lies elsewhere")
    .option('--client-key <file>', "the client's key, where it lies elsewhere")
    .option('--server-passphrase-file <file>', "file whose first line opens the server's key")
    .option('--client-passphrase-file <file>', "file whose first line opens the client's key")
    .option('--junit <file>', 'write the result as JUnit XML too');
  addProbeOptions(command);
  addConfigOption(command);
  addConnectionOptions(command);
  addStoreOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((targets: string[], flags: VerifyFlags) => verify(targets, flags, context)));
}

const ofRehearsal = [
  'serverTrust',
  'clientTrust',
  'serverKey',
  'clientKey',
  'serverPassphraseFile',
  'clientPassphraseFile',
] as const;

const ofLive = [
  'cert',
  'key',
  'passphraseFile',
  'app',
  'expectHttp',
  'path',
  'clientAuth',
  'targets',
  'concurrency',
  'probe',
  'only',
  'skip',
  'ca',
  'caPassphraseFile',
  'expectName',
  'config',
  'connect',
  'servername',
  'starttls',
  'alpn',
  'tls',
  'proxy',
  'timeout',
] as const;

async function verify(targets: readonly string[], flags: VerifyFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  if (flags.junit !== undefined) {
    const report = resolve(context.cwd, flags.junit);
    checkDestination(report, '--junit');
    (await import('../pki/lifecycle/refuse-key.ts')).refuseKey(report);
  }
  if (flags.server !== undefined || flags.client !== undefined) {
    refuseStray(ofLive, flags, 'goes with HOST:PORT, not with --server and --client');
    if (flags.server === undefined || flags.client === undefined) {
      throw new PkiError('usage', 'a rehearsal needs both --server and --client', {
        hint: 'certwright verify-mtls --help',
      });
    }
    if (targets.length > 0) {
      throw new PkiError('usage', 'a rehearsal has no target', {
        hint: 'leave out --server and --client, and give --cert, to connect to a server',
      });
    }
    exclusive({ '--trust': flags.trust, '--server-trust': flags.serverTrust });
    exclusive({ '--trust': flags.trust, '--client-trust': flags.clientTrust });
    const { runRehearsal } = await import('./verify-rehearsal.ts');
    return runRehearsal({ ...flags, server: flags.server, client: flags.client }, context, output);
  }
  refuseStray(ofRehearsal, flags, 'goes with --server and --client');
  const { runLive } = await import('./verify-live.ts');
  return runLive(targets, flags, context, output);
}

function refuseStray(keys: readonly (keyof VerifyFlags)[], flags: VerifyFlags, why: string): void {
  const stray = keys.find((key) => flags[key] !== undefined);
  if (stray === undefined) return;
  const flag = stray.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new PkiError('usage', `--${flag} ${why}`, { hint: 'certwright verify-mtls --help' });
}
