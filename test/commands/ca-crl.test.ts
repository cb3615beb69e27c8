import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCrl, revokedCertificates } from '../../src/pki/x509/crl.ts';
import { run, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

const day = 86_400_000;

interface Report {
  crls: { role: string; state: string; crl: { number: number; path: string; nextUpdate: string } | null }[];
  written: string[];
  trust: string | null;
}

async function withCa(...argv: string[]): Promise<string> {
  const cwd = temporaryFolder();
  expect(await run(['ca', 'init', '--name', 'Test', ...argv], { cwd })).toMatchObject({ code: 0 });
  return cwd;
}

async function crl(
  cwd: string,
  args: readonly string[] = [],
  lent: Omit<Lent, 'cwd'> = {},
): Promise<Report & { code: Ran['code'] }> {
  const { code, stdout } = await run(['ca', 'crl', ...args, '--json'], { cwd, ...lent });
  expect(schemaErrors(stdout)).toEqual([]);
  return { code, ...(JSON.parse(stdout) as Report) };
}

const after = (milliseconds: number): { now: () => Date } => ({
  now: () => new Date(Date.now() + milliseconds),
});
const states = ({ crls }: Report): Record<string, string> =>
  Object.fromEntries(crls.map(({ role, state }) => [role, state]));
const numberOf = ({ crls }: Report): number | undefined =>
  crls.find(({ role }) => role === 'issuing')?.crl?.number;

describe('certwright ca crl', () => {
  it('says of an end that is past how long ago it was, as ca show does', async () => {
    const cwd = await withCa('--lifetime', '10d', '--crl-lifetime', '1d');
    const { stdout } = await run(['ca', 'crl'], { cwd, ...after(11 * day) });
    expect(stdout).toMatch(/its CA has ended {2}CN=Test Root CA: .*, 1 day ago$/m);
    const shown = await run(['ca', 'show'], { cwd, ...after(3 * day) });
    expect(shown.stdout).toMatch(/CRL .*, lapsed 2 days ago, \d/);
    expect(shown.stdout).toMatch(/CRL .*, valid for 7 days, until /);
  });

  it('signs what has half of its life behind it, and leaves the rest', async () => {
    const cwd = await withCa();
    const first = await crl(cwd);
    expect({ code: first.code, ...states(first) }).toEqual({ code: 0, root: 'fresh', issuing: 'fresh' });
    expect(states(await crl(cwd, [], after(14 * day)))).toEqual({ root: 'fresh', issuing: 'fresh' });
    expect(states(await crl(cwd, ['--dry-run'], after(16 * day)))).toMatchObject({ issuing: 'signed' });
    const later = await crl(cwd, [], after(16 * day));
    expect(states(later)).toEqual({ root: 'fresh', issuing: 'signed' });
    expect(numberOf(later)).toBe((numberOf(first) ?? 0) + 1);
  });

  it('signs them with --force also where they are fresh, and with another life from then on', async () => {
    const cwd = await withCa();
    const first = await crl(cwd, ['--force']);
    expect(states(first)).toEqual({ root: 'signed', issuing: 'signed' });
    const short = await crl(cwd, ['--crl-lifetime', '2d']);
    expect(states(short)).toEqual({ root: 'fresh', issuing: 'signed' });
    const life = (report: Report): number =>
      Date.parse(report.crls.find(({ role }) => role === 'issuing')?.crl?.nextUpdate ?? '') - Date.now();
    expect(Math.abs(life(short) - 2 * day)).toBeLessThan(60_000);
    expect(Math.abs(life(await crl(cwd, ['--force'])) - 2 * day)).toBeLessThan(60_000);
  });

  it('does without the key of an offline root, and with it lists what the root has revoked', async () => {
    const cwd = await withCa('--offline-root', 'root-key.pem');
    expect(states(await crl(cwd, ['--force']))).toEqual({ root: 'fresh', issuing: 'signed' });
    const active = join(cwd, 'ca', readlinkSync(join(cwd, 'ca/active')));
    const refused = await run(['revoke', join(active, 'cert.pem'), '--yes'], { cwd });
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain('key of the CA is not there');
  });

  it('hands a copy out: DER for .crl and .der, PEM of every CA else, both into a folder', async () => {
    const cwd = await withCa();
    mkdirSync(join(cwd, 'www'));
    for (const out of ['shop.crl', 'all.pem', 'www']) {
      expect((await crl(cwd, ['--out', out])).code).toBe(0);
    }
    expect(readCrl(readFileSync(join(cwd, 'shop.crl'))).version).toBe(2);
    expect(readFileSync(join(cwd, 'all.pem'), 'utf8').match(/BEGIN X509 CRL/g)).toHaveLength(2);
    expect(readFileSync(join(cwd, 'www/crl.der'))).toEqual(readFileSync(join(cwd, 'shop.crl')));
    expect(readFileSync(join(cwd, 'www/crl.pem'))).toEqual(readFileSync(join(cwd, 'all.pem')));
    expect(statSync(join(cwd, 'shop.crl')).mode & 0o777).toBe(0o644);
  });

  it.each(['root', 'issuing'])(
    'signs what it can where the key of the %s CA is damaged, and says so',
    async (damaged) => {
      const cwd = await withCa();
      const before = await crl(cwd);
      const other = damaged === 'root' ? 'issuing' : 'root';
      const pathOf = (report: Report, wanted: string): string =>
        report.crls.find(({ role }) => role === wanted)?.crl?.path ?? '';
      const key = join(pathOf(before, damaged), '../../..', 'key.pem');
      writeFileSync(key, 'no key');
      const { code, stderr } = await run(['ca', 'crl', '--force'], { cwd });
      expect({ code, stderr }).toMatchObject({ code: 2 });
      expect(stderr).toContain('holds no private key that can be read');
      const numberOfRole = (report: Report, wanted: string): number =>
        report.crls.find(({ role }) => role === wanted)?.crl?.number ?? 0;
      const after = await crl(cwd);
      expect(numberOfRole(after, other)).toBe(numberOfRole(before, other) + 1);
      expect(numberOfRole(after, damaged)).toBe(numberOfRole(before, damaged));
    },
  );

  it("brings the store's trust bundle up to date", async () => {
    const cwd = await withCa();
    expect(await run(['issue', 'a.internal'], { cwd })).toMatchObject({ code: 0 });
    const { trust, crls } = await crl(cwd, ['--force']);
    const bundle = readFileSync(join(trust ?? '', 'crl.pem'), 'utf8');
    for (const one of crls) expect(bundle).toContain(readFileSync(one.crl?.path ?? '', 'utf8'));
  });

  it('keeps a CRL of the future from peers, whoever would hand it on, and says what helps', async () => {
    const cwd = await withCa();
    const certwright = (...argv: string[]): Promise<Ran> => run(argv, { cwd });
    expect(await certwright('issue', 'a.internal')).toMatchObject({ code: 0 });
    writeFileSync(join(cwd, 'certwright.yaml'), 'trust: { peers: { authorities: [./ca] } }');
    expect(await certwright('trust')).toMatchObject({ code: 0 });
    const bundles = ['default', 'peers'].map((name) => join(cwd, `certs/_trust/${name}/current/crl.pem`));
    const before = bundles.map((file) => readFileSync(file, 'latin1'));
    const elsewhere = ['--store', temporaryFolder()];
    expect((await crl(cwd, ['--force', ...elsewhere], after(400 * day))).code).toBe(0);

    const refused = { code: 75, stderr: expect.stringContaining('"certwright ca crl --force"') as string };
    expect(await certwright('ca', 'crl', '--out', 'copy.pem')).toMatchObject(refused);
    expect(await certwright('ca', 'crl', '--dry-run')).toMatchObject(refused);
    expect(await certwright('issue', 'b.internal')).toMatchObject(refused);
    expect(await certwright('trust')).toMatchObject(refused);
    // What is due must not wait for somebody to look at a clock.
    const rotated = await certwright('rotate', '--force');
    expect(rotated).toMatchObject({ ...refused, stdout: expect.stringContaining('rotated') as string });
    expect(await certwright('rotate', '--dry-run')).toMatchObject(refused);
    expect(bundles.map((file) => readFileSync(file, 'latin1'))).toEqual(before);
    expect(existsSync(join(cwd, 'copy.pem'))).toBe(false);

    expect((await crl(cwd, ['--force'])).code).toBe(0);
    expect(await certwright('rotate')).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(bundles[0] ?? '', 'latin1')).not.toBe(before[0]);
  });

  it.each(['crl.der', 'facts.json'])(
    'a damaged %s is signed anew, and keeps nobody from revoking',
    async (name) => {
      const cwd = await withCa();
      expect(await run(['issue', 'a.internal'], { cwd })).toMatchObject({ code: 0 });
      const damage = (): void => {
        writeFileSync(join(cwd, 'ca/active/crl/current', name), '');
      };
      damage();
      expect(states(await crl(cwd))).toEqual({ root: 'fresh', issuing: 'signed' });
      damage();
      expect(await run(['revoke', 'a.internal', '--yes'], { cwd })).toMatchObject({ code: 0 });
      const listed = readCrl(readFileSync(join(cwd, 'ca/active/crl/current/crl.der')));
      expect([...revokedCertificates(listed)]).toHaveLength(1);
      damage();
      expect(await run(['rotate', '--force'], { cwd })).toMatchObject({ code: 0 });
      expect(states(await crl(cwd))).toEqual({ root: 'fresh', issuing: 'fresh' });
    },
  );

  it('hands no copy out over a key, nor into the folder of the CA, and signs nothing then', async () => {
    const cwd = await withCa();
    const { number } = (await crl(cwd)).crls[0]?.crl ?? {};
    symlinkSync(join('ca', 'active'), join(cwd, 'link'));
    cpSync(join(cwd, 'ca/active/key.pem'), join(cwd, 'own.pem'));
    for (const out of ['ca/active/key.pem', 'link/key.pem', 'ca/ca.json', 'ca', 'own.pem']) {
      const before = readFileSync(join(cwd, out === 'ca' ? 'ca/ca.json' : out));
      const { code, stderr } = await run(['ca', 'crl', '--force', '--out', out], { cwd });
      expect({ out, code }).toEqual({ out, code: 2 });
      expect(stderr).toMatch(/lies in the folder of the CA|own.pem holds a private key/);
      expect(readFileSync(join(cwd, out === 'ca' ? 'ca/ca.json' : out))).toEqual(before);
    }
    expect((await crl(cwd)).crls[0]?.crl?.number).toBe(number);
  });

  it.runIf(process.platform === 'linux')('does so although a copy cannot be written', async () => {
    const cwd = await withCa();
    expect(await run(['issue', 'a.internal'], { cwd })).toMatchObject({ code: 0 });
    // No file can be made there, not even by root.
    const { code, stderr } = await run(['ca', 'crl', '--force', '--out', '/proc/crl.pem'], { cwd });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('/proc/crl.pem') as string,
    });
    const fed = readFileSync(join(cwd, 'certs/_trust/default/current/crl.pem'), 'utf8');
    expect(fed).toContain(readFileSync(join(cwd, 'ca/active/crl/current/crl.pem'), 'utf8'));
  });

  it('says so where a CRL must be signed and its key is elsewhere', async () => {
    const cwd = await withCa();
    const active = join(cwd, 'ca', readlinkSync(join(cwd, 'ca/active')));
    rmSync(join(active, 'key.pem'));
    const report = await crl(cwd, [], after(40 * day));
    expect({ code: report.code, ...states(report) }).toEqual({ code: 1, root: 'fresh', issuing: 'keyless' });
    const der = readFileSync((report.crls[0]?.crl?.path ?? '').replace(/pem$/, 'der'));
    expect([...revokedCertificates(readCrl(der))]).toEqual([]);
  });
});

describe('the CRLs of those who have signed before', () => {
  /** A CA with an earlier issuing CA, and the root above that. */
  async function withEarlier(): Promise<{ cwd: string; numbers: () => Record<string, number> }> {
    const cwd = await withCa();
    await run(['ca', 'init', '--name', 'Earlier', '--ca', 'earlier'], { cwd });
    const active = basename(readlinkSync(join(cwd, 'earlier/active')));
    for (const id of readdirSync(join(cwd, 'earlier/issuers'))) {
      cpSync(join(cwd, 'earlier/issuers', id), join(cwd, 'ca/issuers', id), {
        recursive: true,
        verbatimSymlinks: true,
      });
    }
    const numbers = (): Record<string, number> => {
      const number = (id: string): number => Number(readlinkSync(join(cwd, 'ca/issuers', id, 'crl/current')));
      return { earlier: number(active), active: number(basename(readlinkSync(join(cwd, 'ca/active')))) };
    };
    return { cwd, numbers };
  }
  const inBundle = (cwd: string, name: string): string =>
    readFileSync(join(cwd, 'certs/_trust', name, 'current/crl.pem'), 'utf8');
  const ofEarlier = (cwd: string): string => {
    const active = basename(readlinkSync(join(cwd, 'earlier/active')));
    return readFileSync(join(cwd, 'ca/issuers', active, 'crl/current/crl.pem'), 'utf8');
  };

  it.each([
    ['rotate', ['rotate']],
    ['issue --all', ['issue', '--all']],
    ['trust', ['trust']],
  ])('are signed anew by %s once half of their lives is gone', async (_, argv) => {
    const { cwd, numbers } = await withEarlier();
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      'trust: { peers: { authorities: [./ca] } }\ncertificates: { orders.internal: { lifetime: 60d } }\n',
    );
    expect(await run(['issue', '--all'], { cwd })).toMatchObject({ code: 0 });
    const before = numbers();
    await crl(cwd, ['--force'], after(14 * day));
    const since = numbers();
    expect(since).toEqual({ earlier: before['earlier']! + 1, active: before['active']! + 1 });
    const ran = await run(argv, { cwd, ...after(16 * day) });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(numbers()).toEqual(since);
    expect(await run(argv, { cwd, ...after(31 * day) })).toMatchObject({ code: 0, stderr: '' });
    expect(numbers()).toEqual({ earlier: since['earlier']! + 1, active: since['active']! + 1 });
    expect(inBundle(cwd, 'peers')).toContain(ofEarlier(cwd));
  });

  it('stay for others to sign where the key is elsewhere, and hold up nothing where it is not to be opened', async () => {
    const { cwd, numbers } = await withEarlier();
    expect(await run(['issue', 'orders.internal', '--lifetime', '60d'], { cwd })).toMatchObject({ code: 0 });
    const earlier = basename(readlinkSync(join(cwd, 'earlier/active')));
    const key = join(cwd, 'ca/issuers', earlier, 'key.pem');
    const pem = readFileSync(key);
    rmSync(key);
    const before = numbers();
    expect(await run(['rotate'], { cwd, ...after(16 * day) })).toMatchObject({ code: 0 });
    expect(numbers()).toEqual({ earlier: before['earlier'], active: before['active']! + 1 });
    writeFileSync(key, pem, { mode: 0o644 });
    chmodSync(key, 0o644);
    const lax = await run(['rotate', 'orders.internal', '--force'], { cwd, ...after(17 * day) });
    expect(lax.code).toBe(4);
    expect(lax.stderr).toContain('key.pem has mode 0644');
    expect(lax.stdout).toContain('rotated');
    chmodSync(key, 0o600);
    expect(await run(['rotate'], { cwd, ...after(17 * day) })).toMatchObject({ code: 0 });
    expect(numbers()['earlier']).toBe(before['earlier']! + 1);
  });
});

it('signs the CRL of a root that issues itself by its age', async () => {
  const cwd = await withCa();
  const [root = ''] = readdirSync(join(cwd, 'ca/issuers')).filter(
    (id) => id !== basename(readlinkSync(join(cwd, 'ca/active'))),
  );
  const json = JSON.parse(readFileSync(join(cwd, 'ca/ca.json'), 'utf8')) as object;
  writeFileSync(join(cwd, 'ca/ca.json'), JSON.stringify({ ...json, rootIssues: true }));
  rmSync(join(cwd, 'ca/active'));
  symlinkSync(join('issuers', root), join(cwd, 'ca/active'));
  await crl(cwd, ['--force']);
  expect(states(await crl(cwd, [], after(14 * day)))).toMatchObject({ root: 'fresh' });
  expect(states(await crl(cwd, [], after(16 * day)))).toMatchObject({ root: 'signed' });
});
