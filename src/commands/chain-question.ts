import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { PkiError } from '../pki/errors.ts';
import {
  readAnchorFiles,
  readCertificateFiles,
  readCrlFiles,
  systemRootsFile,
} from '../pki/lifecycle/trust.ts';
import { parseTime } from '../pki/x509/duration.ts';
import { parseName } from '../pki/x509/subject-alternative-name.ts';
import type { ChainInput } from '../pki/x509/validation/chain-input.ts';
import { namedPurposes, type Purpose } from '../pki/x509/validation/key-purpose.ts';
import { strengths } from '../pki/x509/validation/strength.ts';
import type { Context } from './context.ts';
import { nonEmpty, oneOf } from './options.ts';
import type { TrustFlags } from './trust-options.ts';

/** Everything that `validateChain` is asked but for the chain itself; without `--trust`, against the system's roots. */
export type ChainQuestion = Omit<ChainInput, 'leaf'>;

/** @throws PkiError for a flag that makes no sense and for a file that cannot be read or holds nothing */
export async function chainQuestion(flags: TrustFlags, context: Context): Promise<ChainQuestion> {
  const absolute = (path: string): string => resolve(context.cwd, path);
  const time = flags.at === undefined ? context.now() : parseTime(flags.at, '--at');
  const parsed = {
    time,
    usage: parsePurpose(flags.usage ?? 'any'),
    names: (flags.name ?? []).map(parseName),
    policies: (flags.policy ?? []).map((id) => parseOid('--policy', id)),
    requireExplicitPolicy: flags.requireExplicitPolicy ?? false,
    inhibitAnyPolicy: flags.inhibitAnyPolicy ?? false,
    inhibitPolicyMapping: flags.inhibitPolicyMapping ?? false,
    requireCrl: flags.requireCrl ?? false,
    strength: oneOf('--strength', strengths)(flags.strength ?? 'default'),
    ...(flags.partialChain === undefined ? {} : { partialChain: flags.partialChain }),
    ...(flags.maxDepth === undefined ? {} : { maxDepth: parseDepth(flags.maxDepth) }),
  };
  const anchors = (flags.trust ?? ['system']).map((reference) =>
    reference === 'system' ? systemRootsFile(nonEmpty(context.env['SSL_CERT_FILE']), existsSync) : reference,
  );
  return {
    ...parsed,
    anchors: await readAnchorFiles(anchors.map(absolute), '--trust'),
    intermediates: await readCertificateFiles((flags.intermediates ?? []).map(absolute), '--intermediates'),
    crls: await readCrlFiles((flags.crl ?? []).map(absolute), '--crl'),
  };
}

function parsePurpose(text: string): Purpose {
  const named = namedPurposes.find((purpose) => purpose === text);
  if (named !== undefined) return named;
  if (!isOid(text)) {
    throw new PkiError('usage', `--usage ${JSON.stringify(text)} is not known`, {
      hint: `one of: ${namedPurposes.join(', ')}, or the OID of a key purpose`,
    });
  }
  return text;
}

const isOid = (text: string): text is `${number}.${string}` =>
  /^[0-2](\.(0|[1-9]\d{0,38})){1,40}$/.test(text);

function parseOid(flag: string, text: string): string {
  if (isOid(text)) return text;
  throw new PkiError('usage', `${flag} ${JSON.stringify(text)} is not an OID`, {
    hint: 'write it in numbers: 2.23.140.1.2.1',
  });
}

function parseDepth(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new PkiError('usage', `--max-depth ${JSON.stringify(text)} is not a number of CAs`, {
    hint: 'a whole number from 0',
  });
}
