import { PkiError, type ErrorCode } from '../pki/errors.ts';

/** Process exit codes (docs/exit-codes.md); 75 is EX_TEMPFAIL of sysexits(3). */
export const exit = { done: 0, failed: 1, usage: 2, no: 3, partly: 4, changed: 10, tryAgain: 75 } as const;

export type ExitCode = (typeof exit)[keyof typeof exit];

/** The one table from what went wrong to what the caller's shell sees. */
export const exitCodeOf = {
  usage: exit.usage,
  'bad-name': exit.usage,
  'bad-time': exit.usage,
  'bad-input': exit.usage,
  'bad-config': exit.usage,
  malformed: exit.usage,
  'not-found': exit.usage,
  unreadable: exit.usage,
  exists: exit.usage,
  passphrase: exit.usage,
  'lax-permissions': exit.usage,
  'key-mismatch': exit.usage,
  'not-valid': exit.usage,
  'outlives-issuer': exit.usage,
  'not-permitted': exit.usage,
  'pending-differs': exit.usage,
  unsupported: exit.usage,
  io: exit.failed,
  'issued-differs': exit.failed,
  'rehearsal-failed': exit.failed,
  'hook-failed': exit.failed,
  'confirm-failed': exit.failed,
  refused: exit.failed,
  credentials: exit.failed,
  internal: exit.failed,
  'no-tls': exit.no,
  busy: exit.tryAgain,
  unreachable: exit.tryAgain,
  'in-doubt': exit.tryAgain,
  'not-yet-valid': exit.tryAgain,
} as const satisfies Record<ErrorCode, ExitCode>;

export const errorExit = (error: unknown): ExitCode =>
  error instanceof PkiError ? exitCodeOf[error.code] : exit.failed;

/** The same behind a switch: something was touched, whatever the fault is. */
export const exitAfterSwitch = (error: unknown): ExitCode =>
  errorExit(error) === exit.tryAgain ? exit.tryAgain : exit.failed;

/** Of several parts, each on its own: where some failed and others are done, 4, whatever it is that failed them. */
export function combineParts(codes: readonly ExitCode[]): ExitCode {
  const failed = codes.some((code) => code === exit.failed || code === exit.usage);
  return failed && codes.includes(exit.done) ? exit.partly : combine(codes);
}

/** Where several certificates end differently: the first of these that occurs (2, then 4 for a mix, 1, 3, 75). */
export function combine(codes: readonly ExitCode[]): ExitCode {
  const seen = new Set(codes);
  if (seen.has(exit.usage)) return exit.usage;
  if (seen.has(exit.partly) || (seen.has(exit.failed) && seen.has(exit.done))) return exit.partly;
  return ([exit.failed, exit.no, exit.tryAgain] as const).find((code) => seen.has(code)) ?? exit.done;
}
