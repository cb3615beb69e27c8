import { PkiError, type PkiErrorOptions } from '../../errors.ts';
import { formatDuration } from '../../x509/duration.ts';
import type { Journal } from '../authority.ts';
import { Sending } from './sending.ts';

/** What the journal holds from the moment before an order is sent to AWS. */
interface PlacedOrder<Order> {
  /** Plain JSON. Sent again, it must be the same to the byte, or AWS takes it for another one and bills it too. */
  order: Order;
  /** When it was first sent, by AWS's clock where that was known: AWS counts a token's life from there. */
  askedAt: string;
  /** How many orders came before it, each repeated on purpose. */
  earlier: number;
  /** Written down the moment it is known: from there on, nothing is ever ordered again. */
  certificateArn?: string;
}

/** For how long an order may be sent again. */
interface Memory {
  /** AWS's clock, where it is known: this machine's may have been set right since. */
  now: () => Date;
  /** Milliseconds for which AWS answers a token the same, less what clocks and the answer's way may take. */
  tokenLife: number;
  /** Order once more, although the earlier order may have been carried out. */
  reissue: boolean;
  /** What to say where that is not known and not wanted. */
  inDoubt: (askedAt: string) => { message: string } & PkiErrorOptions;
}

export interface Purchase<Order> extends Memory {
  /** What there is to do about an order that is in doubt, where it is not the order of a generation. */
  wayOut?: string;
  /** Makes the order; `earlier` of them came before it. */
  place: (earlier: number) => Order;
  /** Sends it, with the command's attempts watched. @returns the certificate's ARN */
  send: (order: Order, sending: Sending) => Promise<string>;
}

/**
 * Goes on with the order of an earlier run, or places one: it is on disk before it is sent, and AWS's answer is on disk
 * before anything else happens.
 * Where it was certainly not carried out, whatever the error, nothing is left in the journal.
 * @throws PkiError `refused`, `credentials` where it was not carried out; `unreachable` where that is not known, or where
 * it was throttled; `in-doubt` where an earlier order was sent, no answer came, and AWS cannot be asked any more
 */
export async function orderOnce<Order>(
  journal: Journal,
  purchase: Purchase<Order>,
): Promise<{ order: Order; certificateArn: string }> {
  const kept = journal.read() as PlacedOrder<Order> | undefined;
  if (kept?.certificateArn !== undefined) return { ...kept, certificateArn: kept.certificateArn };
  const placed = kept && mayGoOn(kept, purchase) ? kept : place(journal, kept, purchase);
  const sending = new Sending(placed === kept, () => refuseForgotten(placed, purchase));
  try {
    const certificateArn = await purchase.send(placed.order, sending);
    keepAnswer(journal, { ...placed, certificateArn }, purchase);
    return { order: placed.order, certificateArn };
  } catch (error) {
    if (sending.mayBeCarriedOut(error)) throw inDoubtDespite(error, purchase.wayOut);
    // Throttled, refused, or never sent: there is nothing to ask AWS about later.
    journal.forget();
    throw error;
  }
}

/** What fails here, as on a full disk, does not take with it what was paid for: nobody else would ever say its ARN. */
function keepAnswer<Order>(
  journal: Journal,
  answered: PlacedOrder<Order> & { certificateArn: string },
  { tokenLife }: Memory,
): void {
  try {
    journal.write({ ...answered }, { durable: true });
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    const { code, message, cause } = error;
    throw new PkiError(code, `${message}; AWS has answered, with ${answered.certificateArn}`, {
      hint: `mend that, and give the same command within ${formatDuration(tokenLife)}, for which AWS knows the order: it then goes on, and pays no second time`,
      cause,
    });
  }
}

/** By how many milliseconds AWS's clock may seem to go backwards from one run to the next, as it is heard over a network. */
const blur = 2_000;

/** A stamp in the future says that the clock was set back: then nobody knows how old it is. */
export function isRemembered(
  { askedAt }: Pick<PlacedOrder<unknown>, 'askedAt'>,
  { now, tokenLife }: Pick<Memory, 'now' | 'tokenLife'>,
): boolean {
  const age = now().getTime() - new Date(askedAt).getTime();
  return age >= -blur && age <= tokenLife;
}

function refuseForgotten(placed: PlacedOrder<unknown>, purchase: Memory): void {
  if (isRemembered(placed, purchase)) return;
  const { message, ...options } = purchase.inDoubt(placed.askedAt);
  throw new PkiError('in-doubt', message, options);
}

/** Whether an earlier order is sent again as it was, rather than another one on purpose. */
function mayGoOn(kept: PlacedOrder<unknown>, purchase: Memory): boolean {
  if (isRemembered(kept, purchase)) return true;
  if (!purchase.reissue) refuseForgotten(kept, purchase);
  return false;
}

function place<Order>(
  journal: Journal,
  kept: PlacedOrder<Order> | undefined,
  purchase: Purchase<Order>,
): PlacedOrder<Order> {
  const earlier = kept ? kept.earlier + 1 : 0;
  const placed = { order: purchase.place(earlier), askedAt: purchase.now().toISOString(), earlier };
  journal.write({ ...placed }, { durable: true });
  return placed;
}

/** What a refusal says about an order of which an earlier attempt got no answer; any other error as it is. */
export function inDoubtDespite(
  error: unknown,
  wayOut = 'give the same command again, or drop the order with --discard-pending',
): unknown {
  if (!(error instanceof PkiError) || (error.code !== 'refused' && error.code !== 'credentials'))
    return error;
  return new PkiError(
    'unreachable',
    `${error.message}; an earlier attempt at the same order got no answer and may have been carried out`,
    { hint: `${error.hint ?? 'mend that'}; then ${wayOut}`, cause: error },
  );
}
