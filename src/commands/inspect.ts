import { resolve } from 'node:path';
import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { lookAtGiven } from '../pki/given-path.ts';
import { inspectBytes, type Inspection } from '../pki/lifecycle/inspect.ts';
import type { StoredFacts } from '../pki/lifecycle/inspect-stored.ts';
import { isStored } from '../pki/lifecycle/is-stored.ts';
import { readWhole, refuseLarge } from '../pki/lifecycle/read-whole.ts';
import { parseDuration, parseTime } from '../pki/x509/duration.ts';
import { addAwsConnectionOptions, type AwsConnectionFlags } from './aws-connection.ts';
import { addConnectionOptions, refuseWithoutServer, type ConnectionFlags } from './connection-options.ts';
import type { Context, InputStream } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import { closedProblems, report, type Look } from './inspect-report.ts';
import {
  addOutputOptions,
  addStoreOption,
  exclusive,
  storePath,
  type Run,
  type StoreFlags,
} from './options.ts';
import { Output } from './output.ts';
import { addTrustOptions, refuseWithoutTrust, type TrustFlags } from './trust-options.ts';

export interface InspectFlags extends StoreFlags, TrustFlags, ConnectionFlags, AwsConnectionFlags {
  file?: boolean;
  stored?: boolean;
  passphraseFile?: string;
  pem?: boolean;
  jsonLines?: boolean;
  check?: boolean;
  expiresWithin?: string;
  serial?: string;
}

const help = `
Finds out for itself what it is given: PEM or DER, certificates, requests, CRLs, keys, PKCS#7, PKCS#12.
Private keys are named, never shown.

Examples:
  certwright inspect orders.internal                 a certificate of the store
  certwright inspect /etc/ssl/certs/ca-certificates.crt
  certwright inspect bundle.p12 --passphrase-file pass.txt
  certwright inspect /etc/nginx --check --expires-within 30d    exit 3 if one ends within 30 days
  certwright inspect certs/_trust/default/current/crl.pem --serial 4D:43:05:9B:DA:6E    exit 3 if it is not revoked
  certwright inspect orders.internal:8443 --trust ca.pem        what a server shows, and whether it holds
  certwright inspect arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012
  curl -s https://example.com/ca.der | certwright inspect - --json`;

export function register(command: Command, context: Context, run: Run): void {
  command
    .argument('<target>', 'a file, a folder, - for standard input, a name in the store, HOST:PORT, or an ARN')
    .option('--file', 'the target is a file or a folder')
    .option('--stored', 'the target is a name in the store')
    .option('--passphrase-file <file>', 'file whose first line opens what is encrypted')
    .option('--check', 'exit 3 unless every certificate found is valid now')
    .option('--expires-within <time>', 'with --check: or ends within 30d, 12h, 2w')
    .option('--serial <hex>', 'of a CRL: exit 3 unless it lists this serial number, with or without colons')
    .option('--pem', 'print the certificates and requests found as PEM, and nothing else')
    .option('--json-lines', 'of a folder: one JSON document a line, as things are found');
  addTrustOptions(command);
  addConnectionOptions(command);
  addAwsConnectionOptions(command);
  addStoreOption(command);
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((target: string, flags: InspectFlags) => inspect(target, flags, context)));
}

async function inspect(target: string, flags: InspectFlags, context: Context): Promise<ExitCode> {
  checkFlags(flags);
  if (target === '') {
    throw new PkiError('usage', 'the target is empty', {
      hint: '"." is the working folder; a variable that is not set?',
    });
  }
  const output = new Output(context, flags);
  const look: Look = {
    target,
    now: flags.at === undefined ? context.now() : parseTime(flags.at, '--at'),
    today: context.now(),
    pem: flags.pem ?? false,
    check: flags.check ?? false,
    within: flags.expiresWithin === undefined ? 0 : parseDuration(flags.expiresWithin, '--expires-within'),
  };
  const place = placeOf(target, flags, context);
  if (flags.jsonLines === true && place.kind !== 'folder') {
    throw new PkiError('usage', '--json-lines is for a folder', { hint: 'of one file, --json shows all' });
  }
  if (flags.serial !== undefined && place.kind !== 'file' && place.kind !== 'stdin') {
    throw new PkiError('usage', '--serial is for a file', { hint: 'name the file of a CRL' });
  }
  if (flags.trust !== undefined && place.kind === 'folder') {
    throw new PkiError('usage', '--trust is for a file', {
      hint: 'the first certificate of one file is judged',
    });
  }
  if (place.kind === 'server') {
    const { inspectPlace } = await import('./inspect-server.ts');
    return inspectPlace(flags, context, look, output);
  }
  if (place.kind === 'aws') {
    refuseBeyondAws(flags);
    const { inspectArn } = await import('./inspect-aws.ts');
    return inspectArn(flags, context, look, output);
  }
  refuseWithoutTrust(flags);
  refuseWithoutServer(flags);
  const asked = { flags, context, look, output };
  const ask = await passphraseFrom(place, flags, context);
  const lent = { now: look.now, ask };
  switch (place.kind) {
    case 'folder': {
      const { reportFolder } = await import('./inspect-folder.ts');
      return reportFolder(place.path, lent, look, flags.jsonLines ?? false, output);
    }
    case 'stored': {
      const { inspectStored } = await import('../pki/lifecycle/inspect-stored.ts');
      const { inspection, stored } = await inspectStored(place.store, target, { ...lent, today: look.today });
      if (flags.trust !== undefined)
        return (await import('./inspect-trust.ts')).judgeStored(inspection, stored, asked);
      return finish(inspection, stored, look, output);
    }
    case 'file':
    case 'stdin': {
      const bytes = place.kind === 'file' ? readWhole(place.path) : await readStream(context.stdin);
      if (flags.trust !== undefined)
        return (await import('./inspect-trust.ts')).judgeFile(bytes, lent, asked);
      const inspection = await inspectBytes(bytes, target, lent);
      return flags.serial === undefined
        ? finish(inspection, undefined, look, output)
        : (await import('./inspect-serial.ts')).answerSerial(inspection, flags.serial, look, output);
    }
  }
}

function checkFlags(flags: InspectFlags): void {
  exclusive({ '--file': flags.file, '--stored': flags.stored });
  exclusive({ '--json': flags.json, '--json-lines': flags.jsonLines, '--pem': flags.pem });
  exclusive({ '--trust': flags.trust, '--pem': flags.pem, '--serial': flags.serial });
  exclusive({ '--check': flags.check, '--serial': flags.serial });
  if (flags.expiresWithin !== undefined && flags.check !== true) {
    throw new PkiError('usage', '--expires-within goes with --check', { hint: 'add --check' });
  }
}

/** What AWS holds has no file to judge and no server to reach. */
function refuseBeyondAws(flags: InspectFlags): void {
  refuseWithoutTrust(flags);
  const { timeout: _, ...others } = flags;
  refuseWithoutServer(others);
  if (flags.trust === undefined) return;
  throw new PkiError('usage', '--trust is for a file', {
    hint: 'write the chain to a file first: certwright inspect ARN --pem > chain.pem',
  });
}

type Place =
  | { kind: 'file' | 'folder'; path: string }
  | { kind: 'stored'; store: string }
  | { kind: 'stdin' }
  | { kind: 'server' }
  | { kind: 'aws' };

/** HOST:PORT, [IPV6]:PORT; only `tls://` leaves no doubt, since files and names may look the same. */
const looksLikePlace = (target: string): boolean => /^tls:\/\/|^[^/]+:\d+$/.test(target);

/**
 * A bare target is a path where there is one, else a name in the store, else a server's place; a path and a name at once
 * is the caller's to decide.
 */
function placeOf(target: string, flags: InspectFlags, context: Context): Place {
  if (target === '-' && flags.stored !== true) return { kind: 'stdin' };
  const store = storePath(flags, context);
  if (flags.stored === true) return { kind: 'stored', store };
  const path = resolve(context.cwd, target);
  const there = lookAtGiven(path);
  const found: Place = { kind: there?.isDirectory() === true ? 'folder' : 'file', path };
  if (flags.file === true) return found;
  const stored = isStored(store, target);
  if (there && stored) {
    throw new PkiError('usage', `${JSON.stringify(target)} is a path and a name in ${store}`, {
      hint: 'add --file for the path or --stored for the name',
    });
  }
  if (!there && !stored && target.startsWith('arn:')) return { kind: 'aws' };
  if (!there && !stored && looksLikePlace(target)) return { kind: 'server' };
  return there ? found : { kind: 'stored', store };
}

/** Only one file is worth a question; in a folder, what is closed stays closed. */
async function passphraseFrom(
  place: Place,
  flags: InspectFlags,
  context: Context,
): Promise<() => Promise<Buffer | undefined>> {
  if (flags.passphraseFile !== undefined) {
    const { passphraseFile } = await import('./passphrase.ts');
    const passphrase = passphraseFile(flags.passphraseFile, context);
    return async () => passphrase;
  }
  if (place.kind !== 'file') return async () => undefined;
  return async () => {
    if (context.stdin.isTTY !== true) return undefined;
    const { prompt } = await import('./passphrase.ts');
    return prompt('passphrase of the file', context);
  };
}

function finish(
  inspection: Inspection,
  stored: StoredFacts | undefined,
  look: Look,
  output: Output,
): ExitCode {
  const problems = [...inspection.problems, ...closedProblems(inspection.found)];
  return report({ ...inspection, problems }, { stored, skipped: undefined }, look, output);
}

async function readStream(stream: InputStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk as Uint8Array);
    chunks.push(bytes);
    total += bytes.length;
    refuseLarge(total, 'standard input');
  }
  return Buffer.concat(chunks, total);
}
