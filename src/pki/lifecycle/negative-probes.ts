import { ofForeignCa, ofNoCa, ofUnknownCa, selfSigned } from '../tls/impostor.ts';
import { offerOldVersion, type OldVersion, type OldVersionOutcome } from '../tls/old-version.ts';
import { probe, type Connection, type TlsPair } from '../tls/probe.ts';
import type { Cause } from '../tls/refusal-causes.ts';
import { check, skipped, type Check, type Seen } from './mtls-check.ts';
import { signedProbes, type NegativeProbe } from '../probe-names.ts';
import { evidenceOf, otherCauses, see } from './outcome-evidence.ts';
import { faultOf } from './probe-faults.ts';
import type { MintedProbe, ProbeAuthority, RevokedProbe } from './probe-authority.ts';
import type { LiveOrder } from './verify-mtls.ts';

/** How somebody comes to a server who must not be let in. */
export type Attempt =
  | { kind: 'pair'; pair: TlsPair | undefined; weak?: boolean }
  | { kind: 'revoked'; revoked: RevokedProbe }
  | { kind: 'version'; version: OldVersion }
  | { kind: 'skipped'; why: string };

type Row = Pick<Check, 'direction' | 'probe' | 'expected'> & { probe: NegativeProbe };

const withoutCa = 'needs --ca DIR, the CA that the server trusts';

type Maker = (order: LiveOrder, now: Date) => Attempt | Promise<Attempt>;

/** What only the CA can sign that the server trusts. */
const minted =
  (probe: MintedProbe, weak = false): Maker =>
  async ({ ca }) => {
    const why = ca ? ca.refusal(probe) : withoutCa;
    if (!ca || why !== undefined) return { kind: 'skipped', why: why ?? withoutCa };
    return { kind: 'pair', pair: await ca.pair(probe), weak };
  };

const attempts: Readonly<Record<NegativeProbe, Maker>> = {
  'no-certificate': () => ({ kind: 'pair', pair: undefined }),
  stranger: async ({ pair }, now) => ({ kind: 'pair', pair: await ofUnknownCa(pair, now) }),
  'self-signed': async ({ pair }, now) => ({ kind: 'pair', pair: await selfSigned(pair, now) }),
  'foreign-ca': async ({ pair }, now) => ({ kind: 'pair', pair: await ofForeignCa(pair, now) }),
  'non-ca-intermediate': async ({ pair }, now) => ({ kind: 'pair', pair: await ofNoCa(pair, now) }),
  expired: minted('expired'),
  'not-yet-valid': minted('not-yet-valid'),
  'wrong-usage': minted('wrong-usage'),
  'wrong-name': minted('wrong-name'),
  'weak-key': minted('weak-key', true),
  'weak-signature': minted('weak-signature', true),
  revoked: async ({ ca }) =>
    ca ? { kind: 'revoked', revoked: await ca.revoked() } : { kind: 'skipped', why: withoutCa },
  'tls-1.0': () => ({ kind: 'version', version: '1.0' }),
  'tls-1.1': () => ({ kind: 'version', version: '1.1' }),
};

/** Those that prove something only where the server lets in what the CA signs in order. */
const ofTheCa: readonly NegativeProbe[] = signedProbes;

/** A few at a time: some servers talk to one client after the other, and some shut out who fails too often at once. */
const atATime = 4;

/**
 * Comes to the server in every way of the order.
 * @param letIn whether the good pair was let in; the CA signs nothing for a server that lets in nobody
 */
export async function tryStrangers(order: LiveOrder, letIn: boolean, signal: AbortSignal): Promise<Check[]> {
  const needsCa = order.probes.some((name) => ofTheCa.includes(name));
  const control = order.ca && needsCa && letIn ? await tryControl(order.ca, order, signal) : undefined;
  const why = letIn
    ? 'the server does not let in what this CA signs in order'
    : 'the good pair is not let in';
  const isVain = (name: NegativeProbe): boolean =>
    order.ca !== undefined && ofTheCa.includes(name) && control?.ok !== true;
  const checks: Check[] = [];
  const queue = order.probes.entries();
  const worker = async (): Promise<void> => {
    for (const [at, name] of queue) {
      checks[at] = isVain(name) ? skipped(rowOf(name, order), why) : await tryOne(name, order, signal);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, order.probes.length) }, worker));
  return [...(control ? [control] : []), ...checks];
}

/** Differs from the others of the CA in nothing but that it is in order: only where it is let in do their refusals count. */
async function tryControl(ca: ProbeAuthority, order: LiveOrder, signal: AbortSignal): Promise<Check> {
  const row = { direction: 'client-to-server', probe: 'control', expected: 'accepted' } as const;
  const connection = await probe({ ...order, pair: await ca.pair('control') }, signal);
  const { seen, evidence } = see(connection, order.expectHttp);
  return check(
    row,
    seen,
    evidence,
    seen === 'refused' ? [controlIsRefused] : otherCauses(connection.outcome),
  );
}

const controlIsRefused: Cause = {
  certainty: 'found',
  message:
    'the server does not let in what this CA signs in order, so that what it refuses of it proves nothing',
  fix: 'name with --ca the CA whose clients the server lets in, or leave --ca out',
};

function rowOf(name: NegativeProbe, order: LiveOrder): Row {
  const isLetIn = name === 'no-certificate' && order.clientAuth === 'optional';
  return { direction: 'client-to-server', probe: name, expected: isLetIn ? 'accepted' : 'refused' };
}

async function tryOne(name: NegativeProbe, order: LiveOrder, signal: AbortSignal): Promise<Check> {
  const row = rowOf(name, order);
  const attempt = await attempts[name](order, order.now());
  switch (attempt.kind) {
    case 'skipped':
      return skipped(row, attempt.why);
    case 'revoked': {
      const { revoked } = attempt;
      return revokedCheck(row, revoked, await probe({ ...order, pair: revoked.pair }, signal), order);
    }
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

/** A server that lets it in may not have been given the CRL yet: one that was made in this run says nothing. */
function revokedCheck(row: Row, revoked: RevokedProbe, connection: Connection, order: LiveOrder): Check {
  const { justNow, revokedAt, crl } = revoked;
  const found = pairCheck(row, revoked.pair, connection, order);
  if (found.seen !== 'accepted') return found;
  const newest = `CRL number ${crl.number} of ${crl.thisUpdate.toISOString()}`;
  if (justNow) {
    const why = `let in (${found.evidence}), but it was revoked just now: give the server ${newest}, and probe again`;
    return skipped(row, `${why} (${crl.path})`);
  }
  const causes = found.causes.map(({ certainty, message, fix }) => ({
    certainty,
    message: `${message}: it is listed in every CRL since ${revokedAt.toISOString()}, the newest is ${newest}`,
    fix: `${fix} (${crl.path})`,
  }));
  return { ...found, causes };
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
