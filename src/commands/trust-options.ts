import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { collect } from './options.ts';

/** Flags that say against what a chain is judged, and what is asked of it. */
export interface TrustFlags {
  trust?: string[];
  intermediates?: string[];
  crl?: string[];
  requireCrl?: boolean;
  at?: string;
  usage?: string;
  name?: string[];
  policy?: string[];
  requireExplicitPolicy?: boolean;
  inhibitAnyPolicy?: boolean;
  inhibitPolicyMapping?: boolean;
  partialChain?: boolean;
  maxDepth?: string;
  strength?: string;
}

export function addTrustOptions(command: Command): Command {
  return command
    .option('--trust <file>', 'judge the chain against these anchors; "system" for the system\'s', collect)
    .option('--intermediates <file>', 'CA certificates that may stand between', collect)
    .option('--crl <file>', 'CRLs, each of which must be usable', collect)
    .option('--require-crl', 'every certificate but the anchor must be on the watch of a CRL')
    .option('--at <time>', 'judge for this time instead of now: 2027-01-31T12:00:00Z')
    .option('--usage <usage>', 'server, client, any, code-signing, timestamping or an OID (default any)')
    .option('--name <name>', 'a name that the certificate must hold', collect)
    .option('--policy <oid>', 'a certificate policy that is acceptable', collect)
    .option('--require-explicit-policy', 'the whole path must be valid for such a policy')
    .option('--inhibit-any-policy', 'anyPolicy in a certificate does not count')
    .option('--inhibit-policy-mapping', 'policies may not be mapped')
    .option('--partial-chain', 'an anchor need not be a root')
    .option('--max-depth <number>', 'CAs that may stand between the certificate and the anchor')
    .option('--strength <strength>', 'default refuses weak keys and digests, any judges the path alone');
}

const keys = [
  'intermediates',
  'crl',
  'requireCrl',
  'at',
  'usage',
  'name',
  'policy',
  'requireExplicitPolicy',
  'inhibitAnyPolicy',
  'inhibitPolicyMapping',
  'partialChain',
  'maxDepth',
  'strength',
] as const satisfies Exclude<keyof TrustFlags, 'trust'>[];

/** @throws PkiError where a flag asks something of a verdict that nobody asked for */
export function refuseWithoutTrust(flags: TrustFlags): void {
  const stray = keys.find((key) => flags[key] !== undefined);
  if (stray === undefined || flags.trust !== undefined) return;
  const flag = stray.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new PkiError('usage', `--${flag} goes with --trust`, { hint: 'add --trust FILE, or --trust system' });
}
