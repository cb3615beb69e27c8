import { PkiError } from '../errors.ts';
import { parseDuration } from './duration.ts';

/** When in its life a certificate is replaced: after a share of it, or a time in milliseconds before its end. */
export type RenewalPoint = { share: number } | { before: number };

/**
 * Parses `66%`, `20d-before` or `36h-before`.
 * @throws PkiError `bad-time`
 */
export function parseRenewalPoint(text: string, label: string): RenewalPoint {
  const [, percent] = /^([1-9]\d?)%$/.exec(text) ?? [];
  if (percent !== undefined) return { share: Number(percent) / 100 };
  const [, span] = /^(\w+)-before$/.exec(text) ?? [];
  if (span !== undefined) return { before: parseDuration(span, label) };
  throw new PkiError('bad-time', `${label} ${JSON.stringify(text)} is not a point in a certificate's life`, {
    hint: 'a share of its life (1% to 99%) or a time before its end: 66%, 20d-before, 36h-before',
  });
}
