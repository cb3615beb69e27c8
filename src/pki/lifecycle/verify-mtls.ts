import { probe, type Connection, type ProbeOrder, type ServerFacts, type TlsPair } from '../tls/probe.ts';
import type { Application } from '../tls/prove.ts';
import { refusalCauses, type Cause } from '../tls/refusal-causes.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import type { SubjectAlternativeName } from '../x509/subject-alternative-name.ts';
import { validateChain } from '../x509/validation/chain.ts';
import type { Finding } from '../x509/validation/verdict.ts';
import { check, findingsOf, type Check } from './mtls-check.ts';
import type { NegativeProbe } from '../probe-names.ts';
import { tryStrangers } from './negative-probes.ts';
import { answerOf, otherCauses, see, unexpectedStatus } from './outcome-evidence.ts';
import type { Pair } from './pair.ts';
import type { ProbeAuthority } from './probe-authority.ts';
import { judgeServer, type ServerJudgement } from './judge-server.ts';

export interface LiveOrder extends Omit<ProbeOrder, 'pair' | 'application'> {
  application: Application;
  pair: Pair;
  /** What the server's chain is judged against. */
  anchors: readonly Certificate[];
  crls: readonly Crl[];
  /** Name that the server's certificate must hold. */
  name: SubjectAlternativeName;
  /** Whether a client without a certificate must be refused. */
  clientAuth: 'required' | 'optional';
  /** HTTP statuses that count as acceptance; without any, all but those that servers refuse certificates with. */
  expectHttp: readonly number[];
  /** What must be refused, in this order. */
  probes: readonly NegativeProbe[];
  /** Signs those that only the CA can sign that the server trusts. */
  ca: ProbeAuthority | undefined;
  /** Whether to come with the good pair once more at the end: who is shut out for failing proves nothing. */
  again: boolean;
  now: () => Date;
}

export interface LiveReport {
  /** Address that was connected to. */
  address: string | undefined;
  server: ServerFacts | undefined;
  judgement: ServerJudgement | undefined;
  checks: Check[];
  /** The good pair was let in, before and after, and something was refused as it must be. */
  proven: boolean;
}

/**
 * Proves mutual TLS with a server that runs: its chain and name, that it lets the pair in, and that it lets nobody else in.
 * Whatever the server does is a row; it throws only what `probe` throws.
 */
export async function verifyMtls(order: LiveOrder, signal: AbortSignal): Promise<LiveReport> {
  const { pair } = order;
  const own = { chain: pair.chain.map(({ der }) => der), key: pair.key };
  const first = await probe({ ...order, pair: own }, signal);
  const { server, address } = first;
  if (first.outcome.kind === 'unreachable') {
    return {
      address,
      server,
      judgement: undefined,
      checks: [pairCheck('pair', first, order)],
      proven: false,
    };
  }
  const judgement = server && server.chain.length > 0 ? judgeServer(server, order, order.now()) : undefined;
  // Whoever has not proven to be the server may still show what is wrong with it.
  const serverChecks = (judgement?.checks ?? []).filter(({ ok }) => first.proven || !ok);
  const baseline = pairCheck('pair', first, order);
  const strangers = await tryStrangers(order, baseline.seen === 'accepted', signal);
  const again = order.again && baseline.ok ? [await comeAgain(order, own, signal)] : [];
  const proven =
    [baseline, ...again].every(({ ok }) => ok) && strangers.some(({ ok, seen }) => ok && seen === 'refused');
  return {
    address,
    server,
    judgement,
    checks: [...serverChecks, baseline, ...strangers, ...again],
    proven,
  };
}

async function comeAgain(order: LiveOrder, pair: TlsPair, signal: AbortSignal): Promise<Check> {
  return pairCheck('pair-again', await probe({ ...order, pair }, signal), order);
}

function pairCheck(name: 'pair' | 'pair-again', connection: Connection, order: LiveOrder): Check {
  const row = { direction: 'client-to-server', probe: name, expected: 'accepted' } as const;
  const { seen, evidence } = see(connection, order.expectHttp);
  if (seen === 'accepted' && connection.server?.request === undefined) {
    return check(row, 'not-asked', `${evidence}, but the server asks for no certificate`, [
      {
        certainty: 'found',
        message: 'the server never asked for a certificate, so none was shown',
        fix: 'make it ask: ssl_verify_client on (nginx), verify required (haproxy), requestCert (Node.js)',
      },
    ]);
  }
  const revoked = seen === 'accepted' ? judgePair(order).find(({ rule }) => rule === 'revoked') : undefined;
  if (revoked) {
    return check({ ...row, expected: 'refused' }, seen, evidence, [
      {
        certainty: 'found',
        message: `${revoked.message}; it is let in all the same`,
        fix: 'give the server the newest CRL and reload it ("certwright trust", where a hook is declared)',
      },
    ]);
  }
  return check(
    row,
    seen,
    evidence,
    seen === 'refused' ? causesOf(connection, order) : otherCauses(connection.outcome),
  );
}

/** Why it refused, by what our own validator finds in the pair. */
function causesOf({ outcome, server }: Connection, order: LiveOrder): Cause[] {
  const unexpected = unexpectedStatus(outcome, order.expectHttp);
  if (unexpected) return [unexpected];
  return refusalCauses({
    alert: outcome.kind === 'refused' && outcome.by === 'alert' ? outcome.alert.number : undefined,
    chain: order.pair.chain,
    findings: judgePair(order),
    request: server?.request,
    now: order.now(),
    serverTime: answerOf(outcome)?.date,
  });
}

/** What our own validator finds wrong with the pair as a client's, against the roots and CRLs at hand. */
function judgePair({ pair, anchors, crls, now }: LiveOrder): readonly Finding[] {
  const [leaf, ...intermediates] = pair.chain;
  const verdict = validateChain({
    leaf,
    intermediates,
    anchors: [...pair.anchors, ...anchors],
    crls: [...crls, ...pair.crls],
    time: now(),
    usage: 'client',
  });
  return findingsOf(verdict);
}
