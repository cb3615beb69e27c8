import { resolve } from 'node:path';
import type { Command } from 'commander';
import { describeCa } from '../pki/lifecycle/ca.ts';
import type { NewPendingCa, WrittenRequest } from '../pki/lifecycle/foreign-root.ts';
import { fingerprint } from '../pki/x509/certificate.ts';
import { formatName } from '../pki/x509/distinguished-name.ts';
import { caFolder } from './ca-input.ts';
import { caDocument, caLines } from './ca-report.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import { addOutputOptions, collect, exclusive, type Run } from './options.ts';
import { Output, type OutputFlags } from './output.ts';
import { caPassphrase } from './passphrase.ts';
import { printable } from './printable.ts';

/*
 * An issuing CA under somebody else's root: `ca init --csr-out` makes its key and request, `ca install-cert` takes what
 * came back, `ca request` asks for another certificate of the same key.
 */

interface RequestFlags extends OutputFlags {
  ca?: string;
  csrOut: string;
  passphraseFile?: string;
}

interface InstallFlags extends OutputFlags {
  ca?: string;
  intermediates?: string[];
  trust?: string[];
  passphraseFile?: string;
}

const requestHelp = `
Writes the request of "ca init --csr-out" once more, or, where the CA has its certificate, one for the next: same key, same name.

Examples:
  certwright ca request --csr-out renew.csr
  certwright ca install-cert renewed.pem`;

const installHelp = `
FILE holds the certificate, and may hold those above it, in any order and format. The root may be among them; --trust names it
apart. It is refused where it belongs to no key of this CA, is no CA, may not sign certificates and CRLs, or where no chain
holds from it to a root; the message names the rule. A certificate for the key that signs already replaces the one it has.

Examples:
  certwright ca install-cert shop.pem --trust corp-root.pem
  certwright ca install-cert shop.pem --intermediates corp-policy.pem --trust corp-root.pem --ca ./shop-ca`;

export function registerRequest(command: Command, context: Context, run: Run): void {
  command
    .description("write a request for a CA's certificate, to be signed by somebody else's CA")
    .helpOption('-h, --help', 'show help')
    .requiredOption('--csr-out <file>', 'where to write it')
    .option('--ca <dir>', 'folder of the CA (CERTWRIGHT_CA; default ./ca)')
    .option(
      '--passphrase-file <file>',
      "file whose first line opens the CA's key (CERTWRIGHT_CA_PASSPHRASE)",
    );
  addOutputOptions(command).addHelpText('after', requestHelp);
  command.action(run((flags: RequestFlags) => request(flags, context)));
}

export function registerInstallCert(command: Command, context: Context, run: Run): void {
  command
    .description("install a CA's certificate that somebody else's CA has signed")
    .helpOption('-h, --help', 'show help')
    .argument('<file>', 'the certificate, and perhaps those above it')
    .option('--intermediates <file>', 'certificates between it and the root', collect)
    .option('--trust <file>', 'the root', collect)
    .option('--ca <dir>', 'folder of the CA (CERTWRIGHT_CA; default ./ca)')
    .option(
      '--passphrase-file <file>',
      "file whose first line opens the CA's key (CERTWRIGHT_CA_PASSPHRASE)",
    );
  addOutputOptions(command).addHelpText('after', installHelp);
  command.action(run((file: string, flags: InstallFlags) => install(file, flags, context)));
}

/** Flags of `ca init` that only a root of its own has a use for. */
export function refuseOwnRoot(flags: { csrOut?: string; lifetime?: string; offlineRoot?: string }): void {
  exclusive({ '--csr-out': flags.csrOut, '--lifetime': flags.lifetime });
  exclusive({ '--csr-out': flags.csrOut, '--offline-root': flags.offlineRoot });
}

export async function requestNewCa(
  folder: string,
  file: string,
  wanted: NewPendingCa,
  output: Output,
  context: Context,
): Promise<ExitCode> {
  const { requestCa } = await import('../pki/lifecycle/foreign-root.ts');
  const written = await output.progress('making the key', requestCa(folder, file, wanted, context.now()));
  report(written, output);
  return exit.done;
}

async function request(flags: RequestFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  const { writeRequest } = await import('../pki/lifecycle/foreign-root.ts');
  const ask = (): Promise<Buffer> => caPassphrase(flags.passphraseFile, context);
  report(await writeRequest(caFolder(flags, context), resolve(context.cwd, flags.csrOut), ask), output);
  return exit.done;
}

function report({ folder, file, publicKey }: WrittenRequest, output: Output): void {
  output.result({ schema: 'certwright.ca-request/1', folder, file, publicKey }, [
    `${output.paint.green('written')}  ${printable(file)}`,
    `  SHA-256 of its public key  ${publicKey}`,
    '',
    'next: have it signed as that of a CA (basic constraints cA, key usage keyCertSign and cRLSign), then',
    '      certwright ca install-cert FILE',
  ]);
}

async function install(file: string, flags: InstallFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  const folder = caFolder(flags, context);
  const absolute = (path: string): string => resolve(context.cwd, path);
  const { installCertificate } = await import('../pki/lifecycle/foreign-root.ts');
  const files = {
    certificate: absolute(file),
    intermediates: (flags.intermediates ?? []).map(absolute),
    trust: (flags.trust ?? []).map(absolute),
  };
  const ask = (): Promise<Buffer> => caPassphrase(flags.passphraseFile, context);
  const { isNew, path, otherRoot } = await installCertificate(folder, files, ask, context.now());
  const summary = describeCa(folder);
  const root = path.at(-1);
  output.result(caDocument(summary), [
    `${output.paint.green(isNew ? 'installed' : 'renewed')}  ${printable(formatName(path[0].subjectName))}`,
    ...path.slice(1).map((one) => `  under ${printable(formatName(one.subjectName))}`),
    `  root's SHA-256  ${root ? fingerprint(root.der) : ''}`,
    '',
    ...caLines(summary, context.now(), output.paint),
  ]);
  const purposes = summary.issuers.find(({ active }) => active)?.extendedKeyUsage ?? [];
  if (purposes.includes('any') && !['serverAuth', 'clientAuth'].every((one) => purposes.includes(one))) {
    output.warn(
      `OpenSSL takes nothing of a CA for what its extended key usage does not name, and this one names ${purposes.join(' and ')}`,
    );
  }
  if (otherRoot)
    output.warn('the root is another one than before: peers must trust it before they see a new certificate');
  return exit.done;
}
