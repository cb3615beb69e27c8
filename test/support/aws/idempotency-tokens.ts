import type { Clock } from './clock.ts';

/** Remembers what a token led to, for as long as AWS does, counted from the first call. */
export class IdempotencyTokens {
  readonly #clock: Clock;
  readonly #results = new Map<string, { until: number; result: Promise<string> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Does it, or answers what it led to when this token was last seen. What else the request says is not compared:
   * ACM does not, and of AWS Private CA it is not documented.
   * @param scope what the token is unique within
   * @param life in milliseconds
   */
  once(
    scope: readonly string[],
    token: string | undefined,
    life: number,
    act: () => Promise<string>,
  ): Promise<string> {
    if (token === undefined) return act();
    const key = JSON.stringify([...scope, token]);
    const now = this.#clock.now().getTime();
    const known = this.#results.get(key);
    if (known && now < known.until) return known.result;
    const result = act();
    this.#results.set(key, { until: now + life, result });
    // A refused request is not remembered.
    result.catch(() => this.#results.delete(key));
    return result;
  }
}
