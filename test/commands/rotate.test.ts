import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
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
import { execute, run, spawnProgram, succeed, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
import { startEmulator } from '../support/aws/emulator.ts';
import { schemaErrors } from '../support/schemas.ts';

const day = 86_400_000;
const hour = 3_600_000;

interface Row {
  name: string;
  state: string;
  reason: string | null;
  since: string | null;
  exitCode: number;
  generation?: number;
  certificate?: { serial: string; notAfter: string; renewAt: string };
  replaced?: { serial: string } | null;
  renewedBy?: string;
  hint?: string | null;
  warnings?: string[];
  error?: { code: string; message: string };
  mended: { file: string; was: { mode: string }; now: { mode: string }; exposed: boolean }[];
}

interface Report {
  certificates: Row[];
  stale: { authority: string; error: { code: string } }[];
  summary: Record<string, number>;
}

/** A folder with a CA and these certificates, each issued by one command line. */
async function folderWith(...issued: string[]): Promise<string> {
  const cwd = temporaryFolder();
  await succeed(['ca', 'init', '--name', 'Test'], { cwd });
  for (const line of issued) await succeed(['issue', ...line.split(' ')], { cwd });
  return cwd;
}

/** Runs it with --json. */
async function rotate(
  cwd: string,
  args: readonly string[] = [],
  lent: Omit<Lent, 'cwd'> = {},
): Promise<Report & { code: Ran['code'] }> {
  const { code, stdout } = await run(['rotate', ...args, '--json'], { cwd, ...lent });
  expect(schemaErrors(stdout)).toEqual([]);
  return { code, ...(JSON.parse(stdout) as Report) };
}

const states = ({ certificates }: Report): Record<string, string> =>
  Object.fromEntries(
    certificates.map(({ name, state, reason }) => [name, reason ? `${state}: ${reason}` : state]),
  );

const after = (milliseconds: number): { now: () => Date } => ({
  now: () => new Date(Date.now() + milliseconds),
});

const generation = (cwd: string, name: string): string => readlinkSync(join(cwd, 'certs', name, 'current'));
const leafOf = (cwd: string, name: string): X509Certificate =>
  new X509Certificate(readFileSync(join(cwd, 'certs', name, 'current/cert.pem')));

describe('rotate', () => {
  it('leaves alone what is not due, and says when it will be', async () => {
    const cwd = await folderWith('orders.internal --lifetime 30d');
    const report = await rotate(cwd);
    expect(report.code).toBe(0);
    expect(states(report)).toEqual({ 'orders.internal': 'not-due' });
    const [row] = report.certificates;
    expect(Date.parse(row?.certificate?.renewAt ?? '') - Date.now()).toBeGreaterThan(19 * day);
    const { stdout } = await run(['rotate'], { cwd });
    expect(stdout).toMatch(/^orders\.internal {2}not due {2}due 20\d\d-.*valid for 30 days/);
    expect(generation(cwd, 'orders.internal')).toBe('versions/000001');
  });

  it('replaces what has two thirds of its life behind it, from whatever folder it is run', async () => {
    const cwd = await folderWith('orders.internal --lifetime 30d', 'billing.internal --lifetime 90d');
    const before = leafOf(cwd, 'orders.internal').serialNumber.toLowerCase();
    const elsewhere = temporaryFolder();
    const report = await rotate(elsewhere, ['--store', join(cwd, 'certs')], after(21 * day));
    expect(report.code).toBe(0);
    expect(states(report)).toEqual({ 'orders.internal': 'rotated: due', 'billing.internal': 'not-due' });
    expect(generation(cwd, 'orders.internal')).toBe('versions/000002');
    const row = report.certificates.find(({ name }) => name === 'orders.internal');
    expect(row?.replaced?.serial).toBe(before);
    expect(row?.certificate?.serial).toBe(leafOf(cwd, 'orders.internal').serialNumber.toLowerCase());
    expect(Date.parse(row?.since ?? '')).toBeLessThan(Date.now() + 21 * day);
  });

  it('replaces what lives ten days or less once half its life is gone', async () => {
    const cwd = await folderWith('orders.internal --lifetime 10d');
    expect(states(await rotate(cwd, [], after(4.9 * day)))).toEqual({ 'orders.internal': 'not-due' });
    expect(states(await rotate(cwd, [], after(5.1 * day)))).toEqual({ 'orders.internal': 'rotated: due' });
  });

  it.each([
    ['66%', 20 * day, 19 * day],
    ['20d-before', 10.1 * day, 9.9 * day],
    ['36h-before', 28.6 * day, 28.4 * day],
  ])(
    'obeys renewAt %s, whether it is kept with the certificate or said for a run',
    async (point, due, early) => {
      const cwd = await folderWith(
        `kept.internal --lifetime 30d --renew-at ${point}`,
        'said.internal --lifetime 30d',
      );
      const rows = async (time: number, name: string, args: string[] = []): Promise<object> =>
        states(await rotate(cwd, [name, ...args], after(time)));
      expect(await rows(early, 'kept.internal')).toEqual({ 'kept.internal': 'not-due' });
      expect(await rows(early, 'said.internal', ['--renew-at', point])).toEqual({
        'said.internal': 'not-due',
      });
      expect(await rows(due, 'kept.internal')).toEqual({ 'kept.internal': 'rotated: due' });
      expect(await rows(due, 'said.internal', ['--renew-at', point])).toEqual({
        'said.internal': 'rotated: due',
      });
    },
  );

  it.each(['40d-before', '30d-before'])(
    'does not renew without end at a point like %s of 30 days, and never refuses for it: it warns at once',
    async (point) => {
      const cwd = await folderWith('orders.internal --lifetime 30d');
      const yaml = (settings: string): void => {
        writeFileSync(join(cwd, 'certwright.yaml'), `certificates: { orders.internal: { ${settings} } }`);
      };
      yaml(`renewAt: ${point}`);
      for (const [time, state] of [
        [0, 'not-due'],
        [19 * day, 'not-due'],
        [21 * day, 'rotated: due'],
        [22 * day, 'not-due'],
      ] as const) {
        const look = await rotate(cwd, ['--dry-run'], after(time));
        const report = await rotate(cwd, [], after(time));
        expect([report.code, states(report)]).toEqual([0, { 'orders.internal': state }]);
        for (const { certificates } of [look, report]) {
          expect(certificates[0]?.warnings).toEqual([expect.stringContaining(`renewAt ${point}`)]);
        }
      }
      expect((await run(['rotate', '--quiet'], { cwd, ...after(22 * day) })).stderr).toMatch(
        /does not count/,
      );
      // Where both are known, it is refused where it is written.
      yaml(`lifetime: 30d, renewAt: ${point}`);
      const checked = await run(['config', 'check'], { cwd });
      expect(checked).toMatchObject({ code: 2 });
      expect(checked.stderr).toMatch(/1:\d+.*renewAt [34]0d-before.*as soon as it is made/);
      rmSync(join(cwd, 'certwright.yaml'));
      const issuing = ['issue', 'other.internal', '--lifetime', '30d', '--renew-at', point];
      expect(await run(issuing, { cwd })).toMatchObject({ code: 2 });
      expect(readdirSync(join(cwd, 'certs'))).not.toContain('other.internal');
    },
  );

  it('does not renew on every run what lives an hour and is asked for an hour before', async () => {
    const cwd = await folderWith('orders.internal --lifetime 1h');
    for (const point of ['1h-before', '1%']) {
      const report = await rotate(cwd, ['--renew-at', point]);
      expect([report.code, states(report)]).toEqual([0, { 'orders.internal': 'not-due' }]);
    }
  });

  it('takes names, and with --force replaces what is not due', async () => {
    const cwd = await folderWith('orders.internal', 'billing.internal');
    const report = await rotate(cwd, ['orders.internal', '--force']);
    expect(states(report)).toEqual({ 'orders.internal': 'rotated: forced' });
    expect(generation(cwd, 'billing.internal')).toBe('versions/000001');
  });

  it('ends with 10 if something was rotated, where that is asked for', async () => {
    const cwd = await folderWith('orders.internal');
    expect((await rotate(cwd, ['--detailed-exit-code'])).code).toBe(0);
    expect((await rotate(cwd, ['--detailed-exit-code'], after(21 * day))).code).toBe(10);
    expect((await rotate(cwd, ['--detailed-exit-code'], after(21 * day))).code).toBe(0);
  });

  it('refuses a store and a name that are not there, and touches nothing', async () => {
    const cwd = await folderWith('orders.internal');
    for (const args of [
      ['--store', 'cetrs'],
      ['orders.internal', 'order.internal', '--force'],
    ]) {
      const { code, stdout } = await run(['rotate', ...args, '--json'], { cwd });
      expect(code).toBe(2);
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'not-found' } });
    }
    expect(generation(cwd, 'orders.internal')).toBe('versions/000001');
  });

  it('has nothing to do in an empty store', async () => {
    const cwd = temporaryFolder();
    mkdirSync(join(cwd, 'certs'));
    expect(await run(['rotate'], { cwd })).toEqual({ code: 0, stdout: 'no certificates\n', stderr: '' });
  });

  it('refuses what is no store, as list does', async () => {
    const cwd = await folderWith('orders.internal');
    symlinkSync('gone', join(cwd, 'dangling'));
    writeFileSync(join(cwd, 'file'), '');
    for (const [store, message] of [
      ['dangling', 'there is no store'],
      ['', '--store is empty'],
      ['ca', 'is the folder of a CA'],
      ['certs/orders.internal', `--store ${join(cwd, 'certs')}`],
      ['file', 'is not a folder'],
    ] as const) {
      for (const command of [['list'], ['rotate'], ['rotate', '--dry-run']]) {
        const { code, stderr } = await run([...command, '--store', store], { cwd });
        expect([command, store, code]).toEqual([command, store, 2]);
        expect(stderr).toContain(message);
      }
    }
    symlinkSync('certs', join(cwd, 'link'));
    expect((await run(['rotate', '--store', 'link'], { cwd })).code).toBe(0);
  });

  it('says nothing with --quiet', async () => {
    const cwd = await folderWith('orders.internal');
    expect(await run(['rotate', '--quiet'], { cwd, ...after(21 * day) })).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('says with --quiet what only somebody can replace: cron mails no exit code', async () => {
    const cwd = temporaryFolder();
    const notAfter = new Date(Date.now() + 10 * day).toISOString();
    const end = `${notAfter.slice(0, 19)}Z`;
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      JSON.stringify({ certificates: { 'a.internal': { notAfter: end } } }),
    );
    expect(await run(['issue', '--all', '--create-ca'], { cwd })).toMatchObject({ code: 0 });
    for (const argv of [['rotate'], ['issue', '--all'], ['issue', 'a.internal', '--if-due']]) {
      const { code, stdout, stderr } = await run([...argv, '--quiet'], { cwd, ...after(8 * day) });
      expect({ argv, code, stdout, stderr }).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringMatching(/^warning: a\.internal is due: .+\n$/) as string,
      });
    }
  });

  it('prints a line a certificate, and one for all, with --json-lines', async () => {
    const cwd = await folderWith('orders.internal', 'billing.internal --lifetime 90d');
    const { code, stdout } = await run(['rotate', '--json-lines'], { cwd, ...after(21 * day) });
    const lines = stdout.trimEnd().split('\n');
    expect(code).toBe(0);
    expect(lines.flatMap(schemaErrors)).toEqual([]);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ end: { summary: { rotated: 1, notDue: 1 } } });
    expect(lines).toHaveLength(3);
  });
});

describe('what makes a certificate due before its time', () => {
  it('torn files, whichever a reader looks into', async () => {
    const cwd = await folderWith('orders.internal --format pair --format der');
    const other = join(
      await folderWith('orders.internal --format pair --format der'),
      'certs/orders.internal/current',
    );
    for (const name of [
      'fullchain.pem',
      'cert.pem',
      'chain.pem',
      'pair.pem',
      'cert.der',
      'key.der',
      'key.pem',
    ]) {
      const file = join(cwd, 'certs/orders.internal/current', name);
      writeFileSync(file, 'torn');
      expect([name, states(await rotate(cwd))]).toEqual([name, { 'orders.internal': 'rotated: broken' }]);
      // The same of another certificate.
      const current = join(cwd, 'certs/orders.internal/current', name);
      if (name !== 'chain.pem') cpSync(join(other, name), current);
      else rmSync(current);
      expect([name, states(await rotate(cwd))]).toEqual([name, { 'orders.internal': 'rotated: broken' }]);
    }
    rmSync(join(cwd, 'certs/orders.internal/current/pair.pem'));
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'rotated: broken' });
    // What others have put beside them is theirs.
    writeFileSync(join(cwd, 'certs/orders.internal/current/note.txt'), 'a note');
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'not-due' });
  });

  it('another declaration, and the authority stays the one that issued where none is declared', async () => {
    const cwd = await folderWith('orders.internal');
    const file = join(temporaryFolder(), 'certwright.yaml');
    writeFileSync(file, 'certificates: { orders.internal: { usage: client } }\n');
    const report = await rotate(cwd, ['--config', file]);
    expect(states(report)).toEqual({ 'orders.internal': 'rotated: changed' });
    expect(states(await rotate(cwd, ['--config', file]))).toEqual({ 'orders.internal': 'not-due' });
    const { stdout } = await run(['rotate', '--config', file, '--dry-run'], { cwd });
    expect(stdout).toContain('not due');
  });

  it('an authority with another issuer', async () => {
    const cwd = await folderWith('orders.internal');
    rmSync(join(cwd, 'ca'), { recursive: true });
    rmSync(join(cwd, 'certs/_trust'), { recursive: true });
    await succeed(['ca', 'init', '--name', 'Second'], { cwd });
    const report = await rotate(cwd);
    expect(states(report)).toEqual({ 'orders.internal': 'rotated: issuer-changed' });
    expect(leafOf(cwd, 'orders.internal').issuer).toContain('Second');
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'not-due' });
  });
});

describe('what is due and cannot be rotated here', () => {
  it("is a certificate for somebody else's request: it is reported, with 3", async () => {
    const cwd = await folderWith('theirs.internal');
    const made = await execute(
      'openssl',
      'req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -subj /CN=x -out x.csr'.split(
        ' ',
      ),
      { cwd },
    );
    expect(made.code).toBe(0);
    await succeed(['issue', 'printer.internal', '--csr', 'x.csr', '--as', 'printer'], { cwd });
    const report = await rotate(cwd, ['printer'], after(21 * day));
    expect(report.code).toBe(3);
    expect(report.certificates).toMatchObject([{ state: 'due', reason: 'due', renewedBy: 'owner' }]);
    expect(generation(cwd, 'printer')).toBe('versions/000001');
    expect(states(await rotate(cwd, ['printer', '--force']))).toEqual({ printer: 'due: forced' });
  });

  it('is a certificate whose end was fixed', async () => {
    const end = new Date(Date.now() + 30 * day).toISOString().slice(0, 10);
    const cwd = await folderWith(`orders.internal --not-after ${end}`);
    const report = await rotate(cwd, [], after(25 * day));
    expect(report.code).toBe(3);
    expect(report.certificates).toMatchObject([{ state: 'due', renewedBy: 'owner' }]);
    expect(report.certificates[0]?.hint).toContain('--not-after');
  });

  it('is one that its authority could not make live longer', async () => {
    const cwd = temporaryFolder();
    await succeed(['ca', 'init', '--lifetime', '4d'], { cwd });
    await succeed(['issue', 'orders.internal', '--lifetime', '30d', '--clamp'], { cwd });
    const leaf = Date.parse(leafOf(cwd, 'orders.internal').validTo);
    for (const how of [['--dry-run'], []]) {
      const report = await rotate(cwd, how, { now: () => new Date(leaf - hour / 2) });
      expect(report.certificates).toMatchObject([{ state: 'failed', error: { code: 'outlives-issuer' } }]);
    }
    expect(generation(cwd, 'orders.internal')).toBe('versions/000001');
  });
});

describe('a certificate that fails', () => {
  it('stops no other, and the run ends with 4', async () => {
    const cwd = await folderWith('orders.internal');
    await succeed(['issue', 'gone.internal', '--ca', './other', '--create-ca'], { cwd });
    rmSync(join(cwd, 'other'), { recursive: true });
    const report = await rotate(cwd, [], after(21 * day));
    expect(report.code).toBe(4);
    expect(states(report)).toEqual({ 'gone.internal': 'failed: due', 'orders.internal': 'rotated: due' });
    expect((await rotate(cwd, [], after(21 * day))).code).toBe(4);
  });

  it('is one whose request is lost, and no stack trace', async () => {
    const cwd = await folderWith('orders.internal', 'lost.internal');
    rmSync(join(cwd, 'certs/lost.internal/request.json'));
    const { code, stderr } = await run(['rotate'], { cwd });
    expect(code).toBe(4);
    expect(stderr).toMatch(/^certwright: lost\.internal: .*request\.json is not there\n {2}restore/);
  });

  it('is a folder that was copied or renamed', async () => {
    const cwd = await folderWith('orders.internal');
    const store = join(cwd, 'certs');
    cpSync(join(store, 'orders.internal'), join(store, 'orders.backup'), {
      recursive: true,
      verbatimSymlinks: true,
    });
    const { certificates, ...end } = await rotate(cwd, [], after(25 * day));
    expect(certificates.map(({ name, state, error }) => [name, state, error?.code])).toEqual([
      ['orders.backup', 'failed', 'malformed'],
      ['orders.internal', 'rotated', undefined],
    ]);
    expect(end.code).toBe(4);
  });

  it('is no concern of an authority that is not there while nothing is due', async () => {
    const cwd = await folderWith('orders.internal');
    rmSync(join(cwd, 'ca'), { recursive: true });
    expect((await rotate(cwd)).code).toBe(0);
  });
});

describe('a closed CA', () => {
  const passphrase = { env: { CERTWRIGHT_CA_PASSPHRASE: 'correct horse' } };

  it('is asked for its passphrase only where something is due', async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'phrase'), 'correct horse\n');
    await succeed(['ca', 'init', '--passphrase-file', 'phrase'], { cwd });
    await succeed(['issue', 'orders.internal'], { cwd, ...passphrase });
    expect((await rotate(cwd)).code).toBe(0);
    const look = ['--dry-run'];
    const closed = [expect.stringContaining('is encrypted')];
    expect((await rotate(cwd, look, after(21 * day))).certificates[0]?.warnings).toEqual(closed);
    const open = await rotate(cwd, look, { ...after(21 * day), ...passphrase });
    expect(open.certificates[0]?.warnings).toEqual([]);
    const without = await rotate(cwd, [], after(21 * day));
    expect(without.code).toBe(2);
    expect(without.certificates).toMatchObject([{ error: { code: 'passphrase' } }]);
    expect(states(await rotate(cwd, ['--passphrase-file', 'phrase'], after(21 * day)))).toEqual({
      'orders.internal': 'rotated: due',
    });
  });
});

describe('a certificate of AWS', () => {
  it('of a private CA is bought anew, once', async () => {
    const emulator = await startEmulator();
    try {
      const arn = await emulator.createCa();
      const cwd = temporaryFolder();
      const env = { ...process.env, ...emulator.environment };
      const issue = (...args: string[]): Promise<Ran> =>
        spawnProgram(['issue', ...args, '--json'], { cwd, env });
      expect((await issue('orders.internal', '--ca', arn)).code).toBe(0);

      const ran = await spawnProgram(['rotate', 'orders.internal', '--force', '--json'], { cwd, env });
      expect(schemaErrors(ran.stdout)).toEqual([]);
      expect({ code: ran.code, states: states(JSON.parse(ran.stdout) as Report) }).toEqual({
        code: 0,
        states: { 'orders.internal': 'rotated: forced' },
      });
      expect(emulator.stats.calls['IssueCertificate']).toBe(2);
      expect((await spawnProgram(['rotate', '--json'], { cwd, env })).code).toBe(0);
      expect(emulator.stats.calls['IssueCertificate']).toBe(2);
    } finally {
      await emulator.close();
    }
  });
});

describe('rotate --dry-run', () => {
  it('says what would happen and why, and touches nothing', async () => {
    const cwd = await folderWith('orders.internal', 'billing.internal --lifetime 90d');
    const report = await rotate(cwd, ['--dry-run'], after(21 * day));
    expect(report.code).toBe(0);
    expect(states(report)).toEqual({ 'orders.internal': 'to-rotate: due', 'billing.internal': 'not-due' });
    const { stdout } = await run(['rotate', '--dry-run'], { cwd, ...after(21 * day) });
    expect(stdout).toMatch(/orders\.internal {3}would rotate {2}due: since 20/);
    expect(generation(cwd, 'orders.internal')).toBe('versions/000001');
  });

  it('meets the refusals that come before a signature', async () => {
    const cwd = await folderWith('orders.internal');
    rmSync(join(cwd, 'ca'), { recursive: true });
    const report = await rotate(cwd, ['--dry-run', '--force']);
    expect(report.code).toBe(2);
    expect(report.certificates).toMatchObject([{ state: 'failed', error: { code: 'not-found' } }]);
  });

  it('ends as the run itself would: a trust bundle that nobody has declared is no other part that is done', async () => {
    const cwd = await folderWith('orders.internal');
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      'certificates: { orders.internal: { deploy: { run: [./hook] } } }',
    );
    writeFileSync(join(cwd, 'hook'), '#!/bin/sh\n');
    chmodSync(join(cwd, 'hook'), 0o777);
    for (const how of [['--dry-run'], []]) expect((await rotate(cwd, how)).code).toBe(2);
  });
});

describe('a certificate that has failed', () => {
  /** Leaves the record of a failure that long ago. */
  function failed(cwd: string, failures: number, last: number, generation = 1): void {
    const record = {
      schema: 1,
      generation,
      failures,
      last: new Date(last).toISOString(),
      code: 'refused',
      message: 'no',
    };
    writeFileSync(join(cwd, 'certs/orders.internal/failures.json'), JSON.stringify(record));
  }
  const later = Date.now() + 21 * day;
  const minute = 60_000;

  it.each([
    [1, 0.9, 'waiting'],
    [1, 1.1, 'rotated'],
    [2, 1.9, 'waiting'],
    [3, 3.9, 'waiting'],
    [3, 4.1, 'rotated'],
    [60, 60 * 24, 'waiting'],
  ])('%i times in a row, and last %d minutes ago: %s', async (failures, minutes, state) => {
    const cwd = await folderWith('orders.internal');
    failed(cwd, failures, later - minutes * minute);
    const report = await rotate(cwd, [], { now: () => new Date(later) });
    expect(report.certificates).toMatchObject([{ state }]);
    expect(report.code).toBe(state === 'waiting' ? 75 : 0);
    expect(readdirSync(join(cwd, 'certs/orders.internal')).includes('failures.json')).toBe(
      state === 'waiting',
    );
  });

  it('is tried again after a quarter of what it had left, however often it failed', async () => {
    const cwd = await folderWith('orders.internal --lifetime 12h');
    const end = Date.parse(leafOf(cwd, 'orders.internal').validTo);
    failed(cwd, 20, end - 4 * hour);
    const at = (time: number): Promise<Report> => rotate(cwd, [], { now: () => new Date(time) });
    expect(states(await at(end - 3 * hour - minute))).toEqual({ 'orders.internal': 'waiting: due' });
    expect(states(await at(end - 3 * hour + minute))).toEqual({ 'orders.internal': 'rotated: due' });
  });

  it.each([
    ['where the record is of the future', (cwd: string) => failed(cwd, 9, later + hour)],
    ['where the record is of another generation', (cwd: string) => failed(cwd, 9, later - minute, 7)],
    [
      'where the record is damaged',
      (cwd: string) => writeFileSync(join(cwd, 'certs/orders.internal/failures.json'), '{'),
    ],
  ])('is not waited for %s', async (_, leave) => {
    const cwd = await folderWith('orders.internal');
    leave(cwd);
    expect(states(await rotate(cwd, [], { now: () => new Date(later) }))).toEqual({
      'orders.internal': 'rotated: due',
    });
  });

  it('is not waited for by whoever names it', async () => {
    const cwd = await folderWith('orders.internal');
    failed(cwd, 9, later - minute);
    const { stderr } = await run(['rotate'], { cwd, now: () => new Date(later) });
    expect(stderr).toMatch(
      /orders\.internal: failed 9 times, is tried again 20.*: no\n {2}"certwright rotate orders\.internal"/,
    );
    const report = await rotate(cwd, ['orders.internal'], { now: () => new Date(later) });
    expect(states(report)).toEqual({ 'orders.internal': 'rotated: due' });
  });

  it('at AWS is not asked for again at once, and what is refused here is', async () => {
    const emulator = await startEmulator();
    try {
      const arn = await emulator.createCa();
      const cwd = temporaryFolder();
      const env = { ...process.env, ...emulator.environment };
      const rotateAll = async (...args: string[]): Promise<string> => {
        const { stdout } = await spawnProgram(['rotate', '--json', ...args], { cwd, env });
        expect(schemaErrors(stdout)).toEqual([]);
        return states(JSON.parse(stdout) as Report)['orders.internal'] ?? '';
      };
      const soon = ['--lifetime', '30d', '--renew-at', '20%'];
      expect(
        (await spawnProgram(['issue', 'orders.internal', '--ca', arn, ...soon], { cwd, env })).code,
      ).toBe(0);
      emulator.refuse('IssueCertificate', 'AccessDeniedException', 'not for you');
      writeFileSync(join(cwd, 'certwright.yaml'), 'certificates: { orders.internal: { usage: client } }\n');
      expect(await rotateAll()).toBe('failed: changed');
      const asked = emulator.stats.calls['IssueCertificate'];
      expect(await rotateAll()).toBe('waiting: changed');
      expect(emulator.stats.calls['IssueCertificate']).toBe(asked);
      expect(await rotateAll('orders.internal')).toBe('rotated: changed');
    } finally {
      await emulator.close();
    }
  });
});

describe('rotate --keep', () => {
  const versions = (cwd: string): string[] => readdirSync(join(cwd, 'certs/orders.internal/versions')).sort();

  it('leaves five generations, and none is gone within the hour', async () => {
    const cwd = await folderWith('orders.internal');
    for (let time = 0; time < 6; time += 1) await rotate(cwd, ['--force']);
    expect(versions(cwd)).toHaveLength(7);
    await rotate(cwd, ['--force'], after(2 * hour));
    expect(versions(cwd)).toEqual(['000004', '000005', '000006', '000007', '000008']);
    await rotate(cwd, ['--force', '--keep', '1'], after(4 * hour));
    expect(versions(cwd)).toEqual(['000009']);
  });

  it('is what certwright.yaml says, without a new certificate, unless the run says otherwise', async () => {
    const cwd = await folderWith('orders.internal');
    for (let time = 0; time < 3; time += 1) await rotate(cwd, ['--force']);
    const file = join(cwd, 'certs/orders.internal/request.json');
    writeFileSync(join(cwd, 'certwright.yaml'), 'certificates: { orders.internal: { keep: 2 } }\n');
    expect(await rotate(cwd)).toMatchObject({ certificates: [{ state: 'not-due' }] });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ keep: 2 });
    rmSync(join(cwd, 'certwright.yaml'));
    await rotate(cwd, ['--force', '--keep', '3'], after(2 * hour));
    expect(versions(cwd)).toEqual(['000003', '000004', '000005']);
    await rotate(cwd, ['--force'], after(4 * hour));
    expect(versions(cwd)).toEqual(['000005', '000006']);
  });

  it('leaves what is newer than the generation in use', async () => {
    const cwd = await folderWith('orders.internal');
    for (let time = 0; time < 3; time += 1) await rotate(cwd, ['--force']);
    await succeed(['rotate', 'orders.internal', '--rollback', '--generation', '2'], { cwd });
    expect(generation(cwd, 'orders.internal')).toBe('versions/000002');
    await rotate(cwd, [], after(hour * 2));
    expect(versions(cwd)).toHaveLength(4);
    await rotate(cwd, ['--force', '--keep', '2'], after(2 * hour));
    expect(versions(cwd)).toEqual(['000004', '000005']);
  });

  it('is a count: none, or what is no whole number, is refused before anything is touched', async () => {
    const cwd = await folderWith('orders.internal');
    for (const text of ['0', '1.5', 'all']) {
      const { code, stderr } = await run(['rotate', '--force', `--keep=${text}`], { cwd });
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: `certwright: --keep "${text}" is not a whole number from 1 to 999999\n`,
      });
    }
    expect(versions(cwd)).toEqual(['000001']);
  });
});

describe('rotate --rollback', () => {
  it('goes back to the generation before, or to the one that is named, and stays there', async () => {
    const cwd = await folderWith('orders.internal');
    await rotate(cwd, ['--force']);
    await rotate(cwd, ['--force']);
    const report = await rotate(cwd, ['orders.internal', '--rollback']);
    expect(report).toMatchObject({
      code: 0,
      certificates: [{ state: 'rolled-back', generation: 2, from: 3 }],
    });
    expect(generation(cwd, 'orders.internal')).toBe('versions/000002');
    await succeed(['rotate', 'orders.internal', '--rollback', '--generation', '3'], { cwd });
    await succeed(['rotate', 'orders.internal', '--rollback', '--generation', '1'], { cwd });
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'not-due' });
    expect(generation(cwd, 'orders.internal')).toBe('versions/000001');
    await rotate(cwd, ['--force']);
    expect(generation(cwd, 'orders.internal')).toBe('versions/000004');
  });

  it('refuses an expired one, but for --force', async () => {
    const cwd = await folderWith('orders.internal --lifetime 12h');
    await rotate(cwd, [], after(11 * hour));
    const back = ['orders.internal', '--rollback'];
    const refused = await run(['rotate', ...back], { cwd, ...after(13 * hour) });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/generation 1 of orders\.internal expired (1 hour|59 minutes) ago/);
    expect(generation(cwd, 'orders.internal')).toBe('versions/000002');
    await succeed(['rotate', ...back, '--force'], { cwd, ...after(13 * hour) });
    expect(generation(cwd, 'orders.internal')).toBe('versions/000001');
    // Nobody is left with it for longer than until the next run.
    expect(states(await rotate(cwd, [], after(13 * hour)))).toEqual({ 'orders.internal': 'rotated: due' });
    expect(generation(cwd, 'orders.internal')).toBe('versions/000003');
  });

  it.each([
    [['--generation', '9'], 'not-found'],
    [['--generation', '2'], 'usage'],
    [['--generation', '0'], 'usage'],
    [['billing.internal'], 'usage'],
    [['--dry-run'], 'usage'],
    [['--keep', '1'], 'usage'],
    [['--jobs', '1'], 'usage'],
    [['--discard-pending'], 'usage'],
    [['--reissue'], 'usage'],
  ])('refuses %j with %s', async (args, code) => {
    const cwd = await folderWith('orders.internal', 'billing.internal');
    await rotate(cwd, ['orders.internal', '--force']);
    const ran = await run(['rotate', 'orders.internal', '--rollback', ...args, '--json'], { cwd });
    expect({ exit: ran.code, document: JSON.parse(ran.stdout) as unknown }).toMatchObject({
      exit: 2,
      document: { error: { code } },
    });
    expect(generation(cwd, 'orders.internal')).toBe('versions/000002');
  });

  it('refuses a generation whose files do not belong together', async () => {
    const cwd = await folderWith('orders.internal');
    await rotate(cwd, ['--force']);
    const versions = join(cwd, 'certs/orders.internal/versions');
    copyFileSync(join(versions, '000002/key.pem'), join(versions, '000001/key.pem'));
    const ran = await run(['rotate', 'orders.internal', '--rollback', '--json'], { cwd });
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: 'malformed' } });
  });

  it('is not undone by what a dead run has left', async () => {
    const cwd = await folderWith('orders.internal');
    await rotate(cwd, ['--force']);
    const folder = join(cwd, 'certs/orders.internal');
    // A run that died after its switch leaves this.
    mkdirSync(join(folder, 'pending/000002'), { recursive: true });
    copyFileSync(join(folder, 'request.json'), join(folder, 'pending/000002/request.json'));
    await succeed(['rotate', 'orders.internal', '--rollback'], { cwd });
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'not-due' });
    expect(generation(cwd, 'orders.internal')).toBe('versions/000001');
  });
});

describe('owners and modes', () => {
  const keyOf = (cwd: string): string => join(cwd, 'certs/orders.internal/versions/000001/key.pem');
  const modeOf = (path: string): number => statSync(path).mode & 0o777;

  it('are mended on every run, and a key that others could read is told', async () => {
    const cwd = await folderWith('orders.internal');
    chmodSync(keyOf(cwd), 0o644);
    chmodSync(join(cwd, 'certs/orders.internal/current/cert.pem'), 0o600);
    const looked = await rotate(cwd, ['--dry-run']);
    expect(looked.certificates[0]?.mended).toHaveLength(2);
    expect(modeOf(keyOf(cwd))).toBe(0o644);
    const { code, stdout, stderr } = await run(['rotate', '--quiet'], { cwd });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(
      /^warning: orders\.internal: mended .*key\.pem: 0644 .* -> 0600 .*others could use its key/,
    );
    expect(stderr).not.toContain('cert.pem');
    expect(modeOf(keyOf(cwd))).toBe(0o600);
    expect(modeOf(join(cwd, 'certs/orders.internal/current/cert.pem'))).toBe(0o644);
    expect((await rotate(cwd)).certificates[0]?.mended).toEqual([]);
  });

  it('are those of the request', async () => {
    const cwd = await folderWith('orders.internal --mode 0640');
    expect((await rotate(cwd)).certificates[0]?.mended).toEqual([]);
    chmodSync(keyOf(cwd), 0o600);
    expect((await rotate(cwd)).certificates[0]?.mended).toMatchObject([
      { was: { mode: '0600' }, now: { mode: '0640' }, exposed: false },
    ]);
  });

  it('are not mended through a link: what stands in the place of a file is a reason to rotate', async () => {
    const cwd = await folderWith('orders.internal');
    const other = join(cwd, 'other.pem');
    renameSync(keyOf(cwd), other);
    chmodSync(other, 0o644);
    symlinkSync(other, keyOf(cwd));
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'rotated: broken' });
    expect(modeOf(other)).toBe(0o644);
  });
});

describe('a clock that is set back while a certificate is made', () => {
  it('keeps the new one from being used before its time, and the next run installs that very one', async () => {
    const cwd = await folderWith('orders.internal');
    const issued = (): string[] =>
      readdirSync(join(cwd, 'ca/issuers'), { recursive: true, encoding: 'utf8' }).filter((path) =>
        /issued\/\d{4}-\d\d\/\w+\.pem$/.test(path),
      );
    const before = issued().length;
    const now = (): Date => new Date(Date.now() - (issued().length > before ? hour : 0));
    const report = await rotate(cwd, ['--force'], { now });
    expect(report).toMatchObject({
      code: 75,
      certificates: [{ state: 'failed', error: { code: 'not-yet-valid' } }],
    });
    expect(report.certificates[0]?.error?.message).toMatch(/in (59|58) minutes by this machine's clock/);
    expect(generation(cwd, 'orders.internal')).toBe('versions/000001');
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'rotated: begun' });
    expect(issued()).toHaveLength(before + 1);
  });
});

describe('the CRLs of peers', () => {
  it('are kept fresh where nothing is due', async () => {
    const cwd = await folderWith('orders.internal --lifetime 90d');
    const bundle = (): string => readlinkSync(join(cwd, 'certs/_trust/default/current'));
    const before = bundle();
    await rotate(cwd, [], after(day));
    expect(bundle()).toBe(before);
    await rotate(cwd, [], after(16 * day));
    expect(bundle()).not.toBe(before);
  });
});

describe('two runs at once', () => {
  it('rotate once', async () => {
    const names = ['a', 'b', 'c', 'd'].map((name) => `${name}.internal`);
    const cwd = await folderWith(...names);
    const reports = await Promise.all([1, 2, 3].map(() => rotate(cwd, [], after(21 * day))));
    expect(reports.map(({ code }) => code)).toEqual([0, 0, 0]);
    for (const name of names) expect(generation(cwd, name)).toBe('versions/000002');
    const rotated = reports.map(({ summary }) => summary['rotated'] ?? 0);
    expect(rotated.reduce((sum, one) => sum + one)).toBe(4);
  });
});
