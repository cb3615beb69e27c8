import { join } from 'node:path';
import { refuseLaxPlan, tellService } from '../deploy/actions.ts';
import { hasActions, type Deploy } from '../deploy/plan.ts';
import type { DeployWorld } from '../deploy/world.ts';
import { makeOpenFolder } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { isPending, readDeployRecord, writeDeployRecord, type Attempt } from '../store/deploy-record.ts';
import { generationName } from '../store/folder-name.ts';
import { withLock } from '../store/lock.ts';
import { openStoreForWriting } from '../store/store.ts';
import { trustBundle, trustGeneration, updateTrust } from '../store/trust-bundle.ts';
import {
  declaredNames,
  ownAuthority,
  readDeclared,
  sourceFile,
  writeDeclared,
  type TrustSource,
} from '../store/trust-source.ts';
import { gatherTrust, type TrustReach } from './gather-trust.ts';
import type { World } from './issue.ts';

export interface TrustOrder {
  /** Absolute path. */
  store: string;
  /** What a config file declares, and the file itself. */
  declared: { bundles: ReadonlyMap<string, TrustSource>; file: string } | undefined;
  /** Which bundles; none stands for all that are declared, in the file or in the store. */
  names: readonly string[];
  /** Only those that trust this authority. */
  of?: string | undefined;
  /** Milliseconds to wait for another run on the same bundle. */
  lockTimeout: number;
}

/** What became of one bundle. */
export interface KeptTrust {
  name: string;
  /** `stale`: it could not be brought up to date, and stands as it was. `to-update`: it was only looked at. */
  state: 'updated' | 'unchanged' | 'stale' | 'to-update';
  /** 0 where there is none yet. */
  generation: number;
  /** Absolute path of `current`. */
  path: string;
  warnings: readonly string[];
  /** Why it is stale. */
  error: unknown;
  /** What became of telling those who read it; `undefined` where there was nobody to tell. */
  deploy:
    | { state: 'done'; note: string | undefined }
    | { state: 'pending'; failed: Attempt; error: unknown }
    | undefined;
  /** Only looked at: what would be done to tell them. */
  deploys?: readonly string[];
}

/**
 * Brings trust bundles up to date, and tells services of what is new, or of what they have not taken yet. One that fails
 * stops no other.
 * @throws PkiError `not-found` for a name that is not declared; whatever the world's signal was aborted with
 */
export async function keepTrust(
  order: TrustOrder,
  reach: TrustReach,
  world: World & DeployWorld,
  report: (kept: KeptTrust) => void,
): Promise<void> {
  const names = bundleNames(order);
  if (names.length > 0) openStoreForWriting(order.store);
  for (const name of names) {
    world.signal.throwIfAborted();
    const source = sourceOf(order, name);
    if (order.of !== undefined && source.authorities?.includes(order.of) !== true) continue;
    report(await keepOne(name, source, order, reach, world));
  }
}

/** @throws PkiError `not-found` for a name that is not declared */
export function bundleNames({ store, declared, names }: TrustOrder): string[] {
  const all = [...new Set([...(declared?.bundles.keys() ?? []), ...declaredNames(store)])];
  const missing = names.find((name) => !all.includes(name));
  if (missing === undefined) return names.length === 0 ? all : [...new Set(names)];
  throw new PkiError('not-found', `trust bundle ${JSON.stringify(missing)} is not declared`, {
    hint: wayOut(missing, all, store),
  });
}

function wayOut(missing: string, all: readonly string[], store: string): string {
  if (missing === 'default' && ownAuthority(store) !== undefined)
    return '"certwright rotate" keeps it fresh as it is; under trust in certwright.yaml it may trust others too';
  return all.length === 0 ? 'declare it under trust in certwright.yaml' : `there are: ${all.join(', ')}`;
}

/** The default one trusts the store's own CA beside what is declared. */
export function sourceOf({ store, declared }: TrustOrder, name: string): TrustSource {
  const source = declared?.bundles.get(name) ?? readDeclared(store, name);
  if (!source) throw new PkiError('malformed', `${sourceFile(store, name)} declares nothing`);
  if (name !== 'default') return source;
  const own = ownAuthority(store);
  const authorities = [...(own === undefined ? [] : [own]), ...(source.authorities ?? [])];
  return { ...source, authorities: [...new Set(authorities)] };
}

async function keepOne(
  name: string,
  source: TrustSource,
  order: TrustOrder,
  reach: TrustReach,
  world: World & DeployWorld,
): Promise<KeptTrust> {
  const { store, lockTimeout } = order;
  const path = trustBundle(store, name);
  const ended = (rest: Partial<KeptTrust>): KeptTrust => ({
    name,
    state: 'unchanged',
    generation: trustGeneration(path),
    path: join(path, 'current'),
    warnings: [],
    error: undefined,
    deploy: undefined,
    ...rest,
  });
  try {
    makeOpenFolder(path);
    const lock = { pid: world.pid, timeout: lockTimeout, signal: world.signal };
    return await withLock(join(path, '.lock'), lock, async () => {
      if (order.declared) remember(order, name);
      const brought = await bringUpToDate(path, source, reach, world).catch((error: unknown) => {
        world.signal.throwIfAborted();
        return { state: 'stale' as const, warnings: [], error };
      });
      // What is old is still what a service may not have heard of.
      const deploy = await tell(name, source.deploy, order, world);
      return ended({ ...brought, deploy });
    });
  } catch (error) {
    world.signal.throwIfAborted();
    return ended({ state: 'stale', error });
  }
}

/** What is declared is written down, so that a run without the file knows it too. */
function remember({ declared, store }: TrustOrder, name: string): void {
  const source = declared?.bundles.get(name);
  if (source) writeDeclared(store, name, source);
}

async function bringUpToDate(
  path: string,
  source: TrustSource,
  reach: TrustReach,
  { now }: World,
): Promise<Pick<KeptTrust, 'state' | 'warnings'>> {
  const { files, warnings } = await gatherTrust(source, path, reach, now());
  if (files.roots === '') {
    throw new PkiError('not-found', 'there is no root to trust', {
      hint: 'issue the first certificate of the store, or name authorities or roots',
    });
  }
  return { state: updateTrust(path, () => files).changed ? 'updated' : 'unchanged', warnings };
}

/** Runs what follows a switch, unless the service of this host has taken this version already. */
async function tell(
  name: string,
  plan: Deploy | undefined,
  order: TrustOrder,
  world: World & DeployWorld,
): Promise<KeptTrust['deploy']> {
  const folder = { path: trustBundle(order.store, name) };
  const generation = trustGeneration(folder.path);
  if (!plan || !hasActions(plan) || generation === 0) return undefined;
  const record = readDeployRecord(folder, world.instance);
  if (!isPending(record, generation)) return undefined;
  try {
    const isDeclared = order.declared?.bundles.has(name) === true;
    refuseLaxPlan(plan, isDeclared ? (order.declared?.file ?? '') : sourceFile(order.store, name), world);
    const done = await tellService(plan, occasionFor(name, generation, order.store, world.instance), world);
    writeDeployRecord(folder, {
      ...record,
      generation,
      at: world.now(),
      failed: undefined,
      candidate: undefined,
    });
    return { state: 'done', note: done.note };
  } catch (error) {
    world.signal.throwIfAborted();
    const failed = oneMore(record.failed, generation, error, world.now());
    writeDeployRecord(folder, { ...record, failed });
    return { state: 'pending', failed, error };
  }
}

function oneMore(earlier: Attempt | undefined, generation: number, error: unknown, last: Date): Attempt {
  const attempts = (earlier?.generation === generation ? earlier.attempts : 0) + 1;
  const code = error instanceof PkiError ? error.code : 'internal';
  return {
    generation,
    attempts,
    last,
    code,
    message: error instanceof Error ? error.message : String(error),
  };
}

/** What a hook learns of a bundle. */
function occasionFor(
  name: string,
  generation: number,
  store: string,
  instance: string,
): Parameters<typeof tellService>[1] {
  const current = join(trustBundle(store, name), 'current');
  const path = join(trustBundle(store, name), 'versions', generationName(generation));
  const files = {
    roots: join(path, 'ca.pem'),
    intermediates: join(path, 'chain.pem'),
    crls: join(path, 'crl.pem'),
  };
  return {
    cwd: store,
    variables: {
      CERTWRIGHT_EVENT: 'deploy',
      CERTWRIGHT_STORE: store,
      CERTWRIGHT_INSTANCE: instance,
      CERTWRIGHT_COUNT: '0',
      CERTWRIGHT_TRUST: name,
      CERTWRIGHT_CURRENT: current,
      CERTWRIGHT_GENERATION: String(generation),
      CERTWRIGHT_GENERATION_PATH: path,
      CERTWRIGHT_CA_CERT: files.roots,
      CERTWRIGHT_CHAIN: files.intermediates,
      CERTWRIGHT_CRL: files.crls,
    },
    document: {
      schema: 'certwright.deploy/1',
      event: 'deploy',
      store,
      instance,
      certificates: [],
      trust: { name, generation, current, path, ...files },
    },
  };
}
