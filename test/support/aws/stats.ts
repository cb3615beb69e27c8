/** What was called and what it would have cost. */
export class Stats {
  /** Every request that reached an operation, whatever became of it. */
  readonly calls: Record<string, number> = {};
  /** Of those: refused for their rate. */
  readonly throttled: Record<string, number> = {};
  /** Faults that were made up, by kind. */
  readonly faults: Record<string, number> = {};
  /** Answers that were refusals, by their code. */
  readonly refusals: Record<string, number> = {};
  /** Certificates that AWS would have charged for. */
  billed = 0;

  count(list: 'calls' | 'throttled' | 'faults' | 'refusals', name: string): void {
    this[list][name] = (this[list][name] ?? 0) + 1;
  }
}
