import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { spawnProgram, temporaryFolder, type Ran } from '../support/cli.ts';
import { leftovers, problemsIn, recordOf } from '../support/invariants.ts';

/*
 * Many runs at once. A lock may be waited for longer than usual: hundreds of processes share a machine.
 */
const patience = ['--lock-timeout', '5m'];

interface Document {
  state: string;
  generation: number;
  certificate: { serial: string };
}

const document = (ran: Ran): Document => JSON.parse(ran.stdout) as Document;
const failures = (all: readonly Ran[]): Ran[] => all.filter(({ code }) => code !== 0);
const distinct = (values: readonly (string | number)[]): number => new Set(values).size;

/** Starts the same command many times at once; `argv` may differ by number. */
const atOnce = (count: number, cwd: string, argv: (index: number) => readonly string[]): Promise<Ran[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => spawnProgram([...argv(index), '--json'], { cwd })));

async function withCa(): Promise<string> {
  const cwd = temporaryFolder();
  expect(await spawnProgram(['ca', 'init', '--name', 'Campaign'], { cwd })).toMatchObject({ code: 0 });
  return cwd;
}

/** Nobody's record lacks anything, and nobody's work lies about. */
function expectWhole(cwd: string): void {
  expect(problemsIn(cwd)).toEqual([]);
  expect(leftovers(cwd)).toEqual([]);
}

const versionsOf = (cwd: string, name: string): string[] =>
  readdirSync(join(cwd, 'certs', name, 'versions')).sort();

describe('processes started at once', () => {
  it('200 for as many names: 200 serials, 200 whole folders, all in the record', async () => {
    const cwd = await withCa();
    const all = await atOnce(200, cwd, (index) => ['issue', `n${index}.internal`, ...patience]);
    expect(failures(all)).toEqual([]);
    expect(distinct(all.map((ran) => document(ran).certificate.serial))).toBe(200);
    expect(readdirSync(join(cwd, 'certs')).filter((name) => name !== '_trust')).toHaveLength(200);
    // The issuing CA itself stands in the root's record.
    expect(recordOf(join(cwd, 'ca')).serials.size).toBe(201);
    expectWhole(cwd);
    const trust = join(cwd, 'certs/_trust/default');
    expect(readFileSync(join(trust, 'current/crl.pem'), 'utf8').match(/BEGIN X509 CRL/g)).toHaveLength(2);
    // Those who come second help the first one to its switch instead of making versions of their own.
    expect(readdirSync(join(trust, 'versions')).length).toBeLessThan(20);
  });

  it('20 with --create-ca and no CA: one CA, and all succeed', async () => {
    const cwd = temporaryFolder();
    const all = await atOnce(20, cwd, (index) => ['issue', `n${index}.internal`, '--create-ca', ...patience]);
    expect(failures(all)).toEqual([]);
    expect(readdirSync(join(cwd, 'ca/issuers'))).toHaveLength(2);
    expect(readdirSync(cwd).sort()).toEqual(['ca', 'certs']);
    expectWhole(cwd);
  });

  it('20 with "ca init" for one folder: one makes it, the others are refused as it exists', async () => {
    const cwd = temporaryFolder();
    const all = await atOnce(20, cwd, () => ['ca', 'init']);
    expect(failures(all)).toHaveLength(19);
    for (const { code, stdout } of failures(all)) {
      expect({ code, error: (JSON.parse(stdout) as { error: object }).error }).toMatchObject({
        code: 2,
        error: { code: 'exists' },
      });
    }
    expectWhole(cwd);
  });

  it('20 for one name: one certificate, the others are refused as it exists', async () => {
    const cwd = await withCa();
    const all = await atOnce(20, cwd, () => ['issue', 'same.internal', ...patience]);
    expect(failures(all)).toHaveLength(19);
    for (const { code, stdout } of failures(all)) {
      expect({ code, error: (JSON.parse(stdout) as { error: object }).error }).toMatchObject({
        code: 2,
        error: { code: 'exists' },
      });
    }
    expect(versionsOf(cwd, 'same.internal')).toEqual(['000001']);
    expect(recordOf(join(cwd, 'ca')).serials.size).toBe(2);
    expectWhole(cwd);
  });

  it('20 for one name that give the lock a second: the busy ones say so with 75', async () => {
    const cwd = await withCa();
    const all = await atOnce(20, cwd, () => ['issue', 'same.internal', '--lock-timeout', '1s']);
    expect(all.map(({ code }) => code).filter((code) => ![0, 2, 75].includes(code as number))).toEqual([]);
    expect(all.filter(({ code }) => code === 0)).toHaveLength(1);
    expectWhole(cwd);
  });

  it('20 with --if-due for one name: one issues, all agree on it', async () => {
    const cwd = await withCa();
    const all = await atOnce(20, cwd, () => ['issue', 'same.internal', '--if-due', ...patience]);
    expect(failures(all)).toEqual([]);
    const documents = all.map(document);
    expect(documents.filter(({ state }) => state === 'issued')).toHaveLength(1);
    expect(distinct(documents.map(({ certificate }) => certificate.serial))).toBe(1);
    expect(versionsOf(cwd, 'same.internal')).toEqual(['000001']);
    expectWhole(cwd);
  });

  it('20 with --force for one name: 20 generations, each its own, the newest in use', async () => {
    const cwd = await withCa();
    const all = await atOnce(20, cwd, () => ['issue', 'same.internal', '--force', ...patience]);
    expect(failures(all)).toEqual([]);
    const generations = all.map((ran) => document(ran).generation).sort((a, b) => a - b);
    expect(generations).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(distinct(all.map((ran) => document(ran).certificate.serial))).toBe(20);
    expect(versionsOf(cwd, 'same.internal')).toHaveLength(20);
    expect(readlinkSync(join(cwd, 'certs/same.internal/current'))).toBe('versions/000020');
    expectWhole(cwd);
  });

  it('20 with --out for one folder: one pair is there, whole', async () => {
    const cwd = await withCa();
    const all = await atOnce(20, cwd, () => ['issue', 'same.internal', '--out', 'tls', ...patience]);
    const losers = failures(all).map(({ code, stdout }) => ({
      code,
      error: (JSON.parse(stdout) as { error: { code: string } }).error.code,
    }));
    expect(losers).toEqual(Array.from({ length: 19 }, () => ({ code: 2, error: 'exists' })));
    expect(existsSync(join(cwd, 'tls/key.pem'))).toBe(true);
    expectWhole(cwd);
  });
});
