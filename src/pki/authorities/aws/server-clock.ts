/**
 * AWS's clock, by the Date headers of its answers. What is said of it is only as good as the quickest answer was quick.
 */
export class ServerClock {
  readonly #now: () => Date;
  #best: { ahead: number; doubt: number } | undefined;

  /** @param now this machine's clock */
  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Listens to one exchange. */
  async hear<T>(exchange: () => Promise<T>): Promise<T> {
    const sent = this.#now().getTime();
    try {
      const answer = await exchange();
      this.#note(dateOf((answer as { response?: unknown }).response), sent);
      return answer;
    } catch (error) {
      this.#note(dateOf((error as { $response?: unknown }).$response), sent);
      throw error;
    }
  }

  #note(date: string | undefined, sent: number): void {
    const stamp = Date.parse(date ?? '');
    const doubt = Math.abs(this.#now().getTime() - sent) / 2;
    if (Number.isNaN(stamp) || (this.#best && this.#best.doubt <= doubt)) return;
    // The header has whole seconds: half of one is what is left of it on average.
    this.#best = { ahead: stamp + 500 - (sent + doubt), doubt };
  }

  /** What AWS's clock shows from now on, by what is known of it so far; this machine's where that is nothing. */
  reckoned(): () => Date {
    const ahead = this.ahead ?? 0;
    return () => new Date(this.#now().getTime() + ahead);
  }

  /** By how many milliseconds it is ahead of this machine's; negative where it is behind; not known before an answer. */
  get ahead(): number | undefined {
    return this.#best && Math.round(this.#best.ahead);
  }
}

function dateOf(response: unknown): string | undefined {
  const { headers } = (response ?? {}) as { headers?: Readonly<Record<string, string>> };
  return headers?.['date'];
}
