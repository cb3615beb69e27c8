import { cpSync, rmSync, writeFileSync } from 'node:fs';
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
    expect(
      names(await rowsOf(['--ca', 'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/1'])),
    ).toEqual([]);
  });

  it('tells what waits for its service, and what its successor was asked for in vain', async () => {
    const cwd = temporaryFolder();
    const config = `certificates:
  told.internal:
    ca: ./ca
    deploy: { run: ["${process.execPath}", -e, "process.exit(1)"] }
  quiet.internal: { ca: ./ca }
`;
    writeFileSync(join(cwd, 'certwright.yaml'), config);
    await inFolder(['issue', '--all', '--create-ca'], { cwd });
    await inFolder(['rotate'], { cwd, now: () => new Date(noon.getTime() + day) });
    const folderOfQuiet = join(cwd, 'certs/quiet.internal');
    const failure = { generation: 1, failures: 3, last: noon, code: 'refused', message: 'no more today' };
    writeFileSync(join(folderOfQuiet, 'failures.json'), JSON.stringify({ schema: 1, ...failure }));
    const { stdout } = await list(['--json'], { cwd });
    expect(schemaErrors(stdout)).toEqual([]);
    const { certificates } = JSON.parse(stdout) as { certificates: object[] };
    expect(certificates).toMatchObject([
      { name: 'quiet.internal', failed: { failures: 3, code: 'refused' }, deploy: null, begun: false },
      { name: 'told.internal', failed: null, deploy: { state: 'pending' } },
    ]);
    const text = (await list([], { cwd })).stdout;
    expect(text).toMatch(/quiet\.internal .*failed 3 times/);
    expect(text).toContain('    no more today');
    expect(text).toMatch(/told\.internal .*deploy pending/);
  });

  it('tells which generation a replacement that died has left to be revoked', async () => {
    const cwd = temporaryFolder();
    await inFolder(['issue', 'a.internal', '--create-ca'], { cwd });
    await inFolder(['issue', 'b.internal'], { cwd });
    writeFileSync(join(cwd, 'certs/a.internal/revoking.json'), '{ "schema": 1, "generation": 1 }');
    expect(await rowsOf([], { cwd })).toMatchObject([
      { name: 'a.internal', toRevoke: 1 },
      { name: 'b.internal', toRevoke: null },
    ]);
    const [first, second] = (await list([], { cwd })).stdout.split('\n');
    expect(first).toMatch(/^a\.internal .*, generation 1 is still to be revoked/);
    expect(second).not.toContain('revoked');
  });

  it('names what is no certificate of its own, or cannot be read, and lists the others', async () => {
    const cwd = temporaryFolder();
    for (const name of ['a.internal', 'b.internal']) {
      expect((await inFolder(['issue', name, '--create-ca'], { cwd })).code).toBe(0);
    }
    cpSync(join(cwd, 'certs/a.internal'), join(cwd, 'certs/copy.internal'), {
      recursive: true,
      verbatimSymlinks: true,
    });
    writeFileSync(join(cwd, 'certs/b.internal/current/cert.pem'), 'torn');
    const { code, stdout, stderr } = await list([], { cwd });
    expect(code).toBe(4);
    expect(stdout).toMatch(/^a\.internal [^\n]*\n$/);
    expect(stderr).toContain('copy.internal: ');
    expect(stderr).toContain('request.json is of "a.internal", not of "copy.internal"');
    expect(stderr).toContain('b.internal/current/cert.pem holds no certificate');
  });

  it('counts the end of whoever stands above, as rotate does', async () => {
    const cwd = temporaryFolder();
    const root = ['ca', 'init', '--lifetime', '40d'];
    expect((await inFolder(root, { cwd })).code).toBe(0);
    const issue = ['issue', 'late.internal', '--clamp', '--lifetime', '90d'];
    expect((await inFolder(issue, { cwd })).stderr).toBe('');
    const { stdout } = await list(['--json'], { cwd });
    const rotated = await inFolder(['rotate', '--json'], { cwd });
    const due = (JSON.parse(stdout) as { certificates: { due: string }[] }).certificates[0]?.due;
    expect(rotated.stdout).toContain(`"renewAt": "${due}"`);
  });

  it('draws when each is due and ends', async () => {
    const { stdout } = await list(['--timeline']);
    const [, drawn = ''] = stdout.split('\n\n');
    expect(drawn).toMatch(
      /^short\.internal +█+░+\nmiddle\.internal +█+░+\nlong\.internal +█+░+\n +2027-03-01 +2027-05-30/,
    );
    const widths = drawn
      .split('\n')
      .slice(0, 3)
      .map((line) => line.length);
    expect([...widths].sort((a, b) => a - b)).toEqual(widths);
    expect(Math.max(...widths)).toBe(100);
  });

  it('warns of a CRL that lapses', async () => {
    expect((await list()).stderr).toBe('');
    const crls = async (days: number): Promise<unknown> => {
      const lent = { now: () => new Date(noon.getTime() + days * day) };
      const { stdout, stderr } = await list(['--json'], lent);
      expect(stderr).toBe('');
      expect(schemaErrors(stdout)).toEqual([]);
      const all = (JSON.parse(stdout) as { crls: { state: string }[] }).crls.map(({ state }) => state);
      return [...new Set(all)].sort();
    };
    expect(await crls(0)).toEqual(['fresh']);
    expect(await crls(25)).toEqual(['fresh', 'lapsing']);
    expect(await crls(31)).toEqual(['fresh', 'lapsed']);
    const { code, stderr } = await list([], { now: () => new Date(noon.getTime() + 31 * day) });
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^warning: the CRL of \.\.\/ca \(.*crl\.pem\) lapsed .* ago, .* "certwright rotate"/,
    );
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

  it('is listed also where its CA cannot be read, and says what is not known then', async () => {
    const cwd = temporaryFolder();
    await inFolder(['issue', 'a.internal', '--create-ca', '--ca', './ca'], { cwd });
    rmSync(join(cwd, 'ca/issuers'), { recursive: true });
    writeFileSync(join(cwd, 'ca/issuers'), '');
    const { code, stdout, stderr } = await list([], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain('a.internal');
    expect(stderr).toContain(`what ${join(cwd, 'ca')} has revoked is not told`);
    const inspected = await run(['inspect', 'a.internal', '--json'], { cwd });
    expect(inspected.code).toBe(0);
    expect(schemaErrors(inspected.stdout)).toEqual([]);
    expect((await run(['inspect', 'a.internal'], { cwd })).stderr).toContain('has revoked is not told');
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

describe('a CA in a folder', () => {
  it('is listed with all that it has on record, and what was revoked', async () => {
    const cwd = temporaryFolder();
    for (const name of ['one.internal', 'two.internal', '10.0.0.7']) {
      await inFolder(['issue', name, '--create-ca', '--ca', './ca', '--lifetime', '20d'], { cwd });
    }
    await inFolder(['issue', 'two.internal', '--force', '--lifetime', '90d'], { cwd });
    expect((await inFolder(['revoke', 'one.internal', '--yes'], { cwd })).code).toBe(0);
    const rows = await rowsOf(['--ca', './ca'], { cwd });
    expect(rows.every(({ kind }) => kind === 'issued')).toBe(true);
    const leaves = rows.filter(({ name }) => !name.startsWith('CN='));
    expect(leaves.map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
      '10.0.0.7 fine',
      'one.internal revoked',
      'two.internal fine',
      'two.internal fine',
    ]);
    const soon = await rowsOf(['--ca', './ca', '--expiring', '30d'], { cwd });
    expect(names(soon).sort()).toEqual(['10.0.0.7', 'one.internal', 'two.internal']);
    const { code, stderr } = await list(['--ca', './ca', '--fail-expiring', '30d'], { cwd });
    expect(code).toBe(3);
    expect(stderr).toContain('2 of 5 certificates end too soon');
    expect((await list(['--ca', './nowhere'], { cwd })).code).toBe(2);
  });
});

it.each([
  [['--audit-report', 's3://bucket'], '--audit-report is for a CA'],
  [['--audit-report', 's3://bucket/path', '--ca', 'arn:aws:acm-pca:x'], 'not the URL of a bucket'],
  [['--ca', 'arn:aws:acm-pca:x'], '--ca "arn:aws:acm-pca:x" is not such an ARN'],
  [['--ca', 'acm:corp'], 'is not such an ARN'],
  [['--expiring', 'soon'], '--expiring'],
])('%j is bad usage', async (argv, words) => {
  const { code, stderr } = await list(argv);
  expect(code).toBe(2);
  expect(stderr).toContain(words);
});
