import { describe, expect, it } from 'vitest';
import { nextOpening, weekdays, type MaintenanceWindow } from '../../src/pki/maintenance-window.ts';

const berlin = 'Europe/Berlin';

const window = (from: string, to: string, more: Partial<MaintenanceWindow> = {}): MaintenanceWindow => ({
  days: [...weekdays],
  from,
  to,
  timeZone: berlin,
  ...more,
});

const next = (at: string, ...windows: MaintenanceWindow[]): string | undefined =>
  nextOpening(windows, new Date(at))?.toISOString();

describe('a maintenance window', () => {
  it('is open from its beginning until before its end', () => {
    const night = window('02:00', '05:00');
    expect(next('2027-01-10T01:00:00Z', night)).toBe('2027-01-10T01:00:00.000Z');
    expect(next('2027-01-10T03:59:59Z', night)).toBe('2027-01-10T03:59:59.000Z');
    expect(next('2027-01-10T04:00:00Z', night)).toBe('2027-01-11T01:00:00.000Z');
    expect(next('2027-01-10T00:59:59Z', night)).toBe('2027-01-10T01:00:00.000Z');
  });

  it('opens on its days by the clock of its zone', () => {
    const weekend = window('02:00', '05:00', { days: ['sat', 'sun'] });
    // A Wednesday.
    expect(next('2027-01-13T12:00:00Z', weekend)).toBe('2027-01-16T01:00:00.000Z');
    const sydney = window('02:00', '05:00', { days: ['sat'], timeZone: 'Australia/Sydney' });
    expect(next('2027-01-13T12:00:00Z', sydney)).toBe('2027-01-15T15:00:00.000Z');
    const kathmandu = window('00:00', '01:00', { timeZone: 'Asia/Kathmandu' });
    expect(next('2027-01-13T12:00:00Z', kathmandu)).toBe('2027-01-13T18:15:00.000Z');
  });

  it('may reach over midnight, into a day on which it does not open', () => {
    const late = window('22:00', '04:00', { days: ['sat'] });
    expect(next('2027-01-16T20:59:00Z', late)).toBe('2027-01-16T21:00:00.000Z');
    expect(next('2027-01-17T02:59:00Z', late)).toBe('2027-01-17T02:59:00.000Z');
    expect(next('2027-01-17T03:00:00Z', late)).toBe('2027-01-23T21:00:00.000Z');
    // Early on Saturday it is not open yet.
    expect(next('2027-01-16T01:00:00Z', late)).toBe('2027-01-16T21:00:00.000Z');
    expect(next('2027-01-16T20:00:00Z', window('22:00', '00:00', { days: ['sat'] }))).toBe(
      '2027-01-16T21:00:00.000Z',
    );
  });

  it('may be whole days', () => {
    const sunday = window('00:00', '24:00', { days: ['sun'] });
    expect(next('2027-01-13T12:00:00Z', sunday)).toBe('2027-01-16T23:00:00.000Z');
    expect(next('2027-01-17T22:59:59Z', sunday)).toBe('2027-01-17T22:59:59.000Z');
    expect(next('2027-01-17T23:00:00Z', sunday)).toBe('2027-01-23T23:00:00.000Z');
  });

  it('is the first of several', () => {
    const windows = [
      window('02:00', '03:00', { days: ['sun'] }),
      window('12:00', '13:00', { days: ['thu'] }),
    ];
    expect(next('2027-01-13T12:00:00Z', ...windows)).toBe('2027-01-14T11:00:00.000Z');
  });

  it('keeps its hours where the clock goes forward', () => {
    // 2027-03-28, 02:00 CET is 03:00 CEST.
    expect(next('2027-03-27T12:00:00Z', window('04:00', '05:00'))).toBe('2027-03-28T02:00:00.000Z');
    expect(next('2027-03-28T12:00:00Z', window('04:00', '05:00'))).toBe('2027-03-29T02:00:00.000Z');
    // Half of it is skipped.
    expect(next('2027-03-27T12:00:00Z', window('02:30', '05:00'))).toBe('2027-03-28T01:00:00.000Z');
    // All of it is skipped.
    expect(next('2027-03-27T12:00:00Z', window('02:00', '03:00'))).toBe('2027-03-29T00:00:00.000Z');
    expect(next('2027-03-27T12:00:00Z', window('02:00', '03:00', { days: ['sun'] }))).toBe(
      '2027-04-04T00:00:00.000Z',
    );
  });

  it('keeps its hours where the clock goes back, and is open twice in the hour that is repeated', () => {
    // 2027-10-31, 03:00 CEST is 02:00 CET.
    const night = window('02:00', '03:00', { days: ['sun'] });
    expect(next('2027-10-30T12:00:00Z', night)).toBe('2027-10-31T00:00:00.000Z');
    expect(next('2027-10-31T01:30:00Z', night)).toBe('2027-10-31T01:30:00.000Z');
    expect(next('2027-10-31T02:00:00Z', night)).toBe('2027-11-07T01:00:00.000Z');
    expect(next('2027-10-30T12:00:00Z', window('03:00', '05:00'))).toBe('2027-10-31T02:00:00.000Z');
  });

  it('says of every minute of a year what the clock on the wall says', () => {
    const windows = [
      window('01:30', '02:30', { days: ['sun', 'wed'] }),
      window('23:15', '00:45', { days: ['fri'] }),
    ];
    const clock = new Intl.DateTimeFormat('en-GB', {
      ...{ timeZone: berlin, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    });
    const isOpen = (at: number): boolean => {
      const [, weekday = '', time = ''] = /^(\w+) (\d\d:\d\d)$/.exec(clock.format(at).replace(',', '')) ?? [];
      const on = (...days: string[]): boolean => days.includes(weekday);
      return (
        (on('Sun', 'Wed') && time >= '01:30' && time < '02:30') ||
        (on('Fri') && time >= '23:15') ||
        (on('Sat') && time < '00:45')
      );
    };
    const begin = Date.parse('2027-01-01T00:00:00Z');
    // A prime number of minutes, so that every hour is met at every minute.
    for (let at = begin; at < begin + 365 * 86_400_000; at += 127 * 60_000) {
      const opening = nextOpening(windows, new Date(at))?.getTime() ?? 0;
      expect([new Date(at), isOpen(at)]).toEqual([new Date(at), opening === at]);
      expect([new Date(at), isOpen(opening), opening > at && isOpen(opening - 60_000)]).toEqual([
        new Date(at),
        true,
        false,
      ]);
    }
  });
});
