import type { Cause } from '../tls/refusal-causes.ts';
import type { Certificate } from '../x509/certificate.ts';
import { displayName, type Finding, type Verdict } from '../x509/validation/verdict.ts';

/** Who presents a certificate to whom. */
export type Direction = 'server-to-client' | 'client-to-server';

export const probes = [
  'chain',
  'name',
  'pair',
  'no-certificate',
  'stranger',
  'rfc-5280',
  'openssl-tls-1.2',
  'openssl-tls-1.3',
] as const;
export type ProbeName = (typeof probes)[number];

/** What may come of a probe. `not-asked`: the server never asked for the certificate that was to be proven. */
export type Seen = 'accepted' | 'refused' | 'not-asked' | 'no-answer' | 'no-tls' | 'unreachable';

/** One thing that was tried: a row of the table. */
export interface Check {
  direction: Direction;
  probe: ProbeName;
  expected: 'accepted' | 'refused';
  seen: Seen;
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

export const causeOf = ({ message, fix }: Pick<Finding, 'message' | 'fix'>): Cause => ({
  certainty: 'found',
  message,
  fix,
});

/** What stands in the way of the most promising path. */
export const findingsOf = ({ candidates }: Verdict): readonly Finding[] => candidates[0]?.findings ?? [];

/** The certificate first, its anchor last. */
export const pathText = (path: readonly Certificate[]): string => path.map(displayName).join(' < ');
