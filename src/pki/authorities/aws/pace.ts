import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Keeps the calls of this process below what AWS allows, each attempt counted: without it a burst is throttled, and
 * every retry is one more call against the same limit.
 */
export class Pace {
  readonly #interval: number;
  #next = 0;

  /** @param perSecond calls a second, evenly spread */
  constructor(perSecond: number) {
    this.#interval = 1000 / perSecond;
  }

  /** Waits for this call's turn. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const at = Math.max(now, this.#next);
    this.#next = at + this.#interval;
    if (at > now) {
      await sleep(at - now, undefined, { signal }).catch(() => {
        signal.throwIfAborted();
      });
    }
  }
}
