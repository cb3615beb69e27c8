import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { certificatePem, encodePem } from '../../src/pki/x509/pem-writer.ts';
import { findTool } from '../support/tools.ts';
import { readCertificates, readCrls, type VerifyCase } from './verdict-cases.ts';

const run = promisify(execFile);

/** Another program's answer to the same case; `undefined` where it cannot be asked. */
export interface Peer {
  name: string;
  answer: (folder: string, one: VerifyCase, scratch: string) => Promise<'accept' | 'reject'>;
}

/** The peers that are installed. */
export const installedPeers = (): Peer[] =>
  [
    { name: 'openssl', tools: ['openssl'], answer: askOpenssl },
    // certtool cannot be told the time, so it is told another clock.
    { name: 'gnutls', tools: ['certtool', 'faketime'], answer: askCerttool },
  ].filter(({ tools }) => tools.every((tool) => findTool(tool) !== undefined));

async function askOpenssl(folder: string, one: VerifyCase, scratch: string): Promise<'accept' | 'reject'> {
  const files = writeCase(folder, one, scratch);
  if (!files) return 'reject';
  const seconds = Math.floor((typeof one.time === 'string' ? Date.parse(one.time) : Date.now()) / 1000);
  const revocation = one.require_revocation === true || one.policy !== undefined;
  const policy = one.policy;
  const args = [
    'verify',
    '-partial_chain',
    ...['-attime', String(seconds), '-trusted', files.anchors],
    // It refuses an empty file.
    ...(one.intermediates.length === 0 ? [] : ['-untrusted', files.intermediates]),
    ...(files.crls === undefined
      ? []
      : ['-CRLfile', files.crls, '-crl_check', '-extended_crl', '-use_deltas']),
    ...(revocation ? ['-crl_check_all'] : []),
    ...(one.purpose === 'any' ? [] : ['-purpose', one.purpose === 'server' ? 'sslserver' : 'sslclient']),
    ...(one.name ? [opensslName[one.name.kind] ?? '-verify_hostname', one.name.value] : []),
    ...(one.max_depth === undefined ? [] : ['-verify_depth', String(one.max_depth)]),
    ...(policy ? ['-policy_check', ...policy.initial.flatMap((id) => ['-policy', policyArgument(id)])] : []),
    ...(policy?.require_explicit === true ? ['-explicit_policy'] : []),
    ...(policy?.inhibit_any === true ? ['-inhibit_any'] : []),
    ...(policy?.inhibit_mapping === true ? ['-inhibit_map'] : []),
    files.leaf,
  ];
  return answerOf('openssl', args);
}

const opensslName: Readonly<Record<string, string>> = { IP: '-verify_ip', RFC822: '-verify_email' };

const policyArgument = (name: string): string =>
  name === 'anyPolicy' ? '2.5.29.32.0' : `2.16.840.1.101.3.2.1.48.${name.replace('NIST-test-policy-', '')}`;

/** certtool knows no policies and takes the chain in one file. */
async function askCerttool(folder: string, one: VerifyCase, scratch: string): Promise<'accept' | 'reject'> {
  const files = writeCase(folder, one, scratch);
  if (!files) return 'reject';
  const time = new Date(one.time ?? Date.now()).toISOString().slice(0, 19).replace('T', ' ');
  const args = [
    time,
    'certtool',
    '--verify',
    `--infile=${files.chain}`,
    `--load-ca-certificate=${files.anchors}`,
    ...(files.crls === undefined ? [] : [`--load-crl=${files.crls}`]),
    ...(one.name ? [`--verify-hostname=${one.name.value}`] : []),
    ...(one.purpose === 'any'
      ? []
      : [`--verify-purpose=1.3.6.1.5.5.7.3.${one.purpose === 'server' ? 1 : 2}`]),
  ];
  return answerOf('faketime', args, { TZ: 'UTC' });
}

async function answerOf(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<'accept' | 'reject'> {
  try {
    await run(program, args, { timeout: 60_000, env: { ...process.env, ...environment } });
    return 'accept';
  } catch {
    return 'reject';
  }
}

interface CaseFiles {
  leaf: string;
  intermediates: string;
  chain: string;
  anchors: string;
  crls: string | undefined;
}

/** The case as PEM files; what we cannot read, we cannot hand on, and both refuse it. */
function writeCase(folder: string, one: VerifyCase, scratch: string): CaseFiles | undefined {
  mkdirSync(scratch, { recursive: true });
  const write = (name: string, text: string): string => {
    const path = join(scratch, name);
    writeFileSync(path, text);
    return path;
  };
  try {
    const pem = (files: readonly string[]): string =>
      readCertificates(folder, files)
        .map(({ der }) => certificatePem(der))
        .join('');
    const leaf = pem([one.leaf]);
    const intermediates = pem(one.intermediates);
    const crls = readCrls(folder, one.crls ?? []).map(({ der }) => encodePem('X509 CRL', der));
    return {
      leaf: write('leaf.pem', leaf),
      intermediates: write('intermediates.pem', intermediates),
      chain: write('chain.pem', leaf + intermediates),
      anchors: write('anchors.pem', pem(one.anchors)),
      crls: crls.length === 0 ? undefined : write('crls.pem', crls.join('')),
    };
  } catch {
    return undefined;
  }
}
