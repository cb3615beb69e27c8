import { PkiError } from '../../errors.ts';
import { wasNeverSent } from './never-sent.ts';

/** A command of the SDK, as far as its middleware goes. */
interface Command {
  middlewareStack: {
    add(
      middleware: (next: (args: object) => Promise<never>) => (args: object) => Promise<never>,
      options: { name: string; step: 'finalizeRequest'; priority: 'low' },
    ): void;
  };
}

/** What AWS says of an order as such: had an attempt been good, this one would be too. */
const ofTheOrder = [
  'InvalidArgsException',
  'InvalidArnException',
  'InvalidDomainValidationOptionsException',
  'InvalidParameterException',
  'MalformedCSRException',
  'ValidationException',
];

/**
 * The attempts to send one order, the SDK's own retries included. Whether the last of them was refused does not tell
 * what became of those before it.
 */
export class Sending {
  /** Whether one of them may have been carried out. */
  #doubtful: boolean;
  readonly #refuseForgotten: () => void;

  /**
   * @param doubtful whether an earlier run may have sent it
   * @param refuseForgotten throws once AWS does not know the order's token any more
   */
  constructor(doubtful: boolean, refuseForgotten: () => void) {
    this.#doubtful = doubtful;
    this.#refuseForgotten = refuseForgotten;
  }

  watch<C extends object>(command: C): C {
    // As near to the wire as it goes: below the retries, after the wait for a turn.
    (command as unknown as Command).middlewareStack.add(
      (next) => async (args) => {
        // The first attempt of all may come at any time: no other order can have been answered for it.
        if (this.#doubtful) this.#refuseForgotten();
        try {
          const answer = await next(args);
          this.#doubtful = true;
          return answer;
        } catch (error) {
          this.#doubtful ||= !wasNotDone(error);
          throw error;
        }
      },
      { name: 'certwrightSending', step: 'finalizeRequest', priority: 'low' },
    );
    return command;
  }

  /** Whether any attempt may have been carried out, now that this was thrown in the end. */
  mayBeCarriedOut(error: unknown): boolean {
    const cause = error instanceof PkiError ? error.cause : undefined;
    return this.#doubtful && !(cause instanceof Error && ofTheOrder.includes(cause.name));
  }
}

function wasNotDone(error: unknown): boolean {
  if (wasNeverSent(error)) return true;
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  return status !== undefined && status >= 400 && status < 500;
}
