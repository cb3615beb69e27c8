import { PkiError } from '../errors.ts';

/** How much stretching one file may cost; a unit is one round of PBKDF2 with SHA-256, about 0.15 microseconds. */
export class StretchingBudget {
  #left: number;

  constructor(units: number) {
    this.#left = units;
  }

  /** @throws PkiError `unsupported` */
  spend(units: number, what: string): void {
    this.#left -= units;
    if (this.#left >= 0) return;
    throw new PkiError('unsupported', `${what} is more work than this program does for a file`, {
      hint: 'encrypt it anew with fewer rounds, for example 600000',
    });
  }
}

/** About half a second. */
export const askedFor = 3_000_000;
/** Nobody has said that the file is worth waiting for. */
export const unasked = 500_000;
