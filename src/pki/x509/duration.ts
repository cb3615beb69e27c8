import { PkiError } from '../errors.ts';

const units = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
} as const;
type Unit = keyof typeof units;

const pattern = /^(\d{1,9}[ywdhms])+$/;

/**
 * Parses `90d`, `12h`, `2w`, `45m`, `1d12h` (y = 365 days) into milliseconds, above zero.
 * @throws PkiError `bad-time` for anything else: no fraction, no bare number, no other unit.
 */
export function parseDuration(input: string, flag = 'duration'): number {
  const parts = pattern.test(input) ? [...input.matchAll(/(\d+)([ywdhms])/g)] : [];
  const total = parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as Unit], 0);
  if (total <= 0 || !Number.isSafeInteger(total)) {
    throw new PkiError('bad-time', `${flag} ${JSON.stringify(input)} is not a length of time`, {
      hint: 'a whole number from 1 up and a unit: 45m, 12h, 90d, 2w, 1y',
    });
  }
  return total;
}

/** `29 days`, `3 hours`, `50 seconds`: the two largest units that matter, for people. */
export function formatDuration(milliseconds: number): string {
  const exact = Math.abs(milliseconds) / 1000;
  // Beyond an hour the seconds since the clock was read do not matter: a fresh 30 days reads as 30 days.
  const seconds = exact > 3600 ? Math.round(exact / 60) * 60 : Math.floor(exact);
  const steps = [
    ['year', 31_536_000],
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
    ['second', 1],
  ] as const;
  const at = steps.findIndex(([, size]) => seconds >= size);
  const [unit, size] = steps[at === -1 ? 4 : at] ?? steps[4];
  const count = Math.floor(seconds / size);
  const rest = steps[at + 1];
  const more = at === -1 || !rest || count >= 3 ? 0 : Math.floor((seconds - count * size) / rest[1]);
  const first = plural(count, unit);
  return more > 0 && rest ? `${first} ${plural(more, rest[0])}` : first;
}

const plural = (count: number, unit: string): string => `${count} ${unit}${count === 1 ? '' : 's'}`;

/**
 * Parses an RFC 3339 date-time or date (midnight UTC).
 * @throws PkiError `bad-time`
 */
export function parseTime(input: string, flag: string): Date {
  const form = /^(\d{4})-(\d{2})-(\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/i.exec(input);
  const date = form ? new Date(input.toUpperCase()) : new Date(Number.NaN);
  const [, , month, day] = form ?? [];
  const sameDay =
    form !== null &&
    new Date(`${input.slice(0, 10)}T00:00:00Z`).getUTCDate() === Number(day) &&
    Number(month) <= 12;
  if (Number.isNaN(date.getTime()) || !sameDay) {
    throw new PkiError('bad-time', `${flag} ${JSON.stringify(input)} is not a time`, {
      hint: 'write it as 2027-01-31T12:00:00Z or 2027-01-31 (midnight UTC)',
    });
  }
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}
