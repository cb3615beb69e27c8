import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run, temporaryFolder, temporaryFolderForSuite, type Lent, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

const day = 86_400_000;
const noon = new Date('2027-03-01T12:00:00Z');
const folder = temporaryFolderForSuite();

const inFolder = (argv: readonly string[], lent: Partial<Lent> = {}): Promise<Ran> =>
  run(argv, { cwd: folder(), now: () => noon, ...lent });
const list = (argv: readonly string[] = [], lent: Partial<Lent> = {}): Promise<Ran> =>
  inFolder(['list', ...argv], lent);

interface Row {
  kind: string;
  name: string;
  state: string;
  authority: string | null;
}

/** Names of the certificates listed, in their order; the document follows its schema. */
async function rowsOf(argv: readonly string[], lent: Partial<Lent> = {}): Promise<Row[]> {
  const { stdout } = await list([...argv, '--json'], lent);
  expect(schemaErrors(stdout)).toEqual([]);
  return (JSON.parse(stdout) as { certificates: Row[] }).certificates;
}
const names = (rows: readonly Row[]): string[] => rows.map(({ name }) => name);

beforeAll(async () => {
  for (const [name, lifetime, ca] of [
    ['long.internal', '90d', './ca'],
    ['short.internal', '2d', './ca'],
    ['middle.internal', '20d', './other'],
  ] as const) {
    const { code, stderr } = await inFolder([
      ...['issue', name, '--create-ca', '--ca', ca, '--lifetime', lifetime],
    ]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
  }
});

describe('the store', () => {
  it('is listed by what ends first', async () => {
    expect(names(await rowsOf([]))).toEqual(['short.internal', 'middle.internal', 'long.internal']);
    const { code, stdout } = await list();
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toMatch(/^short\.internal +in 2 days \(2027-03-03\) +due in .* \.\.\/ca$/);
  });

  it('says what is due and what has ended', async () => {
    const later = (days: number) => ({ now: () => new Date(noon.getTime() + days * day) });
    const states = async (days: number): Promise<string[]> =>
      (await rowsOf([], later(days))).map(({ state }) => state);
    expect(await states(0)).toEqual(['fine', 'fine', 'fine']);
    expect(await states(1.5)).toEqual(['due', 'fine', 'fine']);
    expect(await states(16)).toEqual(['expired', 'due', 'fine']);
    expect(await states(-1)).toEqual(['not-yet-valid', 'not-yet-valid', 'not-yet-valid']);
  });

  it('is narrowed to what ends soon, and to one authority', async () => {
    expect(names(await rowsOf(['--expiring', '30d']))).toEqual(['short.internal', 'middle.internal']);
    expect(names(await rowsOf(['--ca', './other']))).toEqual(['middle.internal']);
    expect(
      names(await rowsOf(['--ca', 'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/1'])),
    ).toEqual([]);
  });

  it('can fail where one ends too soon', async () => {
    expect(await list(['--fail-expiring', '1d', '--quiet'])).toEqual({ code: 0, stdout: '', stderr: '' });
    const { code, stderr } = await list(['--fail-expiring', '7d']);
    expect(code).toBe(3);
    expect(stderr).toContain('1 of 3 certificates end too soon: short.internal');
  });

  it('comes one document a line', async () => {
    const { stdout } = await list(['--json-lines']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines.flatMap(schemaErrors)).toEqual([]);
  });

  it('that is not there is an error', async () => {
    const { code, stderr } = await list(['--store', 'nowhere']);
    expect(code).toBe(2);
    expect(stderr).toContain('there is no store');
  });

  it('tells what it cannot read beside the rest', async () => {
    const cwd = temporaryFolder();
    const lent = { cwd };
    for (const name of ['a.internal', 'b.internal']) {
      await inFolder(['issue', name, '--create-ca', '--ca', './ca'], lent);
    }
    const file = join(cwd, 'certs/a.internal/current/cert.pem');
    rmSync(file);
    writeFileSync(file, 'nothing');
    const { code, stderr } = await list([], lent);
    expect(code).toBe(4);
    expect(stderr).toContain('a.internal');
    expect(names(await rowsOf([], lent))).toEqual(['b.internal']);
  });
});

it.each([
  [['--audit-report', 's3://bucket'], '--audit-report is for a CA'],
  [['--audit-report', 's3://bucket/path', '--ca', 'arn:aws:acm-pca:x'], 'not the URL of a bucket'],
  [['--expiring', 'soon'], '--expiring'],
])('%j is bad usage', async (argv, words) => {
  const { code, stderr } = await list(argv);
  expect(code).toBe(2);
  expect(stderr).toContain(words);
});
