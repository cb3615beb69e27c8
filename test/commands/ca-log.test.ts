import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run, temporaryFolderForSuite, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

interface Entry {
  event: string;
  at: string;
  by: string | null;
  subject: string;
  names: string[];
  reason: string | null;
}

const hour = 3_600_000;
const start = new Date(Math.floor(Date.now() / 1000) * 1000);

describe('ca log', () => {
  const suite = temporaryFolderForSuite();
  const certwright = (at: Date, ...argv: string[]): Promise<Ran> =>
    run(argv, { cwd: suite(), now: () => at });
  const after = (hours: number): Date => new Date(start.getTime() + hours * hour);

  beforeAll(async () => {
    for (const [hours, ...argv] of [
      [0, 'ca', 'init', '--name', 'Test'],
      [1, 'issue', 'a.internal'],
      [2, 'issue', 'b.internal', '10.0.0.1'],
      [3, 'revoke', 'a.internal', '--reason', 'superseded', '--yes'],
    ] as const) {
      expect(await certwright(after(hours), ...argv)).toMatchObject({ code: 0 });
    }
  });

  async function log(...flags: string[]): Promise<Entry[]> {
    const ran = await certwright(after(4), 'ca', 'log', '--json', ...flags);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(schemaErrors(ran.stdout)).toEqual([]);
    return (JSON.parse(ran.stdout) as { entries: Entry[] }).entries;
  }

  it('tells what happened, when, and who asked for it, the oldest first', async () => {
    const entries = await log();
    expect(entries.map(({ event, subject, at }) => [event, subject, at])).toEqual([
      ['issued', 'Test Issuing CA', after(0).toISOString()],
      ['issued', 'a.internal', after(1).toISOString()],
      ['issued', 'b.internal', after(2).toISOString()],
      ['revoked', 'a.internal', after(3).toISOString()],
    ]);
    expect(entries[3]).toMatchObject({ reason: 'superseded' });
    expect(entries[2]?.names).toEqual(['dns:b.internal', 'ip:10.0.0.1']);
    for (const { by } of entries) expect(by).toMatch(/^[\w.-]+@[\w.-]+$/);
    expect(entries[1]?.by?.endsWith(`@${hostname()}`)).toBe(true);
    expect(userInfo().username).not.toBe('');
  });

  it.each([
    [
      ['--since', '2h30m'],
      ['b.internal', 'a.internal'],
    ],
    [
      ['--until', after(1.5).toISOString()],
      ['Test Issuing CA', 'a.internal'],
    ],
    [['--name', '10.0.0.1'], ['b.internal']],
    [['--only', 'revoked'], ['a.internal']],
    [['--last', '1'], ['a.internal']],
    [['--by', 'nobody-of-this-name'], []],
  ])('%s', async (flags, expected) => {
    expect((await log(...flags)).map(({ subject }) => subject)).toEqual(expected);
  });

  it('writes a line an event, as text and as JSON', async () => {
    const text = await certwright(after(4), 'ca', 'log', '--last', '1');
    expect(text.stdout).toMatch(
      /^\S+Z {2}revoked {3}a\.internal {2}\(superseded\) {2}by \S+@\S+ {2}[0-9a-f]+\n$/,
    );
    const lines = (await certwright(after(4), 'ca', 'log', '--json-lines')).stdout.trim().split('\n');
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(schemaErrors(line)).toEqual([]);
  });

  it('reads a record that says nothing but the certificate', async () => {
    const issuers = join(suite(), 'ca/issuers');
    for (const id of readdirSync(issuers)) {
      for (const month of readdirSync(join(issuers, id, 'issued'))) {
        for (const name of readdirSync(join(issuers, id, 'issued', month))) {
          const file = join(issuers, id, 'issued', month, name);
          const text = readFileSync(file, 'utf8');
          expect(text).toMatch(/^recorded: \S+\nby: \S+\n-----BEGIN/);
          writeFileSync(file, text.slice(text.indexOf('-----BEGIN')));
        }
      }
    }
    expect((await log('--only', 'issued')).map(({ by }) => by)).toEqual([null, null, null]);
    expect(await certwright(after(4), 'ca', 'doctor')).toMatchObject({ code: 0 });
  });

  it.each([
    ['--last', '0'],
    ['--since', 'yesterday'],
    ['--only', 'lost'],
    ['--json', '--json-lines'],
    ['--since', '7x'],
  ])('refuses %s %s', async (...flags) => {
    expect(await certwright(start, 'ca', 'log', ...flags)).toMatchObject({ code: 2 });
  });

  it('names both ways in which a time may be said', async () => {
    const { stderr } = await certwright(start, 'ca', 'log', '--since', 'yesterday');
    expect(stderr).toBe(
      'certwright: --since "yesterday" is neither a time nor how long ago\n  2027-01-31, 2027-01-31T12:00:00Z, or 7d\n',
    );
  });
});
