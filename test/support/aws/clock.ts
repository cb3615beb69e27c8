/** Real time, from wherever it was moved to. AWS's windows and certificates go by it; rates go by real time. */
export class Clock {
  #offset = 0;

  now(): Date {
    return new Date(Date.now() + this.#offset);
  }

  /** Whole seconds, as certificates have them. */
  seconds(): Date {
    return new Date(Math.floor(this.now().getTime() / 1000) * 1000);
  }

  set(time: Date): void {
    this.#offset = time.getTime() - Date.now();
  }

  /** @param milliseconds forwards, or backwards where negative */
  advance(milliseconds: number): void {
    this.#offset += milliseconds;
  }
}

/** How AWS JSON writes a time: seconds since 1970. */
export const epoch = (time: Date): number => time.getTime() / 1000;
