import { relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { caFolder } from './ca-input.ts';
import type { Context } from './context.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import { addOutputOptions, collect, oneOf, type Run } from './options.ts';
import { Output, type OutputFlags } from './output.ts';
import { caPassphrase } from './passphrase.ts';
import { printable } from './printable.ts';

interface AdoptFlags extends OutputFlags {
  ca?: string;
  from?: (typeof programs)[number];
  cert?: string;
  key?: string;
  certs?: string[];
  intermediates?: string[];
  trust?: string[];
  passphraseFile?: string;
}

const programs = ['openssl', 'easy-rsa', 'step'] as const;

const help = `
DIR is only read. Its key is copied as it is, encrypted or not. Certificates that stand there and bear the CA's signature are taken on
record, revocations with their reasons (index.txt, crl.pem), and CRL numbers go on. The database of step-ca (badger) cannot be read:
name folders of its certificates with --certs.

Examples:
  certwright ca adopt ./demoCA --ca ./ca
  certwright ca adopt /etc/openvpn/easy-rsa --ca ./vpn-ca --passphrase-file pass.txt
  certwright ca adopt ~/.step --ca ./ca --certs ./issued-by-step`;

export function registerAdopt(command: Command, context: Context, run: Run): void {
  command
    .description('take over a CA of openssl, easy-rsa or step')
    .helpOption('-h, --help', 'show help')
    .argument('<dir>', 'folder of that CA')
    .option('--ca <dir>', 'folder to make (CERTWRIGHT_CA; default ./ca)')
    .option(
      '--from <program>',
      `${programs.join(', ')} (default: what DIR looks like)`,
      oneOf('--from', programs),
    )
    .option('--cert <file>', "the CA's certificate, where it is not at its usual place")
    .option('--key <file>', 'its key, likewise')
    .option('--certs <dir>', 'one more folder of certificates that it has issued', collect)
    .option('--intermediates <file>', 'certificates between it and the root', collect)
    .option('--trust <file>', 'the root', collect)
    .option('--passphrase-file <file>', 'file whose first line opens the key (CERTWRIGHT_CA_PASSPHRASE)');
  addOutputOptions(command).addHelpText('after', help);
  command.action(run((dir: string, flags: AdoptFlags) => adopt(dir, flags, context)));
}

async function adopt(dir: string, flags: AdoptFlags, context: Context): Promise<ExitCode> {
  const output = new Output(context, flags);
  const folder = caFolder(flags, context);
  const absolute = (path: string): string => resolve(context.cwd, path);
  const { adoptCa } = await import('../pki/lifecycle/ca-adopt.ts');
  const order = {
    source: absolute(dir),
    folder,
    kind: flags.from,
    certificate: flags.cert === undefined ? undefined : absolute(flags.cert),
    key: flags.key === undefined ? undefined : absolute(flags.key),
    issued: (flags.certs ?? []).map(absolute),
    intermediates: (flags.intermediates ?? []).map(absolute),
    trust: (flags.trust ?? []).map(absolute),
  };
  const ask = (): Promise<Buffer> => caPassphrase(flags.passphraseFile, context);
  const adopted = await output.progress('taking over', adoptCa(order, ask, context.now()));
  const { kind, name, issued, revoked, missing, crlNumber } = adopted;
  output.result({ schema: 'certwright.ca-adopt/1', folder, source: order.source, ...adopted }, [
    `${output.paint.green('adopted')}  ${printable(name)} from ${kind}, in ${printable(relative(context.cwd, folder))}`,
    `  ${issued} certificates on record, ${revoked} revoked, CRL ${crlNumber} signed`,
    '',
    `next: certwright ca doctor ${printable(relative(context.cwd, folder))}; issue nothing with ${kind} any more`,
  ]);
  if (missing.length > 0) {
    const some = `${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', …' : ''}`;
    output.warn(
      `${missing.length} certificates of the index are nowhere in its folders, and not on record: ${some}`,
    );
  }
  if (kind === 'step') {
    output.warn(
      'the database of step-ca (badger) cannot be read: what it has issued is not on record but for --certs, and what it has revoked must be revoked again',
    );
  }
  return exit.done;
}
