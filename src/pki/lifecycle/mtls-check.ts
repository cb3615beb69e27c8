import type { Cause } from '../tls/refusal-causes.ts';
import type { Certificate } from '../x509/certificate.ts';
import { displayName, type Finding, type Verdict } from '../x509/validation/verdict.ts';
import { negativeProbes } from '../probe-names.ts';

/** Who presents a certificate to whom. */
export type Direction = 'server-to-client' | 'client-to-server';

export const probes = [
  'chain',
  'name',
  'pair',
  'control',
  ...negativeProbes,
  'pair-again',
  'rfc-5280',
  'openssl-tls-1.2',
  'openssl-tls-1.3',
] as const;
export type ProbeName = (typeof probes)[number];

/**
 * What may come of a probe. `not-asked`: the server never asked for the certificate that was to be proven; `skipped`: it was
 * not tried, or what came of it says nothing.
 */
export type Seen = 'accepted' | 'refused' | 'not-asked' | 'no-answer' | 'no-tls' | 'unreachable' | 'skipped';

/** One thing that was tried: a row of the table. */
export interface Check {
  direction: Direction;
  probe: ProbeName;
  expected: 'accepted' | 'refused';
  seen: Seen;
  /** Nothing speaks against it. */
  ok: boolean;
  evidence: string;
  /** Why it is not as it must be, the most likely first; empty where it is. */
  causes: Cause[];
}

export function check(
  probe: Pick<Check, 'direction' | 'probe' | 'expected'>,
  seen: Seen,
  evidence: string,
  causes: readonly Cause[],
): Check {
  const ok = seen === probe.expected;
  return { ...probe, seen, ok, evidence, causes: ok ? [] : [...causes] };
}

/** @param why it was not tried, or says nothing */
export const skipped = (probe: Pick<Check, 'direction' | 'probe' | 'expected'>, why: string): Check => ({
  ...probe,
  seen: 'skipped',
  ok: true,
  evidence: why,
  causes: [],
});

export const causeOf = ({ message, fix }: Pick<Finding, 'message' | 'fix'>): Cause => ({
  certainty: 'found',
  message,
  fix,
});

/** What stands in the way of the most promising path. */
export const findingsOf = ({ candidates }: Verdict): readonly Finding[] => candidates[0]?.findings ?? [];

/** The certificate first, its anchor last. */
export const pathText = (path: readonly Certificate[]): string => path.map(displayName).join(' < ');
