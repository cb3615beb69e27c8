import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { PkiError } from '../../src/pki/errors.ts';
import { readCertificate, type Certificate } from '../../src/pki/x509/certificate.ts';
import { readCrl, type Crl } from '../../src/pki/x509/crl.ts';
import { PemBlock, pemBlocks, PemText } from '../../src/pki/x509/pem.ts';
import { parseName } from '../../src/pki/x509/subject-alternative-name.ts';
import { validateChain } from '../../src/pki/x509/validation/chain.ts';
import type { Purpose } from '../../src/pki/x509/validation/key-purpose.ts';

/** Corpora whose cases are chains with an expected verdict. */
export const chainCorpora = ['limbo', 'bettertls', 'pkits', 'boringssl-pki', 'botan-x509'] as const;

export type Answer = 'accept' | 'reject';

/** A case as its index has it (see the corpora's own README). */
export interface VerifyCase {
  id: string;
  op: string;
  leaf: string;
  intermediates: string[];
  anchors: string[];
  crls?: string[];
  time?: string | null;
  purpose: string;
  name?: { kind: string; value: string };
  names?: { kind: string; value: string }[];
  max_depth?: number;
  policy?: { initial: string[]; inhibit_mapping: boolean; require_explicit: boolean; inhibit_any: boolean };
  require_revocation?: boolean;
  trust?: string;
  extra?: { digest_policy?: string[] };
  flags?: string[];
  expect: Answer;
  strength: 'hard' | 'split' | 'lone';
  peers?: Record<string, string>;
}

export interface CrlCase extends Omit<VerifyCase, 'expect'> {
  expect: 'good' | 'revoked' | 'unknown';
}

export interface Outcome {
  answer: Answer;
  /** Rules that spoke against the best path, or the code of an error. */
  why: string;
}

export function readIndex(folder: string): unknown[] {
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as { cases: unknown[] };
  return index.cases;
}

export const verifyCases = (folder: string): VerifyCase[] =>
  (readIndex(folder) as VerifyCase[]).filter((one) => one.op === 'verify' && isExpressible(one));

export const crlCases = (folder: string): CrlCase[] =>
  (readIndex(folder) as CrlCase[]).filter((one) => one.op === 'crl');

/** Some cases turn on a setting of the library that they were written for. */
function isExpressible({ anchors, purpose, trust, extra, flags }: VerifyCase): boolean {
  return (
    anchors.length > 0 &&
    ['server', 'client', 'any'].includes(purpose) &&
    (trust === undefined || trust.startsWith('TRUSTED_ANCHOR')) &&
    extra?.digest_policy === undefined &&
    flags?.includes('ignore_dates') !== true
  );
}

/** A file holds one DER object, or PEM blocks. */
function readObjects<T>(folder: string, files: readonly string[], read: (der: Buffer) => T): T[] {
  return files.flatMap((file) => {
    const bytes = readFileSync(join(folder, file));
    if (bytes[0] === 0x30) return [read(bytes)];
    return [...pemBlocks(new PemText(bytes))].map((block) => {
      if (block instanceof PemBlock) return read(block.decode());
      throw block;
    });
  });
}

export const readCertificates = (folder: string, files: readonly string[]): Certificate[] =>
  readObjects(folder, files, readCertificate);

export const readCrls = (folder: string, files: readonly string[]): Crl[] =>
  readObjects(folder, files, readCrl);

const policyOids = { anyPolicy: '2.5.29.32.0' } as Readonly<Record<string, string>>;
const policyOid = (name: string): string =>
  policyOids[name] ?? `2.16.840.1.101.3.2.1.48.${name.replace('NIST-test-policy-', '')}`;

/** The case as a command line, to be run in the corpus's folder. */
export function argumentsFor(one: VerifyCase): string[] {
  const each = (flag: string, values: readonly string[] = []): string[] =>
    values.flatMap((value) => [flag, value]);
  const when = (flag: string, condition = false): string[] => (condition ? [flag] : []);
  const { policy } = one;
  return [
    ...['inspect', one.leaf, '--file', '--json', '--strength', 'any', '--usage', one.purpose],
    ...each('--intermediates', one.intermediates),
    ...each('--trust', one.anchors),
    ...each('--crl', one.crls),
    ...each('--at', typeof one.time === 'string' ? [one.time] : []),
    ...each('--name', namesOf(one)),
    ...each('--max-depth', one.max_depth === undefined ? [] : [String(one.max_depth)]),
    ...when('--require-crl', requiresCrl(one)),
    ...each('--policy', policy?.initial.map(policyOid)),
    ...when('--require-explicit-policy', policy?.require_explicit),
    ...when('--inhibit-any-policy', policy?.inhibit_any),
    ...when('--inhibit-policy-mapping', policy?.inhibit_mapping),
  ];
}

const namesOf = ({ name, names = [] }: VerifyCase): string[] =>
  [...(name ? [name] : []), ...names].map(({ value }) => value);

const requiresCrl = (one: VerifyCase): boolean => one.require_revocation === true || one.policy !== undefined;

/** What `certwright inspect` would answer; input that cannot be read is a refusal too. */
export function judge(folder: string, one: VerifyCase): Outcome {
  try {
    return judgeReadable(folder, one);
  } catch (error) {
    if (error instanceof PkiError) return { answer: 'reject', why: `${error.code}: ${error.message}` };
    throw error;
  }
}

function judgeReadable(folder: string, one: VerifyCase): Outcome {
  const [leaf] = readCertificates(folder, [one.leaf]);
  if (!leaf) throw new TypeError(`${one.id} has no leaf`);
  const common = {
    leaf,
    intermediates: readCertificates(folder, one.intermediates),
    anchors: readCertificates(folder, one.anchors),
    crls: readCrls(folder, one.crls ?? []),
    time: typeof one.time === 'string' ? new Date(one.time) : new Date(),
    usage: one.purpose as Purpose,
    strength: 'any',
    requireCrl: requiresCrl(one),
    ...(one.max_depth === undefined ? {} : { maxDepth: one.max_depth }),
    ...(one.policy === undefined
      ? {}
      : {
          policies: one.policy.initial.map(policyOid),
          requireExplicitPolicy: one.policy.require_explicit,
          inhibitAnyPolicy: one.policy.inhibit_any,
          inhibitPolicyMapping: one.policy.inhibit_mapping,
        }),
  } as const;
  const verdict = validateChain({ ...common, names: namesOf(one).map(parseName) });
  if (verdict.valid) return { answer: 'accept', why: '' };
  const findings = verdict.candidates[0]?.findings ?? [];
  return { answer: 'reject', why: findings.map(({ rule, message }) => `${rule}: ${message}`).join('; ') };
}

export function judgeStatus(folder: string, one: CrlCase): CrlCase['expect'] {
  try {
    const [leaf] = readCertificates(folder, [one.leaf]);
    if (!leaf) throw new TypeError(`${one.id} has no leaf`);
    const verdict = validateChain({
      leaf,
      intermediates: readCertificates(folder, one.intermediates),
      anchors: readCertificates(folder, one.anchors),
      crls: readCrls(folder, one.crls ?? []),
      time: new Date(one.time ?? 0),
      strength: 'any',
      requireCrl: true,
    });
    // Whatever else is wrong with the chain is not the question.
    const rules = verdict.candidates.flatMap(({ findings }) => findings.map(({ rule }) => rule));
    if (rules.includes('revoked')) return 'revoked';
    const unknown = rules.some((rule) => rule === 'crl-missing' || rule === 'crl-unusable');
    return unknown || rules.includes('malformed-extension') ? 'unknown' : 'good';
  } catch (error) {
    if (error instanceof PkiError) return 'unknown';
    throw error;
  }
}

/** All 9,572 cases of bettertls, which share their certificates. */
export function bettertlsCases(
  folder: string,
): { id: string; suite: string; soft: boolean; expect: Answer; run: () => Answer }[] {
  interface Full {
    root: string;
    certs: string[];
    cases: {
      id: string;
      suite: string;
      leaf: number;
      intermediates: number[];
      name: { value: string };
      time: string;
      expect: Answer;
      soft?: boolean;
    }[];
  }
  const full = JSON.parse(gunzipSync(readFileSync(join(folder, 'full.json.gz'))).toString('utf8')) as Full;
  const anchors = [readCertificate(Buffer.from(full.root, 'base64'))];
  const certificates = full.certs.map((base64) => readCertificate(Buffer.from(base64, 'base64')));
  return full.cases.map((one) => ({
    id: one.id,
    suite: one.suite,
    soft: one.soft ?? false,
    expect: one.expect,
    run: () => {
      const verdict = validateChain({
        leaf: certificates[one.leaf]!,
        intermediates: one.intermediates.map((at) => certificates[at]!),
        anchors,
        time: new Date(one.time),
        usage: 'server',
        names: [parseName(one.name.value)],
        strength: 'any',
      });
      return verdict.valid ? 'accept' : 'reject';
    },
  }));
}
