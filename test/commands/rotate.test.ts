import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { execute, run, spawnProgram, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
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

async function succeed(argv: readonly string[], lent: Lent): Promise<Ran> {
  const ran = await run(argv, lent);
  expect({ argv, code: ran.code, stderr: ran.code === 0 ? '' : ran.stderr }).toEqual({
    argv,
    code: 0,
    stderr: '',
  });
  return ran;
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

  it('says nothing with --quiet', async () => {
    const cwd = await folderWith('orders.internal');
    expect(await run(['rotate', '--quiet'], { cwd, ...after(21 * day) })).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
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
  it('torn files', async () => {
    const cwd = await folderWith('orders.internal');
    writeFileSync(join(cwd, 'certs/orders.internal/current/fullchain.pem'), 'torn');
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'rotated: broken' });
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
    const report = await rotate(cwd, [], { now: () => new Date(leaf - hour / 2) });
    expect(report.certificates).toMatchObject([{ state: 'failed', error: { code: 'outlives-issuer' } }]);
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
    const without = await rotate(cwd, [], after(21 * day));
    expect(without.code).toBe(2);
    expect(without.certificates).toMatchObject([{ error: { code: 'passphrase' } }]);
    expect(states(await rotate(cwd, ['--passphrase-file', 'phrase'], after(21 * day)))).toEqual({
      'orders.internal': 'rotated: due',
    });
  });
});

describe('a certificate of AWS', () => {
  it('of a private CA is bought anew, once; a public one that stays in ACM is left to ACM', async () => {
    const emulator = await startEmulator();
    try {
      const arn = await emulator.createCa();
      const cwd = temporaryFolder();
      const env = { ...process.env, ...emulator.environment };
      const issue = (...args: string[]): Promise<Ran> =>
        spawnProgram(['issue', ...args, '--json'], { cwd, env });
      expect((await issue('orders.internal', '--ca', arn)).code).toBe(0);
      const wish = ['www.example.com', '--ca', 'acm', '--usage', 'server', '--key-type', 'rsa-2048'];
      const asked = await issue(...wish);
      expect(asked.code).toBe(75);
      const { records } = JSON.parse(asked.stdout) as { records: { name: string; value: string }[] };
      for (const { name, value } of records) emulator.publish(name, value);
      expect((await issue(...wish)).code).toBe(0);

      const calls = { ...emulator.stats.calls };
      const looked = await rotate(cwd, ['www.example.com'], after(190 * day));
      expect(looked).toMatchObject({ code: 0, certificates: [{ state: 'due', renewedBy: 'acm' }] });
      expect(emulator.stats.calls).toEqual(calls);

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
