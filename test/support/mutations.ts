import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { PkiError } from '../../src/pki/errors.ts';
import { encodeExtension } from '../../src/pki/x509/certificate-builder.ts';
import { readCertificate, type Certificate } from '../../src/pki/x509/certificate.ts';
import * as write from '../../src/pki/x509/der-writer.ts';
import { certificatePem } from '../../src/pki/x509/pem-writer.ts';
import { signed } from '../../src/pki/x509/signing.ts';
import { validateChain } from '../../src/pki/x509/validation/chain.ts';
import { authority, days, issue, noon, type Entity } from './chains.ts';

const root = authority('root');
const upper = authority('upper', root);
const lower = authority('lower', upper, { basicConstraints: { ca: true, pathLength: 0 } });
const leaf = issue('orders.internal', lower);
/** Leaf first; the one before it signed each. */
const good: readonly Entity[] = [leaf, lower, upper, root];

/** One thing done to a good chain. `at` says to which certificate, the others where and how. */
export type Mutation =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'order'; order: readonly number[] }
  | { kind: 'clock'; time: Date }
  | { kind: 'times'; at: number; from: number; to: number }
  | { kind: 'drop' | 'repeat' | 'criticality'; at: number; extension: number }
  | { kind: 'value'; at: number; extension: number; byte: number; value: number }
  | { kind: 'issuer'; at: number; name: number };

const place = fc.nat({ max: 3 });
const anyExtension = { at: place, extension: fc.nat({ max: 5 }) };

export const mutations: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat({ max: 8 * 500 }) }),
  fc.record({ kind: fc.constant('order' as const), order: fc.array(place, { minLength: 1, maxLength: 5 }) }),
  fc.record({ kind: fc.constant('clock' as const), time: fc.integer({ min: -40, max: 40 }).map(days) }),
  fc.record({
    kind: fc.constant('times' as const),
    at: place,
    from: fc.integer({ min: -40, max: 10 }),
    to: fc.integer({ min: -10, max: 40 }),
  }),
  fc.record({
    kind: fc.constantFrom('drop' as const, 'repeat' as const, 'criticality' as const),
    ...anyExtension,
  }),
  fc.record({
    kind: fc.constant('value' as const),
    ...anyExtension,
    byte: fc.nat({ max: 40 }),
    value: fc.nat({ max: 255 }),
  }),
  fc.record({ kind: fc.constant('issuer' as const), at: place, name: place }),
);

interface Chain {
  /** Leaf, intermediates, and the anchor last. */
  ders: Buffer[];
  time: Date;
}

/** The chain after the mutation; all but `flip` sign anew, so that the signature does not give it away. */
export function mutate(mutation: Mutation): Chain {
  const ders = good.map(({ certificate }) => certificate.der);
  switch (mutation.kind) {
    case 'clock':
      return { ders, time: mutation.time };
    case 'order':
      return { ders: [...mutation.order.map((at) => ders[at]!), ders[3]!], time: noon };
    case 'flip': {
      const changed = Buffer.from(ders[mutation.at]!);
      const bit = mutation.bit % (8 * changed.length);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      return { ders: ders.with(mutation.at, changed), time: noon };
    }
    default: {
      const { at } = mutation;
      const changed = resign(change(good[at]!.certificate, mutation), good[Math.min(at + 1, 3)]!);
      return { ders: ders.with(at, changed), time: noon };
    }
  }
}

function change(certificate: Certificate, mutation: Mutation): Certificate {
  const { extensions } = certificate;
  switch (mutation.kind) {
    case 'times':
      return { ...certificate, notBefore: days(mutation.from), notAfter: days(mutation.to) };
    case 'issuer':
      return { ...certificate, issuer: good[mutation.name]!.certificate.subject };
    case 'drop':
      return { ...certificate, extensions: extensions.filter((_, at) => at !== mutation.extension) };
    case 'repeat':
      return {
        ...certificate,
        extensions: [...extensions, ...extensions.slice(mutation.extension).slice(0, 1)],
      };
    case 'criticality':
      return {
        ...certificate,
        extensions: extensions.map((one, at) =>
          at === mutation.extension ? { ...one, critical: !one.critical } : one,
        ),
      };
    case 'value':
      return {
        ...certificate,
        extensions: extensions.map((one, at) => {
          if (at !== mutation.extension) return one;
          const value = Buffer.from(one.value);
          value[mutation.byte % value.length] = mutation.value;
          return { ...one, value };
        }),
      };
    default:
      return certificate;
  }
}

/** The certificate as it now stands, signed by somebody. */
export const resign = (certificate: Certificate, { key }: Entity): Buffer =>
  signed(key, (algorithm) =>
    write.sequence(
      write.explicit(0, write.integer(2)),
      write.integer(certificate.serial),
      algorithm,
      certificate.issuer,
      write.sequence(write.time(certificate.notBefore), write.time(certificate.notAfter)),
      certificate.subject,
      certificate.publicKey,
      write.explicit(
        3,
        write.sequence(
          ...certificate.extensions.map(({ id, value, critical }) => encodeExtension(id, value, critical)),
        ),
      ),
    ),
  );

/** Why we refuse, rule by rule, or that what we accept has a warning; nothing where we accept without one. */
export interface Ours {
  valid: boolean;
  reasons: string[];
}

export function ours({ ders, time }: Chain): Ours {
  try {
    const [target, ...others] = ders.map(readCertificate);
    const anchor = others.pop();
    const verdict = validateChain({
      leaf: target!,
      intermediates: others,
      anchors: [anchor!],
      time,
      usage: 'server',
      strength: 'any',
      partialChain: false,
    });
    const findings = verdict.candidates[0]?.findings ?? [];
    const notes = verdict.valid ? verdict.warnings : findings;
    return { valid: verdict.valid, reasons: notes.map(({ rule }) => rule) };
  } catch (error) {
    if (error instanceof PkiError) return { valid: false, reasons: ['unreadable'] };
    throw error;
  }
}

const run = promisify(execFile);

/** OpenSSL's verdict, and the numbers of its errors. */
export interface Theirs {
  valid: boolean;
  errors: number[];
}

export async function openssl({ ders, time }: Chain, folder: string): Promise<Theirs> {
  const [target, ...others] = ders.map(certificatePem);
  const files = { leaf: target!, others: others.slice(0, -1).join(''), anchor: others.at(-1)! };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const args = [
    ...[
      'verify',
      '-attime',
      String(time.getTime() / 1000),
      '-purpose',
      'sslserver',
      '-no-CApath',
      '-no-CAstore',
    ],
    ...['-trusted', join(folder, 'anchor')],
    ...(others.length > 1 ? ['-untrusted', join(folder, 'others')] : []),
    join(folder, 'leaf'),
  ];
  try {
    await run('openssl', args);
    return { valid: true, errors: [] };
  } catch (error) {
    const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    return { valid: false, errors: [...text.matchAll(/error (\d+) at/g)].map((match) => Number(match[1])) };
  }
}

/** Where we refuse and OpenSSL does not: the rule that we go by. Anything else is a bug in one of us. */
const stricter: Readonly<Record<string, string>> = {
  unreadable:
    'certificates are DER (RFC 5280 4.1); OpenSSL reads BER and looks no closer at what it does not need',
  'malformed-extension': 'an extension that is recognised must be processed (RFC 5280 4.2)',
  'algorithm-mismatch': 'both places name the same signature algorithm, in an anchor too (RFC 5280 4.1.1.2)',
  'unknown-critical': 'key identifiers must not be critical (RFC 5280 4.2.1.1, 4.2.1.2)',
};

/** Where we accept and OpenSSL does not. */
const laxer: Readonly<Record<string, string>> = {
  'key-identifier': 'key identifiers guide the search and decide nothing (RFC 5280 6.1)',
};

const lastSecond = 'notAfter itself belongs to the validity period (RFC 5280 4.1.2.5)';

/** X509_V_ERR_CERT_HAS_EXPIRED */
const expired = 10;

/** The rule that explains two verdicts; `undefined` where nothing does. */
export function explain(chain: Chain, mine: Ours, theirs: Theirs): string | undefined {
  if (mine.valid === theirs.valid) return 'agreed';
  const endsNow = (der: Buffer): boolean => readCertificate(der).notAfter.getTime() === chain.time.getTime();
  if (mine.valid && theirs.errors.includes(expired) && chain.ders.some(endsNow)) return lastSecond;
  return mine.reasons
    .map((reason) => (mine.valid ? laxer : stricter)[reason])
    .find((rule) => rule !== undefined);
}

/** Every rule that may explain a difference. */
export const rules: readonly string[] = [...Object.values(stricter), ...Object.values(laxer), lastSecond];

/** Judges this many mutations; returns how many were explained how, and those that were not. */
export async function compare(
  count: number,
  seed: number,
  folder: string,
): Promise<{ tally: Map<string, number>; unexplained: string[] }> {
  const tally = new Map<string, number>();
  const unexplained: string[] = [];
  const waiting = fc.sample(mutations, { numRuns: count, seed });
  const worker = async (own: string): Promise<void> => {
    mkdirSync(own);
    for (let mutation = waiting.pop(); mutation; mutation = waiting.pop()) {
      const chain = mutate(mutation);
      const mine = ours(chain);
      const theirs = await openssl(chain, own);
      const rule = explain(chain, mine, theirs);
      if (rule === undefined) unexplained.push(JSON.stringify({ mutation, mine, theirs }));
      else tally.set(rule, (tally.get(rule) ?? 0) + 1);
    }
  };
  await Promise.all(['1', '2', '3', '4'].map((name) => worker(join(folder, name))));
  return { tally, unexplained };
}
