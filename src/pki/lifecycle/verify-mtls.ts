import { probe, type Connection, type ProbeOrder, type ServerFacts } from '../tls/probe.ts';
import type { Application } from '../tls/prove.ts';
import { refusalCauses, type Cause } from '../tls/refusal-causes.ts';
import { strangerLike } from '../tls/stranger.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import type { SubjectAlternativeName } from '../x509/subject-alternative-name.ts';
import { validateChain } from '../x509/validation/chain.ts';
import { check, findingsOf, type Check } from './mtls-check.ts';
import { answerOf, otherCauses, see } from './outcome-evidence.ts';
import type { Pair } from './pair.ts';
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
  now: () => Date;
}

export interface LiveReport {
  /** Address that was connected to. */
  address: string | undefined;
  server: ServerFacts | undefined;
  judgement: ServerJudgement | undefined;
  checks: Check[];
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
    return { address, server, judgement: undefined, checks: [pairCheck(first, order)] };
  }
  const judgement = server && server.chain.length > 0 ? judgeServer(server, order, order.now()) : undefined;
  const [none, stranger] = await Promise.all([
    probe({ ...order, pair: undefined }, signal),
    probe({ ...order, pair: strangerLike(pair.chain[0], order.now()) }, signal),
  ]);
  return {
    address,
    server,
    judgement,
    checks: [
      ...(judgement?.checks ?? []),
      pairCheck(first, order),
      negativeCheck('no-certificate', none, order),
      negativeCheck('stranger', stranger, order),
    ],
  };
}

function pairCheck(connection: Connection, order: LiveOrder): Check {
  const row = { direction: 'client-to-server', probe: 'pair', expected: 'accepted' } as const;
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
  return check(
    row,
    seen,
    evidence,
    seen === 'refused' ? causesOf(connection, order) : otherCauses(connection.outcome),
  );
}

/** Why it refused, by what our own validator finds in the pair. */
function causesOf({ outcome, server }: Connection, { pair, anchors, crls, now }: LiveOrder): Cause[] {
  const time = now();
  const [leaf, ...intermediates] = pair.chain;
  const all = [...pair.anchors, ...anchors];
  const verdict = validateChain({
    leaf,
    intermediates,
    anchors: all,
    crls: [...crls, ...pair.crls],
    time,
    usage: 'client',
  });
  return refusalCauses({
    alert: outcome.kind === 'refused' && outcome.by === 'alert' ? outcome.alert.number : undefined,
    chain: pair.chain,
    key: pair.key,
    findings: findingsOf(verdict),
    request: server?.request,
    now: time,
    serverTime: answerOf(outcome)?.date,
  });
}

function negativeCheck(name: 'no-certificate' | 'stranger', connection: Connection, order: LiveOrder): Check {
  const expected = name === 'no-certificate' && order.clientAuth === 'optional' ? 'accepted' : 'refused';
  const row = { direction: 'client-to-server', probe: name, expected } as const;
  const { seen, evidence } = see(connection, order.expectHttp);
  if (seen === 'refused') return check(row, seen, evidence, [noneIsRefused]);
  if (seen !== 'accepted') return check(row, seen, evidence, otherCauses(connection.outcome));
  return check(row, seen, evidence, [name === 'stranger' ? strangerIsIn(connection) : noneIsIn(order)]);
}

/** Only where it was to be let in. */
const noneIsRefused: Cause = {
  certainty: 'found',
  message: 'a client without a certificate is refused',
  fix: 'let the server ask without demanding one; where it is to demand one, leave out --client-auth optional',
};

const noneIsIn = ({ application }: LiveOrder): Cause => ({
  certainty: 'found',
  message: 'a client without a certificate is let in',
  fix:
    application === 'none'
      ? 'make the server demand one; one that refuses in HTTP, as nginx does, is seen with --app http'
      : 'make the server demand one: ssl_verify_client on (nginx), verify required (haproxy)',
});

const strangerIsIn = ({ server }: Connection): Cause => ({
  certainty: 'found',
  message:
    server?.request === undefined
      ? 'nobody is asked for a certificate'
      : 'a certificate of an unknown CA is let in: the server asks for one and does not verify it',
  fix: 'make the server verify: -verify_return_error (s_server), rejectUnauthorized (Node.js), ssl_verify_client on (nginx)',
});
