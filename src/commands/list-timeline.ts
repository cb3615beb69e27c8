import { day, type Row } from './list-rows.ts';
import type { Paint } from './output.ts';
import { printable } from './printable.ts';

const longestName = 30;

/**
 * A bar a certificate, from now to the last end: full until its successor is due, light from there to its end.
 * @param columns how wide the terminal is.
 */
export function timeline(rows: readonly Row[], now: Date, columns: number, paint: Paint): string[] {
  const ends = rows.flatMap(({ end }) => (end ? [end.getTime()] : []));
  const last = Math.max(...ends);
  if (ends.length === 0 || last <= now.getTime()) return [];
  const names = Math.min(longestName, Math.max(...rows.map(({ name }) => printable(name).length)));
  const width = Math.max(10, columns - names - 2);
  const column = (time: Date): number => {
    const share = (time.getTime() - now.getTime()) / (last - now.getTime());
    return Math.round(Math.min(1, Math.max(0, share)) * width);
  };
  const bars = rows.flatMap(({ name, begin, due, end, tone }) => {
    if (!end) return [];
    const blank = begin ? column(begin) : 0;
    const full = Math.max(blank, column(due ?? end));
    const bar = ' '.repeat(blank) + '█'.repeat(full - blank) + '░'.repeat(Math.max(0, column(end) - full));
    return [`${cut(printable(name), names)}  ${paint[tone](bar.trim() === '' ? '▏' : bar)}`];
  });
  const from = day(now);
  const to = day(new Date(last));
  return [
    ...bars,
    `${' '.repeat(names)}  ${from}${to.padStart(Math.max(width - from.length, to.length + 1))}`,
  ];
}

const cut = (name: string, width: number): string =>
  name.length <= width ? name.padEnd(width) : `${name.slice(0, width - 1)}…`;
