import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration, parseTime } from '../../../src/pki/x509/duration.ts';

describe('a length of time', () => {
  it.each([
    ['45m', 2_700_000],
    ['12h', 43_200_000],
    ['90d', 7_776_000_000],
    ['2w', 1_209_600_000],
    ['1y', 31_536_000_000],
    ['1d12h', 129_600_000],
  ])('%s is %d ms', (input, expected) => {
    expect(parseDuration(input)).toBe(expected);
  });

  it.each(['', '0d', '90', '1,5h', '1.5h', '-1d', '1 d', '1mo', '1d foo', 'd', '1D', '99999999999y', '１d'])(
    '%j is none',
    (input) => {
      expect(() => parseDuration(input)).toThrow(expect.objectContaining({ code: 'bad-time' }));
    },
  );

  it('says that nothing is none', () => {
    const hint = expect.stringContaining('a whole number from 1 up') as string;
    expect(() => parseDuration('0d')).toThrow(expect.objectContaining({ hint }));
  });

  it('never takes what it cannot account for', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), (input) => {
        try {
          expect(parseDuration(input)).toBeGreaterThan(0);
          expect(input).toMatch(/^(\d+[ywdhms])+$/);
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-time' });
        }
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  it.each([
    [30 * 86_400_000, '30 days'],
    [30 * 86_400_000 - 900, '30 days'],
    [86_400_000 + 3_600_000, '1 day 1 hour'],
    [59_000, '59 seconds'],
    [0, '0 seconds'],
    [366 * 86_400_000, '1 year 1 day'],
  ])('%d ms reads as %s', (milliseconds, expected) => {
    expect(formatDuration(milliseconds)).toBe(expected);
  });
});

describe('a point in time', () => {
  it.each([
    ['2027-01-31', '2027-01-31T00:00:00.000Z'],
    ['2027-01-31T12:00:00Z', '2027-01-31T12:00:00.000Z'],
    ['2027-01-31T12:00:00.999+02:00', '2027-01-31T10:00:00.000Z'],
    ['2028-02-29', '2028-02-29T00:00:00.000Z'],
  ])('%s is %s', (input, expected) => {
    expect(parseTime(input, '--at').toISOString()).toBe(expected);
  });

  it.each([
    '',
    'tomorrow',
    '2027-02-29',
    '2027-13-01',
    '2027-01-31T12:00',
    '2027-01-31T12:00:00',
    '2027-01-31 12:00:00Z',
    '31.01.2027',
  ])('%j is none', (input) => {
    expect(() => parseTime(input, '--at')).toThrow(expect.objectContaining({ code: 'bad-time' }));
  });
});
