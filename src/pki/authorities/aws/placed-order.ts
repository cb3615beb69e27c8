import { PkiError, type PkiErrorOptions } from '../../errors.ts';
import type { Journal } from '../authority.ts';

/** What the journal holds from the moment before an order is sent to AWS. */
export interface PlacedOrder<Order> {
  /** Plain JSON. Sent again, it must be the same to the byte, or AWS takes it for another one and bills it too. */
  order: Order;
  /** When it was first sent: AWS counts a token's life from there. */
  askedAt: string;
  /** How many orders came before it, each repeated on purpose. */
  earlier: number;
  /** Written down the moment it is known: from there on, nothing is ever ordered again. */
  certificateArn?: string;
}

export interface TokenLife {
  /** Milliseconds for which AWS answers a token the same, less what clocks and the answer's way may take. */
  milliseconds: number;
  /** Order once more, although the earlier order may have been carried out. */
  reissue: boolean;
  /** What to say where that is not known and not wanted. */
  inDoubt: (askedAt: string) => { message: string } & PkiErrorOptions;
}

/**
 * Goes on with the order of an earlier run, or places one: it is on disk before it is sent.
 * @param place makes the order; `earlier` of them came before it
 * @throws PkiError `in-doubt` where an earlier order was sent, no answer came, and AWS cannot be asked any more
 */
export function resumeOrPlace<Order>(
  journal: Journal,
  now: Date,
  life: TokenLife,
  place: (earlier: number) => Order,
): PlacedOrder<Order> {
  const kept = journal.read() as PlacedOrder<Order> | undefined;
  if (kept !== undefined) {
    const age = now.getTime() - new Date(kept.askedAt).getTime();
    // A stamp in the future says that the clock was set back: then nobody knows how old it is.
    const isRemembered = age >= 0 && age <= life.milliseconds;
    if (kept.certificateArn !== undefined || isRemembered) return kept;
    if (!life.reissue) {
      const { message, ...options } = life.inDoubt(kept.askedAt);
      throw new PkiError('in-doubt', message, options);
    }
  }
  const earlier = kept ? kept.earlier + 1 : 0;
  const placed = { order: place(earlier), askedAt: now.toISOString(), earlier };
  journal.write({ ...placed }, { durable: true });
  return placed;
}

/** Writes down what AWS answered. */
export function keepArn<Order>(journal: Journal, placed: PlacedOrder<Order>, certificateArn: string): void {
  journal.write({ ...placed, certificateArn }, { durable: true });
}
