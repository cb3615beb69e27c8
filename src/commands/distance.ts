import { formatDuration } from '../pki/x509/duration.ts';

/** `in 29 days`, `3 hours ago`: how far a time is from now. */
export function distance(time: Date, now: Date): string {
  const span = time.getTime() - now.getTime();
  return span >= 0 ? `in ${formatDuration(span)}` : `${formatDuration(span)} ago`;
}
