import type { Refusal } from './refusal.ts';

/** Ways in which a call fails that AWS or the network between would be to blame for. */
export const faultKinds = [
  'throttling',
  '500',
  '503',
  'reset',
  'timeout',
  'expired-token',
  'html',
  'slow',
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** One failure: of a call that did nothing, or of one whose answer alone is lost. */
export interface Fault {
  kind: FaultKind;
  afterEffect: boolean;
}

export interface FaultSettings {
  /** Share of calls that fail, 0 to 1. */
  rate: number;
  /** Share of those that fail only after they took effect. */
  afterEffect: number;
  kinds: readonly FaultKind[];
  /** The same seed and the same order of calls fail in the same way. */
  seed: number;
  /** How long a time-out holds the connection before it drops it, and how late a slow answer is. Milliseconds. */
  timeoutMs: number;
  /** Limit of IssueCertificate; `undefined`: AWS's where `rates` is set, else none. */
  issuePerSecond: number | undefined;
  /** Whether every operation is limited to AWS's default rate. */
  rates: boolean;
}

const calm: FaultSettings = {
  rate: 0,
  afterEffect: 0,
  kinds: ['throttling', '500', 'reset', 'timeout'],
  seed: 1,
  timeoutMs: 2000,
  issuePerSecond: undefined,
  rates: false,
};

/** What a service refuses before it looks at a request never has an effect. */
const neverAfter: readonly FaultKind[] = ['throttling', 'expired-token'];

export class Faults {
  settings: FaultSettings = calm;
  readonly #scripted: { operation: string; nth: number; fault: Fault | Refusal }[] = [];
  #random = randomFrom(calm.seed);

  /** Replaces all settings: what is not said is as at the start. */
  set(settings: Partial<FaultSettings>): void {
    this.settings = { ...calm, ...settings };
    this.#random = randomFrom(this.settings.seed);
  }

  /** Lets the n-th call of an operation from now on fail, 1 for the next; a refusal as it is. */
  script(operation: string, fault: Fault | Refusal, nth = 1): void {
    this.#scripted.push({ operation, nth, fault });
  }

  next(operation: string): Fault | Refusal | undefined {
    return this.#nextScripted(operation) ?? this.#nextRandom();
  }

  #nextScripted(operation: string): Fault | Refusal | undefined {
    let found: Fault | Refusal | undefined;
    for (const entry of this.#scripted.filter((one) => one.operation === operation)) {
      entry.nth -= 1;
      if (entry.nth > 0) continue;
      found ??= entry.fault;
      this.#scripted.splice(this.#scripted.indexOf(entry), 1);
    }
    return found;
  }

  #nextRandom(): Fault | undefined {
    const { rate, afterEffect, kinds } = this.settings;
    if (rate === 0 || this.#random() >= rate) return undefined;
    const after = this.#random() < afterEffect;
    const possible = kinds.filter((kind) => !after || !neverAfter.includes(kind));
    const kind = (possible.length > 0 ? possible : kinds)[
      Math.floor(this.#random() * (possible.length > 0 ? possible : kinds).length)
    ];
    return kind && { kind, afterEffect: after && possible.length > 0 };
  }
}

/** mulberry32: 32 bits of state are enough for which call fails. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
