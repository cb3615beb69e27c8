import { PkiError, type ErrorCode } from '../errors.ts';
import { readFailures, recordFailure, type FailureRecord } from '../store/failure-record.ts';
import type { CertificateFolder } from '../store/generation.ts';
import type { Due } from './rotation-verdict.ts';

const minute = 60_000;

/** What an authority was asked for in vain; everything else is refused here, and costs nothing to try again. */
const counted: readonly ErrorCode[] = [
  'refused',
  'unreachable',
  'credentials',
  'issued-differs',
  'rehearsal-failed',
  'internal',
];

export interface Waiting {
  /** When the authority is asked again. */
  until: Date;
  last: FailureRecord;
}

/**
 * Whether it is too early to ask again after a failure: 1, 2, 4 … minutes, never more than a quarter of the time that
 * was left then. A stamp in the future says nothing: the clock has been set back since.
 */
export function waiting(
  folder: CertificateFolder,
  { generation, standing }: Due,
  now: Date,
): Waiting | undefined {
  const last = readFailures(folder, generation);
  if (!last || last.last > now) return undefined;
  const end = standing?.certificate.notAfter.getTime() ?? Infinity;
  const until = nextTry(last.last, last.failures, end);
  return until > now ? { until, last } : undefined;
}

/** 1, 2, 4 … minutes after the last of so many failures, never more than a quarter of what was left until an end. */
export function nextTry(last: Date, failures: number, end: number): Date {
  const left = Math.max(0, end - last.getTime());
  return new Date(last.getTime() + Math.min(minute * 2 ** (failures - 1), left / 4));
}

/** Remembers a failure for which the next run is to wait. */
export function remember(folder: CertificateFolder, { generation }: Due, error: unknown, now: Date): void {
  const known = error instanceof PkiError ? error : undefined;
  if (known && !counted.includes(known.code)) return;
  const failures = (readFailures(folder, generation)?.failures ?? 0) + 1;
  const message = error instanceof Error ? error.message : String(error);
  recordFailure(folder, { generation, failures, last: now, code: known?.code ?? 'internal', message });
}
