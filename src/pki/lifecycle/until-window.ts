import { nextOpening, type MaintenanceWindow } from '../maintenance-window.ts';
import { isByTime, type Due } from './rotation-verdict.ts';
import type { Standing } from './standing.ts';

/** The last tenth of a certificate's life is no time to wait in. */
const margin = 0.1;

/** A certificate waits, or cannot: none of its windows opens before it is too late. */
export type Closed = { opens: Date; standing: Standing } | 'too-late';

/**
 * Whether a certificate that is due by time has to wait for a window; whatever else makes one due cannot.
 * @returns `undefined` where it has no window, one is open, or its reason cannot wait.
 */
export function untilWindow(
  windows: readonly MaintenanceWindow[],
  { reason, isRevoked = false, standing, ends }: Pick<Due, 'reason' | 'isRevoked' | 'standing' | 'ends'>,
  now: Date,
): Closed | undefined {
  if (windows.length === 0 || !standing || !ends || isRevoked || !isByTime(reason)) return undefined;
  const opens = nextOpening(windows, now);
  if (opens && opens <= now) return undefined;
  const life = ends.getTime() - standing.certificate.notBefore.getTime();
  return opens && opens.getTime() < ends.getTime() - life * margin ? { opens, standing } : 'too-late';
}
