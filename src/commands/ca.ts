import { createCa, defaultCaLifetime, defaultCaName, describeCa } from '../pki/lifecycle/ca.ts';
import { parseNameConstraints } from '../pki/x509/name-constraint-flags.ts';
import { registerCrl } from './ca-crl.ts';
import { registerCreate } from './ca-create.ts';
import { registerAdopt } from './ca-adopt.ts';
import { registerBackup, registerRestore } from './ca-backup.ts';
import { registerDoctor } from './ca-doctor.ts';
import { refuseOwnRoot, registerInstallCert, registerRequest, requestNewCa } from './ca-foreign-root.ts';
import { caFolder, checkCaName, checkUrls, crlLifetimeOf } from './ca-input.ts';
import { registerLog } from './ca-log.ts';
import { registerPasswd } from './ca-passwd.ts';
import { givenCaPassphrase, newPassphrase } from './passphrase.ts';
import { printable } from './printable.ts';
import { caDocument, caLines, trustLines } from './ca-report.ts';
import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { parseDuration } from '../pki/x509/duration.ts';
import { defaultCaKeyType, keyTypes, type KeyType } from '../pki/x509/key.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import { addOutputOptions, collect, exclusive, oneOf, type Run } from './options.ts';
import { Output, type OutputFlags } from './output.ts';

interface InitFlags extends OutputFlags {
  ca?: string;
  name?: string;
  keyType?: KeyType;
  lifetime?: string;
  permitDns?: string[];
  permitIp?: string[];
  permitEmail?: string[];
  permitUri?: string[];
  excludeDns?: string[];
  excludeIp?: string[];
  excludeEmail?: string[];
  excludeUri?: string[];
  passphraseFile?: string;
  askPassphrase?: boolean;
  offlineRoot?: string;
  crlUrl?: string[];
  ocspUrl?: string[];
  aiaUrl?: string[];
  csrOut?: string;
  crlLifetime?: string;
}

interface ShowFlags extends OutputFlags {
  ca?: string;
}

const help = `
Examples:
  certwright ca init --name "Shop"
  certwright ca init --ca ./prod-ca --permit-dns internal --permit-ip 10.0.0.0/8 --offline-root /media/usb/root-key.pem
  certwright ca init --name "Shop" --csr-out shop.csr     and, once it is signed: certwright ca install-cert shop.pem
  certwright ca create --on acm-pca --type root --name "Corp Root" --region eu-west-1
  certwright ca show
  certwright ca doctor`;

export function register(command: Command, context: Context, run: Run): void {
  command.addHelpText('after', help);
  const init = command
    .command('init')
    .description('make a root and an issuing CA in a new folder')
    .helpOption('-h, --help', 'show help')
    .option('--ca <dir>', 'folder to make (CERTWRIGHT_CA; default ./ca)')
    .option('--name <name>', 'what the CA is called: "NAME Root CA" and "NAME Issuing CA"')
    .option('--key-type <type>', `${keyTypes.join(', ')} (default ec-p256)`, oneOf('--key-type', keyTypes))
    .option('--lifetime <time>', 'of the root (default 10y); the issuing CA lives half as long');
  for (const kind of ['dns', 'ip', 'email', 'uri']) {
    init.option(`--permit-${kind} <base>`, `name constraint: only these ${kind} names`, collect);
    init.option(`--exclude-${kind} <base>`, `name constraint: never these ${kind} names`, collect);
  }
  init
    .option('--passphrase-file <file>', 'encrypt the keys with its first line (CERTWRIGHT_CA_PASSPHRASE)')
    .option('--ask-passphrase', 'encrypt the keys with a passphrase that is asked for')
    .option('--offline-root <file>', "write the root's key there; issuing goes on without it")
    .option('--csr-out <file>', "write a request for somebody else's CA there instead of making a root")
    .option('--crl-lifetime <time>', "life of the issuing CA's CRLs (default 30d)")
    .option('--crl-url <url>', 'default CRL distribution point of its certificates', collect)
    .option('--ocsp-url <url>', 'default OCSP responder of its certificates', collect)
    .option('--aia-url <url>', "default place of the issuer's certificate", collect);
  addOutputOptions(init).addHelpText('after', help);
  init.action(run((flags: InitFlags) => initCa(flags, context)));

  registerCreate(command.command('create'), context, run);
  registerDoctor(command.command('doctor'), context, run);
  registerAdopt(command.command('adopt'), context, run);
  registerBackup(command.command('backup'), context, run);
  registerRestore(command.command('restore'), context, run);
  registerLog(command.command('log'), context, run);
  registerRequest(command.command('request'), context, run);
  registerInstallCert(command.command('install-cert'), context, run);
  registerCrl(command.command('crl'), context, run);
  registerPasswd(command.command('passwd'), context, run);

  const show = command
    .command('show')
    .description('what a CA is, what it may sign, what it has issued, and how to trust it')
    .helpOption('-h, --help', 'show help')
    .option('--ca <dir>', 'folder of the CA (CERTWRIGHT_CA; default ./ca)');
  addOutputOptions(show).addHelpText('after', help);
  show.action(run((flags: ShowFlags) => showCa(flags, context)));
}

async function initCa(flags: InitFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  exclusive({ '--passphrase-file': flags.passphraseFile, '--ask-passphrase': flags.askPassphrase });
  const lifetime = flags.lifetime === undefined ? undefined : parseDuration(flags.lifetime, '--lifetime');
  const nameConstraints = parseNameConstraints({
    permitted: { dns: flags.permitDns, ip: flags.permitIp, email: flags.permitEmail, uri: flags.permitUri },
    excluded: {
      dns: flags.excludeDns,
      ip: flags.excludeIp,
      email: flags.excludeEmail,
      uri: flags.excludeUri,
    },
  });
  const folder = caFolder(flags, context);
  const wanted = {
    name: flags.name === undefined ? defaultCaName() : checkCaName(flags.name),
    keyType: flags.keyType ?? defaultCaKeyType,
    lifetime: lifetime ?? defaultCaLifetime,
    nameConstraints,
    defaults: {
      crlUrls: checkUrls('--crl-url', flags.crlUrl),
      ocspUrls: checkUrls('--ocsp-url', flags.ocspUrl),
      issuerUrls: checkUrls('--aia-url', flags.aiaUrl),
    },
    crlLifetime: crlLifetimeOf(flags.crlLifetime),
    offlineRoot: flags.offlineRoot === undefined ? undefined : resolve(context.cwd, flags.offlineRoot),
    passphrase:
      flags.askPassphrase === true
        ? await newPassphrase(context)
        : await givenCaPassphrase(flags.passphraseFile, context),
  };
  if (flags.csrOut !== undefined) {
    refuseOwnRoot(flags);
    return requestNewCa(folder, resolve(context.cwd, flags.csrOut), wanted, output, context);
  }
  await output.progress('making the CA', createCa(folder, wanted, context.now()));
  const summary = describeCa(folder);
  const where = printable(relative(context.cwd, folder) || '.');
  output.result(caDocument(summary), [
    `${output.paint.green('made')} a CA in ${where}`,
    ...caLines(summary, context.now(), output.paint),
    '',
    `next: certwright issue orders.internal${where === 'ca' ? '' : ` --ca ${where}`}`,
  ]);
  return exit.done;
}

async function showCa(flags: ShowFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  const summary = describeCa(caFolder(flags, context));
  output.result(caDocument(summary), [
    ...caLines(summary, context.now(), output.paint),
    '',
    ...trustLines(summary),
  ]);
  return exit.done;
}
