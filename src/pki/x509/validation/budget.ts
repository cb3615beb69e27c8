/**
 * How much work one verdict may cost, counted in operations of about a microsecond,
 * so that the same input always gets the same verdict, however busy the machine is.
 */
export class Budget {
  #left: number;

  constructor(operations: number) {
    this.#left = operations;
  }

  get exhausted(): boolean {
    return this.#left <= 0;
  }

  /** Takes what a step costs; false where it may not be begun any more. */
  spend(operations: number): boolean {
    this.#left -= operations;
    return this.#left > 0;
  }
}

export const cost = {
  /** One candidate issuer looked at. */
  step: 20,
  /** A key decoded and a signature checked. */
  signature: 300,
  /** Policies and revocation of one whole path. */
  path: 100,
} as const;

/** About half a second of a slow machine. */
export const defaultBudget = 500_000;
