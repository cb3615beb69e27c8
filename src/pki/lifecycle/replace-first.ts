import type { Authority } from '../authorities/authority.ts';
import { PkiError } from '../errors.ts';
import { forgetReplacing, readReplacing, writeReplacing } from '../store/replacing-record.ts';
import { certificateFolder } from '../store/store.ts';
import type { DeployingWorld } from './deployment.ts';
import type { Wanted } from './issue-all.ts';
import type { StoredGeneration } from './revocation-target.ts';
import { rotate, type RotateOrder, type Rotation, type StandingRotation } from './rotate.ts';

/** The generation that an earlier run was to revoke, and has perhaps replaced already. */
export const begunReplacing = (store: string, name: string): number | undefined =>
  readReplacing(certificateFolder(store, name));

/**
 * Has a successor made, and its service told, before a generation is revoked. What is to be revoked is written down first:
 * a run that died in between is continued by the same command, which would take the successor for the one that is meant.
 * @returns the generation that is in use then
 * @throws PkiError where there is no successor, or its service did not take it: then nothing is to be revoked
 */
export async function replaceFirst(
  { name, generation, folder }: StoredGeneration,
  order: RotateOrder,
  open: (wanted: Wanted) => Promise<Authority>,
  world: DeployingWorld,
): Promise<number> {
  const current = folder.current();
  const isInUse = current === generation;
  if (current !== undefined && !isInUse && readReplacing(folder) !== generation) return current;
  writeReplacing(folder, generation);
  const outcomes: Rotation[] = [];
  // What an earlier run has switched to may still wait for its service.
  await rotate({ ...order, force: isInUse }, open, world, (outcome) => outcomes.push(outcome));
  const [outcome] = outcomes;
  if (outcome && isServed(outcome) && outcome.generation !== generation) return outcome.generation;
  if (outcome?.state === 'failed') throw outcome.error;
  throw new PkiError(
    'busy',
    `${name} has no successor in use yet (${outcome?.state ?? 'nothing'}): nothing was revoked`,
    {
      hint: `see to that first: certwright rotate ${name}; the same command then goes on`,
    },
  );
}

const isServed = (outcome: Rotation): outcome is StandingRotation =>
  ['rotated', 'deployed', 'not-due'].includes(outcome.state) &&
  (outcome.deploy === undefined || outcome.deploy.state === 'done');

/** The generation is revoked: the next such order is another one. */
export function endReplacing({ folder }: StoredGeneration): void {
  forgetReplacing(folder);
}
