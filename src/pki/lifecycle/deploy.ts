import { join } from 'node:path';
import { actions } from '../deploy/actions.ts';
import type { Done } from '../deploy/world.ts';
import { PkiError } from '../errors.ts';
import { readDeployRecord } from '../store/deploy-record.ts';
import { folderName } from '../store/folder-name.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { withLock } from '../store/lock.ts';
import { confirmServed } from './confirm.ts';
import {
  accept,
  notKnown,
  notTaken,
  type Deployed,
  type DeployingWorld,
  type Deployment,
  type Telling,
} from './deployment.ts';
import { occasionFor, type DeployEvent } from './deploy-occasion.ts';
import { endReturn, goBack, shouldReturn, type Return } from './deploy-return.ts';
import { isUntold } from './follow-up.ts';
import { manyAtATime } from './many-at-a-time.ts';
import { readGeneration } from './standing.ts';

export interface DeployOrder {
  /** Absolute path. */
  store: string;
  /** How many hooks and confirmations go on at a time. */
  jobs: number;
  /** Milliseconds to wait for another run that deploys on this host. */
  lockTimeout: number;
}

type Settled = { state: string; deployment: Deployment; deployed: Deployed | Return };

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

function orPending<T>(work: () => T, folder: CertificateFolder): T | Deployed {
  try {
    return work();
  } catch (error) {
    return notKnown(folder, error);
  }
}

/** Reads afresh what is in use: another run may have done it all meanwhile. */
function begin(deployment: Deployment, { instance }: DeployingWorld): Telling | Deployed {
  const { folder, request, before, peers } = deployment;
  const record = readDeployRecord(folder, instance);
  const generation = folder.current() ?? 0;
  if (!isUntold(folder, request, generation, instance, peers))
    return { state: 'done', generation, note: undefined, seenAt: [] };
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

/** What keeps it from being switched back says nothing of why it was to be. */
function noWayBack(error: unknown, cause: unknown): unknown {
  if (!(cause instanceof PkiError) || !(error instanceof PkiError)) return cause;
  const { code, message, hint, details } = cause;
  return new PkiError(code, `${message}; on the way back after: ${error.message}`, {
    hint,
    details,
    cause,
  });
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
      ? await goBack(one, store, error, world).catch((cause: unknown) => {
          throw noWayBack(error, cause);
        })
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
