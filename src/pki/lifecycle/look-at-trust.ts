import { join } from 'node:path';
import { readCaFacts, readTrust } from '../authorities/local/local-authority.ts';
import { isAws } from '../authorities/open.ts';
import { describePlan, hasActions } from '../deploy/plan.ts';
import { isThere } from '../durable.ts';
import { isPending, readDeployRecord } from '../store/deploy-record.ts';
import { isTrustUpToDate, trustBundle, trustGeneration } from '../store/trust-bundle.ts';
import { ownAuthority, type TrustSource } from '../store/trust-source.ts';
import { refuseEarlyCrls } from './clock-check.ts';
import { gatherTrust, type TrustReach } from './gather-trust.ts';
import type { World } from './issue.ts';
import { bundleNames, sourceOf, type KeptTrust, type TrustOrder } from './keep-trust.ts';

/**
 * Looks at trust bundles, that of the store's own CA among them, and touches nothing: what `keepTrust` would bring up to
 * date, and whom it would tell.
 * @param reach no key is opened; what AWS publishes is fetched
 */
export async function lookAtTrust(
  order: TrustOrder,
  reach: Pick<TrustReach, 'fetch'>,
  world: World,
  report: (looked: KeptTrust) => void,
): Promise<void> {
  const own = ownAuthority(order.store);
  const names = bundleNames(order);
  if (own !== undefined && !names.includes('default')) {
    report(
      await look(
        'default',
        { authorities: [own], roots: [], crls: [], deploy: undefined },
        order,
        reach,
        world,
      ),
    );
  }
  for (const name of names) {
    world.signal.throwIfAborted();
    report(await look(name, sourceOf(order, name), order, reach, world));
  }
}

async function look(
  name: string,
  source: TrustSource,
  { store }: TrustOrder,
  { fetch }: Pick<TrustReach, 'fetch'>,
  world: World,
): Promise<KeptTrust> {
  const path = trustBundle(store, name);
  const generation = trustGeneration(path);
  const base = { name, generation, path: join(path, 'current'), error: undefined, deploy: undefined };
  try {
    const signed: string[] = [];
    const open: TrustReach['open'] = async (reference) => ({
      refreshCrl: () => void signed.push(reference),
      refreshOthers: async () => false,
      trust: () => readTrust(reference, world.now()),
    });
    const { files, warnings } = await gatherTrust(source, path, { open, fetch }, world.now());
    const isNew = signed.length > 0 || !isTrustUpToDate(path, files);
    const { deploy: plan } = source;
    const isTold = !isNew && !isPending(readDeployRecord({ path }, world.instance), generation);
    const deploys = plan && hasActions(plan) && !isTold ? describePlan(plan) : [];
    return { ...base, state: isNew ? 'to-update' : 'unchanged', warnings, deploys };
  } catch (error) {
    world.signal.throwIfAborted();
    return { ...base, state: 'stale', warnings: [], error };
  }
}

/** What would become of the CRLs of authorities that are in use. */
export function lookAtCrls(
  references: Iterable<string>,
  now: Date,
): { signing: string[]; stale: { reference: string; error: unknown }[] } {
  const signing: string[] = [];
  const stale: { reference: string; error: unknown }[] = [];
  for (const reference of references) {
    // A CA that is somewhere else keeps its CRLs fresh there.
    if (isAws(reference) || !isThere(reference)) continue;
    try {
      const { trust } = readCaFacts(reference, now);
      if (trust) refuseEarlyCrls(trust.crls, now);
      else signing.push(reference);
    } catch (error) {
      stale.push({ reference, error });
    }
  }
  return { signing, stale };
}
