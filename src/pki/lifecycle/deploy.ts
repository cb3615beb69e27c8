import { join } from 'node:path';
import type { AwsConnection } from '../authorities/aws/options.ts';
import { actions } from '../deploy/actions.ts';
import type { Deploy } from '../deploy/plan.ts';
import type { DeployWorld, Done } from '../deploy/world.ts';
import { PkiError } from '../errors.ts';
import {
  isPending,
  readDeployRecord,
  writeDeployRecord,
  type Attempt,
  type DeployRecord,
} from '../store/deploy-record.ts';
import { folderName } from '../store/folder-name.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { withLock } from '../store/lock.ts';
import type { StoredRequest } from '../store/request.ts';
import { confirmServed } from './confirm.ts';
import { occasionFor, type DeployEvent, type Told } from './deploy-occasion.ts';
import { outputsOf, type World } from './issue.ts';
import { manyAtATime } from './many-at-a-time.ts';
import { nextTry } from './patience.ts';
import { revocationOf } from './revocation-of.ts';
import type { InPeace } from './rotation-verdict.ts';
import { readGeneration } from './standing.ts';

export interface DeployOrder {
  /** Absolute path. */
  store: string;
  /** How many hooks and confirmations go on at a time. */
  jobs: number;
  /** Milliseconds to wait for another run that deploys on this host. */
  lockTimeout: number;
}

export interface DeployingWorld extends World, DeployWorld {
  /** How AWS is reached, where a plan names something there. */
  aws: () => AwsConnection;
}

/** A certificate whose service is to be told what is in use now. */
export interface Deployment {
  folder: CertificateFolder;
  request: StoredRequest;
  plan: Deploy;
  /** What was in use before this run switched, where it did. */
  before: number | undefined;
  /** Whether a failed confirmation may switch back. */
  mayReturn: boolean;
}

/** What became of it. */
export type Deployed =
  | {
      state: 'done';
      generation: number;
      note: string | undefined;
      /** Servers that were seen to show it. */
      seenAt: readonly string[];
    }
  /** The service has not taken what is in use. */
  | { state: 'pending'; generation: number; failed: Attempt | undefined; error: unknown }
  /** Switched back: the newer generation is tried again later. */
  | {
      state: 'candidate';
      generation: number;
      candidate: Attempt;
      until: Date;
      error: unknown;
      standing: InPeace;
    };

/** Switched back, and not told yet. */
interface Return {
  state: 'return';
  back: Telling;
  error: unknown;
}

type Settled = { state: string; deployment: Deployment; deployed: Deployed | Return };

/** One whose service is being told. */
interface Telling extends Told {
  deployment: Deployment;
  record: DeployRecord;
}

/**
 * Tells services of what is in use, and looks whether they serve it. What certificates share is done once for all of
 * them. One that fails stops no other.
 * @param report is called once for each.
 * @throws PkiError `busy` where another run deploys on this host; whatever the world's signal was aborted with.
 */
export async function deploy(
  deployments: readonly Deployment[],
  order: DeployOrder,
  world: DeployingWorld,
  report: (deployment: Deployment, deployed: Deployed) => void,
): Promise<void> {
  const lock = { pid: world.pid, timeout: order.lockTimeout, signal: world.signal };
  const file = join(order.store, `.deploy-${folderName(world.instance)}.lock`);
  await withLock(file, lock, async () => {
    const telling: Telling[] = [];
    for (const one of deployments) {
      const begun = orPending(() => begin(one, world), one.folder);
      if ('state' in begun) report(one, begun);
      else telling.push(begun);
    }
    const told = await tellAll(telling, 'deploy', order, world);
    const returned: (Return & { one: Telling })[] = [];
    const settle = async (one: Telling): Promise<Settled> => {
      const { deployment } = one;
      const deployed = await confirm(one, told.get(one), order, world).catch((error: unknown) =>
        notKnown(one.folder, error),
      );
      if (deployed.state === 'return') returned.push({ one, ...deployed });
      return { state: deployed.state, deployment, deployed };
    };
    await manyAtATime(telling, order.jobs, world, settle, ({ deployment, deployed }) => {
      if (deployed.state !== 'return') report(deployment, deployed);
    });
    const again = await tellAll(
      returned.map(({ back }) => back),
      'rollback',
      order,
      world,
    );
    for (const { one, back, error } of returned) {
      report(
        one.deployment,
        orPending(() => endReturn(back, again.get(back), error, world.now()), one.folder),
      );
    }
  });
}

/** What cannot even be written down is tried again all the same. */
const notKnown = (folder: CertificateFolder, error: unknown): Deployed => ({
  state: 'pending',
  generation: folder.current() ?? 0,
  failed: undefined,
  error,
});

function orPending<T>(work: () => T, folder: CertificateFolder): T | Deployed {
  try {
    return work();
  } catch (error) {
    return notKnown(folder, error);
  }
}

/** Reads afresh what is in use: another run may have done it all meanwhile. */
function begin(deployment: Deployment, { instance }: DeployingWorld): Telling | Deployed {
  const { folder, request, before } = deployment;
  const record = readDeployRecord(folder, instance);
  const generation = folder.current() ?? 0;
  if (!isPending(record, generation)) return { state: 'done', generation, note: undefined, seenAt: [] };
  const standing = readGeneration(folder.versionPath(generation), generation, request, instance);
  if (!standing) {
    const error = new PkiError('malformed', `${folder.versionPath(generation)} is torn`, {
      hint: `"certwright rotate ${request.name} --force" makes a new one`,
    });
    return { state: 'pending', generation, failed: record.failed, error };
  }
  const earlier = record.generation === generation ? undefined : (record.generation ?? before);
  const previous =
    earlier === undefined || earlier === generation
      ? undefined
      : readGeneration(folder.versionPath(earlier), earlier, request, instance);
  return { name: request.name, folder, standing, previous, deployment, record };
}

/** Each action in turn, once for all who share it; who fails at one is spared the next. */
async function tellAll(
  telling: readonly Telling[],
  event: DeployEvent,
  order: DeployOrder,
  world: DeployingWorld,
): Promise<Map<Telling, Done | { error: unknown }>> {
  const told = new Map<Telling, Done | { error: unknown }>(telling.map((one) => [one, {}]));
  for (const { key, perform } of actions) {
    const sharing = new Map<string, Telling[]>();
    for (const one of telling) {
      const shared = 'error' in (told.get(one) ?? {}) ? undefined : key(one.deployment.plan);
      if (shared !== undefined) sharing.set(shared, [...(sharing.get(shared) ?? []), one]);
    }
    const settle = async (members: Telling[]): Promise<{ state: string }> => {
      const [first] = members;
      if (!first) return { state: 'done' };
      const done = await perform(
        first.deployment.plan,
        occasionFor(members, event, order.store, world.instance),
        world,
      ).catch((error: unknown) => ({ error }));
      for (const one of members) told.set(one, { ...told.get(one), ...done });
      return { state: 'done' };
    };
    await manyAtATime([...sharing.values()], order.jobs, world, settle, () => undefined);
  }
  const toAcm = async (one: Telling): Promise<{ state: string }> => {
    const before = told.get(one) ?? {};
    const { acm } = one.deployment.plan;
    if ('error' in before || !acm) return { state: 'done' };
    const done = await bringToAcm(one, acm, order, world).catch((error: unknown) => ({ error }));
    told.set(one, { ...before, ...done });
    return { state: 'done' };
  };
  await manyAtATime(telling, order.jobs, world, toAcm, () => undefined);
  return told;
}

/** After what runs here, and before servers are asked: they may show what ACM holds. */
async function bringToAcm(
  { name }: Telling,
  arns: readonly string[],
  { store, lockTimeout }: DeployOrder,
  world: DeployingWorld,
): Promise<Done> {
  const { deployToAcm } = await import('./deploy-to-acm.ts');
  let done: Done = {};
  for (const arn of arns) {
    done = {
      ...done,
      ...(await deployToAcm({ store, name, arn, lockTimeout }, { ...world, connection: world.aws() })),
    };
  }
  return done;
}

/** What a service shows decides, where it is asked; it is written down at once. */
async function confirm(
  one: Telling,
  told: Done | { error: unknown } = {},
  { store }: DeployOrder,
  world: DeployingWorld,
): Promise<Deployed | Return> {
  const { deployment, standing } = one;
  const { plan, request } = deployment;
  // One that does not run shows nothing, and reads what is new when it starts.
  const seen = 'error' in told || told.stopped === true ? undefined : plan.confirm;
  try {
    if ('error' in told) throw told.error;
    if (seen) {
      await confirmServed(seen, { store, request, certificate: standing.certificate }, world.signal);
    }
  } catch (error) {
    world.signal.throwIfAborted();
    const back = shouldReturn(one, error, store, world.now())
      ? await goBack(one, store, error, world)
      : undefined;
    return back ? { state: 'return', back, error } : notTaken(one, error, world.now());
  }
  accept(one, world.now());
  return {
    state: 'done',
    generation: standing.generation,
    note: told.note,
    seenAt: seen?.servers ?? [],
  };
}

function accept({ folder, record, standing }: Telling, now: Date): void {
  const { generation } = standing;
  const candidate =
    record.candidate && record.candidate.generation > generation ? record.candidate : undefined;
  writeDeployRecord(folder, { ...record, generation, at: now, failed: undefined, candidate });
}

function notTaken(one: Telling, error: unknown, now: Date): Deployed {
  const pending = pendingOf(one.record, one, error, now);
  writeDeployRecord(one.folder, { ...one.record, failed: pending.failed });
  return pending;
}

function pendingOf(
  { failed: earlier }: DeployRecord,
  { standing: { generation } }: Pick<Told, 'standing'>,
  error: unknown,
  now: Date,
): { state: 'pending'; generation: number; failed: Attempt; error: unknown } {
  const failed = oneMore(earlier, generation, error, now);
  return { state: 'pending', generation, failed, error };
}

function oneMore(earlier: Attempt | undefined, generation: number, error: unknown, now: Date): Attempt {
  const attempts = (earlier?.generation === generation ? earlier.attempts : 0) + 1;
  const code = error instanceof PkiError ? error.code : 'internal';
  const message = error instanceof Error ? error.message : String(error);
  return { generation, attempts, last: now, code, message };
}

/** Only what a server shows is a reason, and only where there is something better to go back to. */
function shouldReturn(
  { deployment, folder, previous }: Telling,
  error: unknown,
  store: string,
  now: Date,
): boolean {
  const isShown = error instanceof PkiError && error.code === 'confirm-failed';
  if (!isShown || !deployment.mayReturn || deployment.plan.onFailure === 'keep' || !previous) return false;
  const { notBefore, notAfter } = previous.certificate;
  return notBefore <= now && now < notAfter && !revocationOf(folder, store, previous);
}

/**
 * Switches back. It is written down first: a run that dies after the switch is followed by one that knows what the newer
 * generation is.
 * @returns `undefined` where another run has switched meanwhile.
 */
async function goBack(
  one: Telling,
  store: string,
  error: unknown,
  world: DeployingWorld,
): Promise<Telling | undefined> {
  const { folder, record, previous, standing } = one;
  if (!previous) return undefined;
  const lock = { pid: world.pid, timeout: 30_000, signal: world.signal };
  return withLock(folder.lockFile, lock, async () => {
    if (folder.current() !== standing.generation) return undefined;
    // What a run that died has left behind it would otherwise be continued, and undo this.
    folder.sweep();
    const candidate = oneMore(record.candidate, standing.generation, error, world.now());
    const { generation } = previous;
    const failed = { ...candidate, generation, attempts: 0 };
    const returning = { ...record, generation, failed, candidate };
    writeDeployRecord(folder, returning);
    folder.pointTo(generation);
    const outputs = await outputsOf({ store, folder, request: one.deployment.request, lock: 'held' }, world);
    const unwritten = outputs.find(({ state }) => state === 'failed');
    if (unwritten) throw unwritten.error;
    return { ...one, standing: previous, previous: standing, record: returning };
  });
}

/** The service has been told to take the earlier generation again. */
function endReturn(back: Telling, told: Done | { error: unknown } = {}, error: unknown, now: Date): Deployed {
  if ('error' in told) {
    const pending = pendingOf(back.record, back, told.error, now);
    writeDeployRecord(back.folder, { ...back.record, failed: pending.failed });
    return pending;
  }
  accept(back, now);
  const { standing, record } = back;
  const { candidate } = record;
  if (!candidate) throw new PkiError('internal', 'switched back from nothing');
  const until = nextTry(candidate.last, candidate.attempts, standing.certificate.notAfter.getTime());
  return { state: 'candidate', generation: standing.generation, candidate, until, error, standing };
}
