import { ofForeignCa, ofNoCa, ofUnknownCa, selfSigned } from '../tls/impostor.ts';
import { offerOldVersion, type OldVersion, type OldVersionOutcome } from '../tls/old-version.ts';
import { probe, type Connection, type TlsPair } from '../tls/probe.ts';
import type { Cause } from '../tls/refusal-causes.ts';
import { check, skipped, type Check, type NegativeProbe, type Seen } from './mtls-check.ts';
import { evidenceOf, otherCauses, see } from './outcome-evidence.ts';
import { faultOf } from './probe-faults.ts';
import type { LiveOrder } from './verify-mtls.ts';

/** How somebody comes to a server who must not be let in. */
export type Attempt =
  | { kind: 'pair'; pair: TlsPair | undefined; weak?: boolean }
  | { kind: 'version'; version: OldVersion }
  | { kind: 'skipped'; why: string };

type Row = Pick<Check, 'direction' | 'probe' | 'expected'> & { probe: NegativeProbe };

const withoutCa = 'needs --ca DIR, the CA that the server trusts';

const attempts: Readonly<Record<NegativeProbe, (order: LiveOrder, now: Date) => Attempt | Promise<Attempt>>> =
  {
    'no-certificate': () => ({ kind: 'pair', pair: undefined }),
    stranger: async ({ pair }, now) => ({ kind: 'pair', pair: await ofUnknownCa(pair, now) }),
    'self-signed': async ({ pair }, now) => ({ kind: 'pair', pair: await selfSigned(pair, now) }),
    'foreign-ca': async ({ pair }, now) => ({ kind: 'pair', pair: await ofForeignCa(pair, now) }),
    'non-ca-intermediate': async ({ pair }, now) => ({ kind: 'pair', pair: await ofNoCa(pair, now) }),
    expired: () => ({ kind: 'skipped', why: withoutCa }),
    'not-yet-valid': () => ({ kind: 'skipped', why: withoutCa }),
    'wrong-usage': () => ({ kind: 'skipped', why: withoutCa }),
    'wrong-name': () => ({ kind: 'skipped', why: withoutCa }),
    'weak-key': () => ({ kind: 'skipped', why: withoutCa }),
    'weak-signature': () => ({ kind: 'skipped', why: withoutCa }),
    revoked: () => ({ kind: 'skipped', why: withoutCa }),
    'tls-1.0': () => ({ kind: 'version', version: '1.0' }),
    'tls-1.1': () => ({ kind: 'version', version: '1.1' }),
  };

/** A few at a time: some servers talk to one client after the other, and some shut out who fails too often at once. */
const atATime = 4;

/** Comes to the server in every way of the plan, after the good pair was let in. */
export async function tryStrangers(order: LiveOrder, signal: AbortSignal): Promise<Check[]> {
  const checks: Check[] = [];
  const queue = order.probes.entries();
  const worker = async (): Promise<void> => {
    for (const [at, name] of queue) checks[at] = await tryOne(name, order, signal);
  };
  await Promise.all(Array.from({ length: Math.min(atATime, order.probes.length) }, worker));
  return checks;
}

async function tryOne(name: NegativeProbe, order: LiveOrder, signal: AbortSignal): Promise<Check> {
  const isLetIn = name === 'no-certificate' && order.clientAuth === 'optional';
  const row: Row = {
    direction: 'client-to-server',
    probe: name,
    expected: isLetIn ? 'accepted' : 'refused',
  };
  const attempt = await attempts[name](order, order.now());
  switch (attempt.kind) {
    case 'skipped':
      return skipped(row, attempt.why);
    case 'version':
      return versionCheck(row, await offerOldVersion(order, attempt.version, signal), attempt.version);
    case 'pair': {
      const { pair, weak = false } = attempt;
      return pairCheck(row, pair, await probe({ ...order, pair, weak }, signal), order);
    }
  }
}

function pairCheck(row: Row, pair: TlsPair | undefined, connection: Connection, order: LiveOrder): Check {
  const { outcome, server, shown } = connection;
  const { seen, evidence } = see(connection, order.expectHttp);
  if (seen === 'accepted') return check(row, seen, evidence, [faultOf(row.probe, server, order.application)]);
  if (seen !== 'refused') return check(row, seen, evidence, otherCauses(outcome));
  // Only what was shown can have been refused.
  if (pair && server?.request && !shown?.equals(pair.chain[0] ?? Buffer.alloc(0))) {
    return skipped(
      row,
      `it could not be shown: the server verifies no signature of such a key (${evidence})`,
    );
  }
  return check(row, seen, evidence, [noneIsRefused]);
}

/** Only where it was to be let in. */
const noneIsRefused: Cause = {
  certainty: 'found',
  message: 'a client without a certificate is refused',
  fix: 'let the server ask without demanding one; where it is to demand one, leave out --client-auth optional',
};

function versionCheck(row: Row, outcome: OldVersionOutcome, version: OldVersion): Check {
  if (outcome.kind === 'spoken') {
    return check(row, 'accepted', `ServerHello in TLS ${version}`, [faultOf(row.probe, undefined, 'http')]);
  }
  const evidence = evidenceOf(outcome, undefined);
  // It speaks newer versions: silence here is its way to refuse this one.
  const isSilent = outcome.kind === 'unreachable' && outcome.timedOut && outcome.phase === 'handshake';
  if (outcome.kind === 'refused' || isSilent) return check(row, 'refused', evidence, []);
  const seen: Seen = outcome.kind === 'unreachable' ? 'unreachable' : 'no-tls';
  return check(row, seen, evidence, otherCauses(outcome));
}
