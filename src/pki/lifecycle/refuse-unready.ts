import { hasActions } from '../deploy/plan.ts';
import type { CertificateFolder } from '../store/generation.ts';
import type { DeployingWorld } from './deployment.ts';
import type { Wanted } from './issue-all.ts';

/** What another user may write decides nothing that is run: refused before anything is touched. */
export async function refuseLax(
  folder: CertificateFolder,
  wanted: Wanted,
  world: DeployingWorld,
): Promise<void> {
  const { deploy: plan } = wanted.request;
  if (!plan || !hasActions(plan)) return;
  const { refuseLaxPlan } = await import('../deploy/actions.ts');
  refuseLaxPlan(plan, wanted.source ?? folder.requestFile, world);
}

/**
 * A pair without which no server can be asked is looked for before a successor is issued and switched to.
 * @throws PkiError as `readPair`
 */
export async function refuseNoClient({ request }: Wanted, store: string): Promise<void> {
  const { confirm } = request.deploy ?? {};
  if (confirm?.client === undefined) return;
  const { clientPair } = await import('./confirm.ts');
  await clientPair(confirm, store);
}
