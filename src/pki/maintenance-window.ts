import { PkiError } from './errors.ts';

export const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
export type Weekday = (typeof weekdays)[number];

/** Hours by the clock on the wall in which a service may be touched. */
export interface MaintenanceWindow {
  /** On which it opens; it may close on the next. */
  days: Weekday[];
  /** `02:00`; closes at `to`, which is after midnight where it is not later than `from`. */
  from: string;
  to: string;
  /** `Europe/Berlin`; `undefined` for that of this machine, as cron takes it. */
  timeZone: string | undefined;
}

/**
 * Minutes since midnight of `02:00`; `24:00` is the end of a day.
 * @throws PkiError `bad-time`
 */
export function parseTimeOfDay(text: string, label: string): number {
  const [, hours, minutes] = /^([01]\d|2[0-4]):([0-5]\d)$/.exec(text) ?? [];
  const time = Number(hours) * 60 + Number(minutes);
  if (time <= 1440) return time;
  throw new PkiError('bad-time', `${label} ${JSON.stringify(text)} is not a time of day`, {
    hint: 'hours and minutes: "02:00" to "24:00"',
  });
}

/** @throws PkiError `bad-time` for one that no database of time zones knows. */
export function checkTimeZone(name: string, label: string): void {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
  } catch {
    throw new PkiError('bad-time', `${label} ${JSON.stringify(name.slice(0, 80))} is not known`, {
      hint: 'a name such as Europe/Berlin, America/New_York or UTC',
    });
  }
}

const minute = 60_000;
const day = 1440 * minute;
/** The only window of a week may fall into the hour that the clock skips. */
const daysAhead = 15;

/**
 * When one of them is open next: `at` itself where one is. An hour that the clock skips in spring opens none, one that it
 * repeats in autumn is open twice.
 * @returns `undefined` where none opens within two weeks.
 */
export function nextOpening(windows: readonly MaintenanceWindow[], at: Date): Date | undefined {
  const openings = windows.flatMap((window) => openingOf(window, at.getTime()) ?? []);
  return openings.length === 0 ? undefined : new Date(Math.min(...openings));
}

function openingOf(window: MaintenanceWindow, at: number): number | undefined {
  if (isOpen(window, at)) return at;
  const today = Math.floor(wallClock(at, window.timeZone) / day) * day;
  for (let ahead = 0; ahead <= daysAhead; ahead += 1) {
    const midnight = today + ahead * day;
    if (!window.days.includes(weekdayOf(midnight))) continue;
    const wall = midnight + parseTimeOfDay(window.from, 'from') * minute;
    const opening = firstAt(wall, window.timeZone);
    if (opening > at && isOpen(window, opening)) return opening;
  }
  return undefined;
}

function isOpen({ days, from, to, timeZone }: MaintenanceWindow, at: number): boolean {
  const wall = wallClock(at, timeZone);
  const time = Math.floor((wall % day) / minute);
  const [start, end] = [parseTimeOfDay(from, 'from'), parseTimeOfDay(to, 'to')];
  const today = days.includes(weekdayOf(wall));
  if (start < end) return today && time >= start && time < end;
  return (today && time >= start) || (days.includes(weekdayOf(wall - day)) && time < end);
}

/** Of a time on the wall. */
const weekdayOf = (wall: number): Weekday => weekdays[new Date(wall).getUTCDay()] ?? 'sun';

/** The first moment at which the clock on the wall shows a time, or a later one where it skips that. */
function firstAt(wall: number, timeZone: string | undefined): number {
  const offset = (at: number): number => wallClock(at, timeZone) - at;
  const moments = [wall - offset(wall - day), wall - offset(wall + day)];
  let [before, after] = [Math.min(...moments), Math.max(...moments)];
  if (wallClock(before, timeZone) >= wall) return before;
  while (after - before > minute) {
    const middle = before + Math.floor((after - before) / minute / 2) * minute;
    if (wallClock(middle, timeZone) >= wall) after = middle;
    else before = middle;
  }
  return after;
}

const clocks = new Map<string | undefined, Intl.DateTimeFormat>();

/** What the clock on the wall shows, as if it were UTC; whole seconds. */
function wallClock(at: number, timeZone: string | undefined): number {
  const known = clocks.get(timeZone);
  const clock =
    known ??
    new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23' },
      ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
  if (!known) clocks.set(timeZone, clock);
  const parts = new Map(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const of = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
}

/**
 * Reads `window` of request.json.
 * @throws PkiError `malformed` for what is damaged: without it, services would be reloaded at any time
 */
export function readMaintenanceWindows(json: unknown, file: string): MaintenanceWindow[] {
  const windows: unknown = json ?? [];
  if (Array.isArray(windows) && windows.every(isWindow)) return windows;
  throw new PkiError('malformed', `${file}: window is no list of days, from and to`, {
    hint: '"certwright issue" writes it from certwright.yaml; docs/config.md describes it',
  });
}

function isWindow(json: unknown): json is MaintenanceWindow {
  if (typeof json !== 'object' || json === null) return false;
  const { days, from, to, timeZone } = json as Partial<Record<keyof MaintenanceWindow, unknown>>;
  if (!Array.isArray(days) || typeof from !== 'string' || typeof to !== 'string') return false;
  if (timeZone !== undefined && typeof timeZone !== 'string') return false;
  try {
    parseTimeOfDay(from, 'from');
    parseTimeOfDay(to, 'to');
    if (timeZone !== undefined) checkTimeZone(timeZone, 'timeZone');
    return true;
  } catch {
    return false;
  }
}
