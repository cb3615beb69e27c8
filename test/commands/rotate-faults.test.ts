import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
import { problemsIn, recordOf } from '../support/invariants.ts';
import { schemaErrors } from '../support/schemas.ts';

const year = 365 * 86_400_000;
const name = 'orders.internal';

interface Report {
  code: Ran['code'];
  certificates: {
    state: string;
    reason: string | null;
    error?: { code: string; message: string; hint?: string };
  }[];
  stale: { error: { code: string; message: string; hint?: string } }[];
}

async function withCertificate(): Promise<string> {
  const cwd = temporaryFolder();
  for (const argv of [
    ['ca', 'init', '--name', 'Test'],
    ['issue', name],
  ]) {
    expect(await run(argv, { cwd })).toMatchObject({ code: 0 });
  }
  return cwd;
}

async function rotate(
  cwd: string,
  args: readonly string[] = [],
  lent: Omit<Lent, 'cwd'> = {},
): Promise<Report> {
  const { code, stdout } = await run(['rotate', ...args, '--json'], { cwd, ...lent });
  expect(schemaErrors(stdout)).toEqual([]);
  return { code, ...(JSON.parse(stdout) as Omit<Report, 'code'>) };
}

const at = (milliseconds: number): { now: () => Date } => ({
  now: () => new Date(Date.now() + milliseconds),
});
const folder = (cwd: string): string => join(cwd, 'certs', name);
const pendingOf = (cwd: string): string => join(folder(cwd), 'pending/000002');
const current = (cwd: string): string => readlinkSync(join(folder(cwd), 'current'));
const issued = (cwd: string): number => recordOf(join(cwd, 'ca')).serials.size;

describe('a clock that jumps a year forward and back', () => {
  it('leaves a certificate and CRLs that are not valid yet: told, left as they are, and the way out works', async () => {
    const cwd = await withCertificate();
    expect(await rotate(cwd, [], at(year))).toMatchObject({ code: 0, certificates: [{ state: 'rotated' }] });
    const before = issued(cwd);
    for (const args of [[], ['--dry-run'], [name]]) {
      const { code, certificates } = await rotate(cwd, args);
      expect({ code, certificates }).toMatchObject({
        code: 75,
        certificates: [{ state: 'failed', reason: null, error: { code: 'not-yet-valid' } }],
      });
      expect(certificates[0]?.error?.message).toMatch(/in 364 days by this machine's clock/);
      expect(certificates[0]?.error?.hint).toContain(`certwright rotate ${name} --force`);
    }
    expect({ current: current(cwd), issued: issued(cwd) }).toEqual({
      current: 'versions/000002',
      issued: before,
    });
    const forced = await rotate(cwd, ['--force']);
    expect(forced).toMatchObject({
      code: 75,
      certificates: [{ state: 'rotated' }],
      stale: [{ error: { code: 'not-yet-valid' } }],
    });
    expect(forced.stale[0]?.error.message).toMatch(/a CRL is not valid before .*, in 364 days/);
    expect(await run(['ca', 'crl', '--force'], { cwd })).toMatchObject({ code: 0 });
    expect(await rotate(cwd)).toMatchObject({ code: 0, certificates: [{ state: 'not-due' }], stale: [] });
    expect(await run(['inspect', 'certs/_trust/default/current/crl.pem'], { cwd })).toMatchObject({
      code: 0,
    });
  });

  it('and the earlier one, where it still holds, can be gone back to', async () => {
    const cwd = await withCertificate();
    await rotate(cwd, [], at(year));
    expect(await run(['rotate', '--rollback', name], { cwd })).toMatchObject({ code: 0 });
    expect(await rotate(cwd)).toMatchObject({ certificates: [{ state: 'not-due' }] });
    expect(current(cwd)).toBe('versions/000001');
  });

  it('and a year back, before its CA: nothing is made', async () => {
    const cwd = await withCertificate();
    const before = issued(cwd);
    for (const args of [[], ['--force']]) {
      const { code, certificates } = await rotate(cwd, args, at(-year));
      expect(code).not.toBe(0);
      expect(certificates).toMatchObject([{ state: 'failed' }]);
      expect(JSON.stringify(certificates[0]?.error)).toMatch(/clock/);
    }
    expect({ current: current(cwd), issued: issued(cwd) }).toEqual({
      current: 'versions/000001',
      issued: before,
    });
    expect(await rotate(cwd)).toMatchObject({ code: 0, certificates: [{ state: 'not-due' }] });
  });

  it('is no matter where two hosts differ by a minute or two', async () => {
    const cwd = await withCertificate();
    expect(await rotate(cwd, [], at(-3 * 60_000))).toMatchObject({
      code: 0,
      certificates: [{ state: 'not-due' }],
      stale: [],
    });
  });
});

describe('what a power cut has left of a run', () => {
  it.each([
    ['an empty', 'key.pem', ''],
    ['a damaged', 'key.pem', '\0'.repeat(241)],
    ['an empty', 'request.json', ''],
    ['an empty', 'journal.json', ''],
  ])('is done without where it costs nothing: %s %s', async (_how, file, content) => {
    const cwd = await withCertificate();
    mkdirSync(pendingOf(cwd), { recursive: true, mode: 0o700 });
    cpSync(join(folder(cwd), 'request.json'), join(pendingOf(cwd), 'request.json'));
    writeFileSync(join(pendingOf(cwd), file), content, { mode: 0o600 });
    expect(await rotate(cwd, ['--force'])).toMatchObject({ code: 0, certificates: [{ state: 'rotated' }] });
    expect(problemsIn(cwd)).toEqual([]);
  });
});

describe('one that is odd in the midst of others', () => {
  it('stops none of them, and none of their copies', async () => {
    const cwd = temporaryFolder();
    const certificates = Object.fromEntries(
      ['a', 'b', 'c'].map((one) => [
        `${one}.internal`,
        { ca: './ca', outputs: [{ path: `${one}.pem`, content: 'fullchain' }] },
      ]),
    );
    writeFileSync(join(cwd, 'certwright.yaml'), JSON.stringify({ certificates }));
    expect(await run(['issue', '--all', '--create-ca'], { cwd })).toMatchObject({ code: 0 });
    rmSync(join(cwd, 'certs/b.internal/pending'), { recursive: true });
    symlinkSync('/', join(cwd, 'certs/b.internal/pending'));
    rmSync(join(cwd, 'c.pem'));
    const { code, certificates: rows } = await rotate(cwd, ['--jobs', '1']);
    expect({ code, rows }).toMatchObject({
      code: 4,
      rows: [
        { name: 'a.internal', state: 'not-due' },
        { name: 'b.internal', state: 'failed', error: { code: 'bad-input' } },
        { name: 'c.internal', state: 'not-due', outputs: [{ state: 'written' }] },
      ],
    });
  });
});

describe('a link that somebody has planted', () => {
  /** What it leads to, and must stay as it is. */
  function victim(cwd: string): string {
    const file = join(cwd, 'victim');
    writeFileSync(file, 'mine\n', { mode: 0o644 });
    return file;
  }

  it.each(['key.pem', 'journal.json'])('in the place of a new %s is not written through', async (file) => {
    const cwd = await withCertificate();
    const mine = victim(cwd);
    const pending = join(folder(cwd), 'pending/000002');
    mkdirSync(pending, { recursive: true, mode: 0o700 });
    symlinkSync(mine, join(pending, file));
    await rotate(cwd, ['--force']);
    expect(readFileSync(mine, 'utf8')).toBe('mine\n');
    expect(statSync(mine).mode & 0o777).toBe(0o644);
    const again = await rotate(cwd, ['--force']);
    expect(again).toMatchObject({ code: 0, certificates: [{ state: 'rotated' }] });
    expect(problemsIn(cwd)).toEqual([]);
    expect(lstatSync(join(folder(cwd), 'current/key.pem')).isFile()).toBe(true);
  });

  it.each(['pending', 'pending/000002', 'versions'])('in the place of %s is refused', async (place) => {
    const cwd = await withCertificate();
    const elsewhere = temporaryFolder();
    const planted = join(folder(cwd), place);
    const aside = join(cwd, 'aside');
    if (existsSync(planted)) renameSync(planted, aside);
    for (const one of ['000001', '000002']) mkdirSync(join(elsewhere, one));
    symlinkSync(elsewhere, planted);
    const { code, certificates } = await rotate(cwd, ['--force']);
    expect({ code, certificates }).toMatchObject({
      code: 2,
      certificates: [{ error: { code: 'bad-input', message: `${planted} is a symbolic link` } }],
    });
    expect(await run(['rotate', '--rollback', name], { cwd })).toMatchObject({ code: 2 });
    expect(readdirSync(elsewhere, { recursive: true })).toEqual(['000001', '000002']);
    rmSync(planted);
    if (place === 'versions') renameSync(aside, planted);
    expect(await rotate(cwd, ['--force'])).toMatchObject({ code: 0, certificates: [{ state: 'rotated' }] });
  });

  it.each(['/elsewhere/000007', '../billing.internal/versions/000001', 'versions/../../000001'])(
    'in the place of current, to %s, is refused by all',
    async (target) => {
      const cwd = await withCertificate();
      const link = join(folder(cwd), 'current');
      rmSync(link);
      symlinkSync(target, link);
      for (const args of [[], ['--force'], [name]]) {
        const { code, certificates } = await rotate(cwd, args);
        expect({ code, certificates }).toMatchObject({
          code: 2,
          certificates: [
            { error: { code: 'malformed', message: expect.stringContaining(target) as string } },
          ],
        });
      }
      expect(current(cwd)).toBe(target);
      rmSync(link);
      symlinkSync('versions/000001', link);
      expect(await rotate(cwd)).toMatchObject({ code: 0, certificates: [{ state: 'not-due' }] });
    },
  );

  it('in the place of a begun request is told of, and what is begun can be dropped', async () => {
    const cwd = await withCertificate();
    const mine = victim(cwd);
    mkdirSync(pendingOf(cwd), { recursive: true, mode: 0o700 });
    symlinkSync(mine, join(pendingOf(cwd), 'request.json'));
    const { code, certificates } = await rotate(cwd, ['--force']);
    expect({ code, certificates }).toMatchObject({
      code: 2,
      certificates: [{ error: { code: 'malformed' } }],
    });
    expect(certificates[0]?.error?.message).toContain(join(pendingOf(cwd), 'request.json'));
    expect(current(cwd)).toBe('versions/000001');
    rmSync(join(pendingOf(cwd), 'request.json'));
    expect(await rotate(cwd, ['--force'])).toMatchObject({ code: 0 });
    expect(readFileSync(mine, 'utf8')).toBe('mine\n');
  });
});

describe('a certificate that is passed over by nobody', () => {
  const looks = [['rotate'], ['rotate', name], ['rotate', '--dry-run'], ['list']];

  it('is one whose link a copy has lost', async () => {
    const cwd = await withCertificate();
    rmSync(join(folder(cwd), 'current'));
    for (const argv of looks) {
      const { code, stderr } = await run(argv, { cwd });
      expect({ argv, code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`${join(folder(cwd), 'current')} is gone`) as string,
      });
    }
    const { stderr } = await run(['list'], { cwd });
    const [, target = '', link = ''] = /"ln -s (\S+) (\S+)"/.exec(stderr) ?? [];
    symlinkSync(target, link);
    expect(await rotate(cwd)).toMatchObject({ code: 0, certificates: [{ state: 'not-due' }] });
  });

  it('is one that a link leads to, elsewhere', async () => {
    const cwd = await withCertificate();
    const elsewhere = join(temporaryFolder(), name);
    renameSync(folder(cwd), elsewhere);
    symlinkSync(elsewhere, folder(cwd));
    for (const argv of looks) {
      const { code, stderr } = await run(argv, { cwd });
      expect({ argv, code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`${folder(cwd)} is a symbolic link`) as string,
      });
    }
  });

  it('is none of what else a link may lead to', async () => {
    const cwd = await withCertificate();
    symlinkSync(name, join(cwd, 'certs/another.internal'));
    symlinkSync(temporaryFolder(), join(cwd, 'certs/backup'));
    symlinkSync('gone', join(cwd, 'certs/nothing'));
    expect(await rotate(cwd)).toMatchObject({ code: 0, certificates: [{ state: 'not-due' }] });
    expect((await run(['list'], { cwd })).stdout).toMatch(/^orders\.internal .*\n$/);
  });
});

describe('a generation in use whose files are gone', () => {
  it('is replaced once, and switched from', async () => {
    const cwd = await withCertificate();
    for (const _ of [2, 3]) await rotate(cwd, ['--force']);
    for (const gone of ['000002', '000003']) rmSync(join(folder(cwd), 'versions', gone), { recursive: true });
    const before = issued(cwd);
    expect(await rotate(cwd)).toMatchObject({
      code: 0,
      certificates: [{ state: 'rotated', reason: 'broken' }],
    });
    expect(await rotate(cwd)).toMatchObject({ code: 0, certificates: [{ state: 'not-due' }] });
    expect({ current: current(cwd), issued: issued(cwd) - before }).toEqual({
      current: 'versions/000004',
      issued: 1,
    });
  });
});

describe('a run that finds nothing to do', () => {
  it('writes nothing, whatever is declared', async () => {
    const cwd = temporaryFolder();
    const certificate = {
      ...{
        renewAt: '60%',
        spread: '1h',
        window: { timeZone: 'Europe/Berlin', to: '05:00', from: '02:00', days: ['sat', 'sun'] },
        reissueOnExposure: true,
        formats: ['der', 'pair'],
      },
      deploy: { run: ['true'], timeout: '5s', onFailure: 'keep' },
      outputs: [{ mode: '0600', content: 'pair', path: 'pair.pem' }],
    };
    writeFileSync(join(cwd, 'certwright.yaml'), JSON.stringify({ certificates: { [name]: certificate } }));
    expect(await run(['issue', '--all', '--create-ca'], { cwd })).toMatchObject({ code: 0 });
    expect(await rotate(cwd)).toMatchObject({ code: 0, certificates: [{ state: 'deployed' }] });
    const everything = (): (string | number)[][] =>
      readdirSync(cwd, { recursive: true, encoding: 'utf8' })
        .sort()
        .map((path) => [path, lstatSync(join(cwd, path)).ino, lstatSync(join(cwd, path)).mtimeMs]);
    const before = everything();
    expect(await rotate(cwd)).toMatchObject({ code: 0, certificates: [{ state: 'not-due' }] });
    expect(everything()).toEqual(before);
  });
});

// Root is refused nothing; test/campaign mounts a file system read-only for it.
describe.skipIf(process.getuid?.() === 0)('a store that may not be written', () => {
  it('is looked at where nothing is due, and refused where something is', async () => {
    const cwd = await withCertificate();
    chmodSync(folder(cwd), 0o500);
    expect(await rotate(cwd)).toMatchObject({ code: 0, certificates: [{ state: 'not-due' }] });
    const { code, certificates } = await rotate(cwd, ['--force']);
    chmodSync(folder(cwd), 0o700);
    expect({ code, error: certificates[0]?.error?.code }).toEqual({ code: 1, error: 'io' });
    expect(await rotate(cwd, ['--force'])).toMatchObject({ code: 0 });
  });
});
