import type { World } from './issue.ts';

/**
 * Works on many items, a few at a time; what becomes of each is reported as it comes, in no order.
 * @param settle never throws for what befalls one item: that is an outcome too.
 * @throws whatever the world's signal was aborted with, after what was begun has come to a point where it goes on.
 */
export async function manyAtATime<T, Outcome extends { state: string }>(
  items: readonly T[],
  jobs: number,
  world: Pick<World, 'signal'>,
  settle: (item: T) => Outcome | Promise<Outcome>,
  report: (outcome: Outcome, item: T) => void,
): Promise<void> {
  const queue = items.values();
  let heard = 0;
  const ended = (): boolean => world.signal.aborted;
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      // A CA in a folder never waits: without this no signal would be heard before the end.
      if (performance.now() - heard > 10) {
        await new Promise(setImmediate);
        heard = performance.now();
      }
      if (ended()) return;
      const settling = settle(item);
      const outcome = settling instanceof Promise ? await settling : settling;
      // What the end of the run has stopped is no failure of its own.
      if (!ended() || outcome.state !== 'failed') report(outcome, item);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  world.signal.throwIfAborted();
}
