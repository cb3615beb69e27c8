import type { Done } from '../deploy/world.ts';
import { PkiError } from '../errors.ts';
import { writeDeployRecord } from '../store/deploy-record.ts';
import { withLock } from '../store/lock.ts';
import { accept, notTaken, oneMore, type Deployed, type DeployingWorld, type Telling } from './deployment.ts';
import { outputsOf } from './issue.ts';
import { nextTry } from './patience.ts';
import { revocationOf } from './revocation-of.ts';

/** Switched back, and not told yet. */
export interface Return {
  state: 'return';
  back: Telling;
  error: unknown;
}

/**
 * Only what a server shows is a reason, and only where there is something better to go back to. What is newer is not:
 * somebody has gone back from it by hand.
 */
export function shouldReturn(
  { deployment, folder, previous, standing }: Telling,
  error: unknown,
  store: string,
  now: Date,
): boolean {
  const isShown = error instanceof PkiError && error.code === 'confirm-failed';
  if (!isShown || !deployment.mayReturn || deployment.plan.onFailure === 'keep' || !previous) return false;
  if (previous.generation > standing.generation) return false;
  const { notBefore, notAfter } = previous.certificate;
  return notBefore <= now && now < notAfter && !revocationOf(folder, store, previous);
}

/**
 * Switches back. It is written down first: a run that dies after the switch is followed by one that knows what the newer
 * generation is.
 * @returns `undefined` where another run has switched meanwhile.
 */
export async function goBack(
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
export function endReturn(
  back: Telling,
  told: Done | { error: unknown } = {},
  error: unknown,
  now: Date,
): Deployed {
  const { standing, record } = back;
  if ('error' in told) return { ...notTaken(back, told.error, now), back: { error, standing } };
  accept(back, now);
  const { candidate } = record;
  if (!candidate) throw new PkiError('internal', 'switched back from nothing');
  const until = nextTry(candidate.last, candidate.attempts, standing.certificate.notAfter.getTime());
  return { state: 'candidate', generation: standing.generation, candidate, until, error, standing };
}
