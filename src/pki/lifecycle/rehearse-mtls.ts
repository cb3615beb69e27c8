import { PkiError } from '../errors.ts';
import { rehearse, type OpenSslVerdict } from '../tls/rehearsal.ts';
import { tlsVersions } from '../tls/probe.ts';
import type { Cause } from '../tls/refusal-causes.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import { nameText, type SubjectAlternativeName } from '../x509/subject-alternative-name.ts';
import { validateChain } from '../x509/validation/chain.ts';
import type { ChainInput } from '../x509/validation/chain-input.ts';
import { displayName, type Verdict } from '../x509/validation/verdict.ts';
import { causeOf, check, findingsOf, pathText, type Check, type Direction } from './mtls-check.ts';
import type { Pair } from './pair.ts';

export interface RehearsalOrder {
  server: Pair;
  client: Pair;
  /** What each side goes by; `undefined` for the ca.pem beside its own pair. */
  serverTrust: readonly Certificate[] | undefined;
  clientTrust: readonly Certificate[] | undefined;
  /** `undefined` for those that the store keeps for that ca.pem. */
  crls: readonly Crl[] | undefined;
  /** Name that the server's certificate must hold. */
  name: SubjectAlternativeName | undefined;
  now: Date;
}

/** One direction: our verdict and what OpenSSL makes of the same. */
export interface Judgement {
  direction: Direction;
  input: ChainInput;
  verdict: Verdict;
  /** Where the two do not agree, in a sentence. */
  difference: string | undefined;
}

export interface RehearsalReport {
  checks: Check[];
  judgements: Judgement[];
}

/**
 * Lets two pairs meet without a network, in TLS 1.2 and 1.3, each direction judged apart by OpenSSL and by this program.
 * @throws PkiError `bad-input` where a side trusts nobody, or OpenSSL cannot use what it has
 */
export async function rehearseMtls(order: RehearsalOrder): Promise<RehearsalReport> {
  const report: RehearsalReport = { checks: [], judgements: [] };
  for (const judged of ['server', 'client'] as const) {
    const { checks, ...judgement } = await judge(order, judged);
    report.checks.push(...checks);
    report.judgements.push(judgement);
  }
  return report;
}

async function judge(
  order: RehearsalOrder,
  judged: 'server' | 'client',
): Promise<Judgement & { checks: Check[] }> {
  const { server, client, name, now } = order;
  const { anchors, crls } = trustOf(order, judged === 'server' ? 'client' : 'server');
  const direction = judged === 'server' ? 'server-to-client' : 'client-to-server';
  const [leaf, ...intermediates] = order[judged].chain;
  const names = judged === 'server' && name ? [name] : [];
  const input: ChainInput = { leaf, intermediates, anchors, crls, time: now, usage: judged, names };
  const verdict = validateChain(input);
  const rehearsal = {
    judged,
    server: tlsPair(server),
    client: tlsPair(client),
    trust: { anchors: anchors.map(({ der }) => der), crls: crls.map(({ der }) => der) },
    name:
      judged === 'server' && name && (name.kind === 'dns' || name.kind === 'ip') ? nameText(name) : undefined,
  };
  const seen = new Map<string, OpenSslVerdict>();
  for (const version of tlsVersions) seen.set(version, await rehearse({ ...rehearsal, version }));
  return {
    direction,
    input,
    verdict,
    difference: differenceOf(verdict, [...seen.values()]),
    checks: [
      ownCheck(direction, verdict, order[judged].chain),
      ...[...seen].map(([version, one]) => opensslCheck(direction, version as '1.2' | '1.3', one, verdict)),
    ],
  };
}

const tlsPair = ({ chain, key }: Pair): { chain: Buffer[]; key: Pair['key'] } => ({
  chain: chain.map(({ der }) => der),
  key,
});

function trustOf(
  order: RehearsalOrder,
  judge: 'server' | 'client',
): { anchors: readonly Certificate[]; crls: readonly Crl[] } {
  const given = judge === 'server' ? order.serverTrust : order.clientTrust;
  const anchors = given ?? order[judge].anchors;
  if (anchors.length === 0) {
    throw new PkiError(
      'bad-input',
      `the ${judge} trusts nobody: there is no ca.pem beside ${order[judge].source}`,
      {
        hint: `say what it trusts: --${judge}-trust FILE, or --trust FILE for both`,
      },
    );
  }
  return { anchors, crls: order.crls ?? (given ? [] : order[judge].crls) };
}

function ownCheck(direction: Direction, verdict: Verdict, chain: Pair['chain']): Check {
  const findings = findingsOf(verdict);
  const evidence = verdict.valid ? pathText(verdict.path ?? []) : (findings[0]?.rule ?? 'no path');
  const seen = verdict.valid ? 'accepted' : 'refused';
  const row = { direction, probe: 'rfc-5280', expected: 'accepted' } as const;
  return check(
    row,
    seen,
    verdict.valid ? evidence : `${displayName(chain[0])}: ${evidence}`,
    findings.map(causeOf),
  );
}

function opensslCheck(
  direction: Direction,
  version: '1.2' | '1.3',
  one: OpenSslVerdict,
  verdict: Verdict,
): Check {
  const row = { direction, probe: `openssl-tls-${version}`, expected: 'accepted' } as const;
  switch (one.kind) {
    case 'accepted':
      return check(row, 'accepted', one.cipher, []);
    case 'refused':
      return check(row, 'refused', one.code, opensslCauses(one.code, verdict));
    case 'broken':
      return check(row, 'no-tls', one.message, [
        {
          certainty: 'possible',
          message: `no TLS ${version} between these two: ${one.message}`,
          fix: 'compare the kinds of their keys with what both sides support',
        },
      ]);
  }
}

/** OpenSSL's reasons where this program has none of its own. */
const reasons: Readonly<Record<string, readonly [message: string, fix: string]>> = {
  UNABLE_TO_GET_CRL: [
    'once one CRL is given, OpenSSL wants one of every CA in the chain',
    'add the CRLs of all of them to the file',
  ],
  CRL_HAS_EXPIRED: ['a CRL is out of date', 'publish it anew'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['the certificate does not hold the name', 'issue it again with that name'],
};

function opensslCauses(code: string, verdict: Verdict): Cause[] {
  const own = findingsOf(verdict).map(causeOf);
  if (own.length > 0) return own;
  const warning = verdict.warnings.find(({ rule }) =>
    code === 'UNABLE_TO_GET_CRL' ? rule === 'no-crl' : rule === 'key-identifier',
  );
  const [message, fix] = reasons[code] ?? [
    `OpenSSL refuses with ${code}`,
    'services on OpenSSL will do the same: have the certificate issued again',
  ];
  return [{ certainty: 'found', message: warning ? `${message}: ${warning.message}` : message, fix }];
}

function differenceOf(verdict: Verdict, openssl: readonly OpenSslVerdict[]): string | undefined {
  const refused = openssl.find((one) => one.kind === 'refused');
  const accepted = openssl.some((one) => one.kind === 'accepted');
  const [finding] = findingsOf(verdict);
  if (verdict.valid && refused) {
    return `OpenSSL refuses with ${refused.code} what holds by RFC 5280`;
  }
  if (!verdict.valid && accepted && finding) {
    return `OpenSSL accepts what does not hold by ${finding.section}: ${finding.message}`;
  }
  return undefined;
}
