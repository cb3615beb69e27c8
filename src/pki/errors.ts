/** The closed list of what can go wrong. `src/commands/exit-codes.ts` maps each to an exit code. */
export const errorCodes = [
  // The caller's input: nothing was touched.
  'usage',
  'bad-name',
  'bad-time',
  'bad-input',
  'bad-config',
  'malformed',
  'not-found',
  'unreadable',
  'exists',
  'passphrase',
  'lax-permissions',
  'key-mismatch',
  'not-valid',
  'outlives-issuer',
  'not-permitted',
  'pending-differs',
  'unsupported',
  // The run itself.
  'io',
  'issued-differs',
  'rehearsal-failed',
  'hook-failed',
  'confirm-failed',
  'refused',
  'credentials',
  'internal',
  // It worked, and the answer is no.
  'no-tls',
  // Worth trying again.
  'busy',
  'unreachable',
  'in-doubt',
  'not-yet-valid',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** One of several things that are wrong in a file; line and column count from one. */
export interface Fault {
  file: string;
  line: number;
  column: number;
  code: ErrorCode;
  message: string;
  hint: string;
}

/** Somebody else's clock, beside this machine's. */
export interface ClockDifference {
  source: string;
  /** By how many milliseconds it is ahead; negative where it is behind. */
  ahead: number;
}

export interface PkiErrorOptions {
  /** The way out, one sentence without a full stop. */
  hint?: string | undefined;
  cause?: unknown;
  faults?: readonly Fault[];
  clock?: ClockDifference | undefined;
  /** What another program said of it, line by line; hostile text. */
  details?: readonly string[];
}

/**
 * Every failure that this program foresees.
 * The message is lower case, has no full stop and quotes the offending value.
 */
export class PkiError extends Error {
  override readonly name = 'PkiError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** Where they are: every one of them, in the order of the file. */
  readonly faults: readonly Fault[];
  /** By how much clocks differ, where that matters and was measured. */
  readonly clock: ClockDifference | undefined;
  readonly details: readonly string[];

  constructor(code: ErrorCode, message: string, options: PkiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.faults = options.faults ?? [];
    this.clock = options.clock;
    this.details = options.details ?? [];
  }
}

/** Node's error code (`ENOENT`, `ERR_OSSL_BAD_DECRYPT`, …) of a foreign error, if it has one. */
export function foreignCode(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return error.code;
  }
  return undefined;
}
