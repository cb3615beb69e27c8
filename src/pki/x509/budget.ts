/**
 * How much work one verdict or one file may cost, counted in operations of about a microsecond,
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
