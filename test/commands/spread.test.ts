import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { dueAt } from '../../src/pki/lifecycle/due.ts';
import { run, temporaryFolderForSuite } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

const hour = 3_600_000;
const day = 24 * hour;

const life = { notBefore: new Date('2027-01-01T00:00:00Z'), notAfter: new Date('2027-01-31T00:00:00Z') };
const policy = (
  spread: string | undefined,
  renewAt?: string,
): { name: string; renewAt: string | undefined; spread: string | undefined } => ({
  name: 'orders.internal',
  renewAt,
  spread,
});

describe('when a fleet is due', () => {
  const unspread = new Date('2027-01-21T00:00:00Z').getTime();
  const offsets = (spread: string, many = 2000): number[] =>
    Array.from(
      { length: many },
      (_, host) => unspread - dueAt(life, policy(spread), `host-${host}`).getTime(),
    );

  it('is the same time without spread', () => {
    expect(dueAt(life, policy(undefined), 'a').getTime()).toBe(unspread);
  });

  it('is spread evenly over the time before', () => {
    const found = offsets('6h');
    expect(Math.min(...found)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...found)).toBeLessThanOrEqual(6 * hour);
    const tenths = Array.from({ length: 10 }, (_, tenth) => {
      return found.filter((one) => Math.floor(one / (0.6 * hour)) === tenth).length;
    });
    // 200 expected in each; one in a thousand runs of chance would leave these bounds, and this is not chance.
    for (const count of tenths) expect(Math.abs(count - 200)).toBeLessThan(60);
  });

  it('takes a share of the life too', () => {
    const found = offsets('10%', 500);
    expect(Math.max(...found)).toBeGreaterThan(2.8 * day);
    expect(Math.max(...found)).toBeLessThanOrEqual(3 * day);
  });

  it('is the same in every run, and another for another name', () => {
    expect(dueAt(life, policy('6h'), 'web-1')).toEqual(dueAt(life, policy('6h'), 'web-1'));
    const other = { ...policy('6h'), name: 'billing.internal' };
    expect(dueAt(life, other, 'web-1')).not.toEqual(dueAt(life, policy('6h'), 'web-1'));
  });

  it('leaves at least half of the time up to it, also to one that lives shorter than it is spread', () => {
    const short = { notBefore: life.notBefore, notAfter: new Date(life.notBefore.getTime() + 4 * hour) };
    for (let host = 0; host < 200; host += 1) {
      const due = dueAt(short, policy('30d'), `host-${host}`).getTime();
      expect(due).toBeGreaterThanOrEqual(life.notBefore.getTime() + hour);
      expect(due).toBeLessThanOrEqual(life.notBefore.getTime() + 2 * hour);
    }
  });
});

describe('spread', () => {
  const folder = temporaryFolderForSuite();

  beforeAll(async () => {
    const cwd = folder();
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      'certificates: { orders.internal: { lifetime: 30d, spread: 2d } }',
    );
    await run(['issue', '--all', '--create-ca'], { cwd });
  });

  async function dueOn(argv: readonly string[], env: Record<string, string> = {}): Promise<number> {
    const { code, stdout } = await run([...argv, '--dry-run', '--json'], { cwd: folder(), env });
    expect({ code, faults: schemaErrors(stdout) }).toEqual({ code: 0, faults: [] });
    const { certificates } = JSON.parse(stdout) as { certificates: { certificate: { renewAt: string } }[] };
    return Date.parse(certificates[0]?.certificate.renewAt ?? '');
  }

  it('shows with --dry-run when each host would rotate', async () => {
    const [a, again, b] = [
      await dueOn(['rotate', '--instance', 'a']),
      await dueOn(['rotate'], { CERTWRIGHT_INSTANCE: 'a' }),
      await dueOn(['rotate', '--instance', 'b']),
    ];
    expect(a).toBe(again);
    expect(a).not.toBe(b);
    expect(Math.abs(a - b)).toBeLessThanOrEqual(2 * day);
  });

  it('has issue --all and rotate agree', async () => {
    const all = await run(['issue', '--all', '--instance', 'a', '--json'], { cwd: folder() });
    const { certificates } = JSON.parse(all.stdout) as {
      certificates: { state: string; certificate: { renewAt: string } }[];
    };
    expect(certificates[0]?.state).toBe('unchanged');
    expect(Date.parse(certificates[0]?.certificate.renewAt ?? '')).toBe(
      await dueOn(['rotate', '--instance', 'a']),
    );
  });

  it('does not move what --renew-at says for one run', async () => {
    const asked = ['rotate', '--renew-at', '10d-before', '--instance'];
    expect(await dueOn([...asked, 'a'])).toBe(await dueOn([...asked, 'b']));
  });

  it('rotates one host before the other', async () => {
    const [a, b] = [await dueOn(['rotate', '--instance', 'a']), await dueOn(['rotate', '--instance', 'b'])];
    const between = { cwd: folder(), now: () => new Date((a + b) / 2) };
    const [first, second] = a < b ? ['a', 'b'] : ['b', 'a'];
    const stateOn = async (instance: string): Promise<string | undefined> => {
      const { stdout } = await run(['rotate', '--dry-run', '--json', '--instance', instance], between);
      return (JSON.parse(stdout) as { certificates: { state: string }[] }).certificates[0]?.state;
    };
    expect(await stateOn(first)).toBe('to-rotate');
    expect(await stateOn(second)).toBe('not-due');
  });

  it('refuses an instance that no file can be called by', async () => {
    const { code, stderr } = await run(['rotate', '--instance', '../x'], { cwd: folder() });
    expect(code).toBe(2);
    expect(stderr).toContain('--instance "../x" is no name of a host');
  });
});
