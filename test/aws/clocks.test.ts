import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { emulatorForFile } from '../support/aws/lent.ts';
import { run, temporaryFolder } from '../support/cli.ts';
import { leftovers } from '../support/invariants.ts';
import { schemaErrors } from '../support/schemas.ts';

const emulator = emulatorForFile();
const [minute, hour, year] = [60_000, 3_600_000, 365 * 86_400_000];
const name = 'orders.internal';

let ca = '';
let cwd = '';
/** By how much this machine's clock is ahead of AWS's. */
let fast = 0;

beforeAll(async () => {
  ca = await emulator().createCa({ grantsAcm: true });
});
beforeEach(() => {
  cwd = temporaryFolder();
  fast = 0;
});

const lent = () => ({
  cwd,
  now: () => new Date(emulator().clock.now().getTime() + fast),
  env: { ...emulator().environment },
});
const issue = async (authority: string): Promise<void> => {
  const { code, stderr } = await run(['issue', name, '--ca', authority], lent());
  expect({ code, stderr }).toMatchObject({ code: 0 });
};

interface Row {
  state: string;
  error: { code: string; message: string; clock: { source: string; aheadSeconds: number } };
}

async function rotate(...flags: string[]): Promise<Row & { code: number | string }> {
  const { code, stdout } = await run(['rotate', '--json', ...flags], lent());
  expect(schemaErrors(stdout)).toEqual([]);
  const { certificates } = JSON.parse(stdout) as { certificates: Row[] };
  return { code, ...certificates[0]! };
}

const serial = (): string =>
  new X509Certificate(readFileSync(join(cwd, 'certs', name, 'current/cert.pem'))).serialNumber;
const billed = (): number => emulator().stats.billed;

describe("a clock that differs from AWS's", () => {
  it('is told with what is not valid yet by it; the same certificate is installed in time', async () => {
    await issue(`acm:${ca}`);
    const [before, paid] = [serial(), billed()];
    fast = -3 * hour;
    const early = await rotate('--force');
    expect(early).toMatchObject({ code: 75, state: 'failed', error: { code: 'not-yet-valid' } });
    const { message, clock } = early.error;
    expect(message).toMatch(
      /in (2 hours|1 hour 59 minutes|119 minutes).* by this machine's clock; this machine's is (3 hours|2 hours 59 minutes).* behind/,
    );
    expect(clock.source).toBe(`acm:${ca}`);
    expect(Math.abs(clock.aheadSeconds - 3 * 3600)).toBeLessThan(5);
    expect(serial()).toBe(before);
    fast = 0;
    expect(await rotate()).toMatchObject({ code: 0, state: 'rotated' });
    expect([serial() === before, billed() - paid, leftovers(cwd)]).toEqual([false, 1, []]);
  });

  it('and is far ahead has nothing ordered, for all would be due', async () => {
    await issue(ca);
    const paid = billed();
    fast = year;
    const ran = await rotate();
    expect(ran).toMatchObject({ code: 75, state: 'failed', error: { code: 'not-yet-valid' } });
    expect(ran.error.message).toMatch(/it is 1 year ahead of that of arn:/);
    expect(ran.error.clock.aheadSeconds).toBeLessThan(-364 * 86_400);
    expect([billed() - paid, leftovers(cwd)]).toEqual([0, []]);
    fast = 0;
    expect(await rotate()).toMatchObject({ code: 0, state: 'not-due' });
  });

  it.each([
    ['the store', []],
    ['plain files', ['--out', 'tls']],
  ])('and is far ahead has nothing ordered into %s, as it would not be valid yet', async (_, place) => {
    fast = 10 * minute;
    const paid = billed();
    const words = ['issue', name, '--ca', ca, ...place];
    const ran = await run([...words, '--json'], lent());
    expect(ran.code).toBe(75);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      error: { code: 'not-yet-valid', hint: 'nothing was ordered; set the clock right' },
    });
    expect([billed() - paid, leftovers(cwd)]).toEqual([0, []]);
    fast = 0;
    expect((await run(words, lent())).code).toBe(0);
  });

  it.each([
    ['right', 3, 6],
    ['back by more than has gone by', 4, 3.5],
  ])('and is set %s after an order without an answer buys nothing twice', async (_, ahead, later) => {
    const paid = billed();
    const words = ['issue', name, '--ca', ca, '--json'];
    fast = ahead * minute;
    emulator().script('IssueCertificate', { kind: 'reset', afterEffect: true });
    const lost = await run(words, { ...lent(), env: { ...lent().env, AWS_MAX_ATTEMPTS: '1' } });
    expect(lost.code).toBe(75);
    fast = 0;
    emulator().clock.advance(later * minute);
    const next = await run(words, lent());
    emulator().clock.advance(-later * minute);
    const isForgotten = later > 5;
    expect(next.code).toBe(isForgotten ? 75 : 0);
    if (isForgotten) expect(JSON.parse(next.stdout)).toMatchObject({ error: { code: 'in-doubt' } });
    expect(billed() - paid).toBe(1);
  });

  it('and is a little ahead keeps what is not valid yet for others until it is', async () => {
    await issue(ca);
    const [before, paid] = [serial(), billed()];
    fast = 4 * minute;
    const early = await rotate('--force');
    expect(early).toMatchObject({ code: 75, error: { code: 'not-yet-valid' } });
    expect(early.error.message).toMatch(
      /in (3|2) minutes.* by the authority's clock; this machine's is (4|3) minutes.* ahead/,
    );
    expect([serial(), billed() - paid]).toEqual([before, 1]);
    emulator().clock.advance(4 * minute);
    expect(await rotate()).toMatchObject({ code: 0, state: 'rotated' });
    expect([serial() === before, billed() - paid, leftovers(cwd)]).toEqual([false, 1, []]);
  });
});
