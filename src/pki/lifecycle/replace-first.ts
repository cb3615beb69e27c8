import type { Authority } from '../authorities/authority.ts';
import { PkiError } from '../errors.ts';
import { readReplacing, writeReplacing } from '../store/replacing-record.ts';
import type { DeployingWorld } from './deployment.ts';
import type { Wanted } from './issue-all.ts';
import type { StoredGeneration } from './revocation-target.ts';
import { rotate, type RotateOrder, type Rotation, type StandingRotation } from './rotate.ts';

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
  throw notServed(name, outcome);
}

function notServed(name: string, outcome: Rotation | undefined): PkiError {
  const hint = `see to that first: certwright rotate ${name}; the same command then goes on`;
  const deploy = outcome?.deploy;
  if (!deploy || deploy.state === 'done') {
    const state = outcome?.state ?? 'nothing';
    return new PkiError('busy', `${name} has no successor in use yet (${state}): nothing was revoked`, {
      hint,
    });
  }
  const { error, generation } = deploy;
  const made = deploy.state === 'candidate' ? deploy.candidate.generation : generation;
  const back = deploy.state === 'candidate' ? `, generation ${generation} is in use again` : '';
  const why = error instanceof Error ? `: ${error.message}` : '';
  const details = error instanceof PkiError ? error.details : [];
  return new PkiError(
    error instanceof PkiError ? error.code : 'busy',
    `nothing was revoked: the service of ${name} did not take generation ${made}${back}${why}`,
    { hint, cause: error, details },
  );
}

const isServed = (outcome: Rotation): outcome is StandingRotation =>
  ['rotated', 'deployed', 'not-due'].includes(outcome.state) &&
  (outcome.deploy === undefined || outcome.deploy.state === 'done');
