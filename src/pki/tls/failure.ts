import { foreignCode } from '../errors.ts';

/** The steps of a connection, in order. */
export type Phase = 'resolve' | 'connect' | 'proxy' | 'starttls' | 'handshake' | 'answer';

/** Why a connection came to nothing before TLS began: data for a verdict, thrown only within this folder. */
export class ConnectionFailure extends Error {
  readonly phase: Phase;
  readonly timedOut: boolean;

  constructor(phase: Phase, message: string, options: { timedOut?: boolean; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.phase = phase;
    this.timedOut = options.timedOut ?? false;
  }
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (connection refused)',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to its network',
  ETIMEDOUT: 'the connection timed out',
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name could not be resolved for now',
  EPIPE: 'the connection was closed',
};

/** The system's error codes in words. */
export function networkWords(error: unknown): string {
  const code = foreignCode(error) ?? '';
  const known = words[code];
  if (known !== undefined) return known;
  // Node tries every address of a name and wraps what came of it.
  if (error instanceof AggregateError && error.errors.length > 0) return networkWords(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

/** Runs `work` for at most `limit` milliseconds. What it leaves behind is the caller's to close. */
export async function within<T>(phase: Phase, limit: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(
      () => fail(new ConnectionFailure(phase, `no answer within ${limit / 1000} s`, { timedOut: true })),
      limit,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
