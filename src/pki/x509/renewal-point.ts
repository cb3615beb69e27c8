import { PkiError } from '../errors.ts';
import { formatDuration, parseDuration } from './duration.ts';

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

/** What is issued begins this much before it is, since clocks differ. In milliseconds. */
export const backdating = 60_000;

/**
 * How far in a life of that length a point lies; `undefined` where that is not clearly, by half a percent of it, after the
 * certificate is made: it would be due again at once, without end.
 */
export function placeIn(life: number, point: RenewalPoint): number | undefined {
  const place = 'share' in point ? life * point.share : life - point.before;
  return place - backdating >= (life - backdating) / 200 ? place : undefined;
}

/** Why no certificate that lives so long is replaced at a point, one clause; `undefined` where it can be. */
export function endlessRenewal(life: number, text: string, label: string): string | undefined {
  if (placeIn(life, parseRenewalPoint(text, label)) !== undefined) return undefined;
  return `at ${label} ${text}, a certificate that lives ${formatDuration(life)} would be due as soon as it is made`;
}

/** @throws PkiError `bad-time` */
export function refuseEndlessRenewal(life: number, text: string, label: string): void {
  const why = endlessRenewal(life, text, label);
  if (why === undefined) return;
  throw new PkiError('bad-time', why, {
    hint: 'renew it nearer to its end, or at a share of its life (66%)',
  });
}
