import {
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Findings } from '../../src/pki/lifecycle/doctor/finding.ts';
import { judgeDisk } from '../../src/pki/lifecycle/doctor/surroundings.ts';
import { run, temporaryFolder, temporaryFolderForSuite, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

interface Report {
  healthy: boolean;
  issued: number;
  findings: { check: string; level: string; path: string; message: string; fix: string; fixable: boolean }[];
  mended: { check: string; path: string }[];
}

const day = 86_400_000;

describe('ca doctor', () => {
  const suite = temporaryFolderForSuite();
  let cwd = '';

  beforeAll(async () => {
    expect(await run(['ca', 'init', '--name', 'Test'], { cwd: suite() })).toMatchObject({ code: 0 });
    expect(await run(['issue', 'a.internal'], { cwd: suite() })).toMatchObject({ code: 0 });
  });

  beforeEach(() => {
    cwd = temporaryFolder();
    cpSync(suite(), cwd, { recursive: true, verbatimSymlinks: true });
    chmodSync(join(cwd, 'ca'), 0o700);
  });

  async function doctor(argv: readonly string[] = [], now = new Date()): Promise<Report & Ran> {
    const ran = await run(['ca', 'doctor', '--json', ...argv], { cwd, now: () => now });
    expect(schemaErrors(ran.stdout)).toEqual([]);
    return { ...ran, ...(JSON.parse(ran.stdout) as Report) };
  }
  const wrong = ({ findings }: Report): string[] =>
    findings.filter(({ level }) => level === 'wrong').map(({ check }) => check);

  const active = (): string => join(cwd, 'ca', readlinkSync(join(cwd, 'ca/active')));
  const months = (): string[] =>
    readdirSync(join(active(), 'issued')).map((month) => join(active(), 'issued', month));
  const record = (): string => {
    const [month = ''] = months();
    return join(month, readdirSync(month)[0] ?? '');
  };

  it('looks behind a link to the CA, as all others do; a key behind one is refused as what it is', async () => {
    renameSync(join(cwd, 'ca'), join(cwd, 'disk'));
    symlinkSync('disk', join(cwd, 'ca'));
    expect(await run(['issue', 'b.internal'], { cwd })).toMatchObject({ code: 0 });
    expect(await doctor()).toMatchObject({ code: 0, healthy: true });
    chmodSync(join(cwd, 'disk'), 0o755);
    const lax = await run(['issue', 'c.internal'], { cwd });
    expect({ code: lax.code, stderr: lax.stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('has mode 0755, at most 0700 is allowed') as string,
    });
    expect((await doctor(['--fix'])).mended).toMatchObject([{ check: 'mode' }]);
    expect(statSync(join(cwd, 'disk')).mode & 0o777).toBe(0o700);

    const key = join(active(), 'key.pem');
    renameSync(key, join(cwd, 'key.pem'));
    symlinkSync(join(cwd, 'key.pem'), key);
    const linked = await run(['issue', 'c.internal'], { cwd });
    expect(linked.code).toBe(2);
    expect(linked.stderr).toContain('key.pem is a symbolic link\n  put the key itself in its place');
    expect(await doctor()).toMatchObject({ code: 3 });
  });

  it('finds nothing wrong with a new CA, and says so', async () => {
    const report = await doctor();
    expect(report).toMatchObject({ code: 0, healthy: true, issued: 2 });
    expect(wrong(report)).toEqual([]);
    const { code, stdout } = await run(['ca', 'doctor', 'ca'], { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain('healthy: 2 issuers, 2 certificates on record');
    expect(await run(['ca', 'doctor', '--quiet'], { cwd })).toMatchObject({ stdout: '', stderr: '' });
  });

  it('modes: says who could read the key, and takes the right away', async () => {
    chmodSync(join(cwd, 'ca'), 0o755);
    chmodSync(join(active(), 'key.pem'), 0o640);
    const quiet = await run(['ca', 'doctor', '--quiet'], { cwd });
    expect(quiet).toMatchObject({ code: 3, stdout: '' });
    expect(quiet.stderr).toContain('key.pem: ');
    const report = await doctor();
    expect(report).toMatchObject({ code: 3, healthy: false });
    expect(wrong(report)).toEqual(['mode', 'mode']);
    expect(await doctor(['--fix'])).toMatchObject({
      code: 0,
      mended: [{ check: 'mode' }, { check: 'mode' }],
    });
    expect(statSync(join(cwd, 'ca')).mode & 0o777).toBe(0o700);
    expect(statSync(join(active(), 'key.pem')).mode & 0o777).toBe(0o600);
  });

  it.runIf(process.getuid?.() === 0)(
    'owners: says what a run as somebody else has left, also as revocations and CRLs',
    async () => {
      expect(await run(['revoke', 'a.internal', '--yes'], { cwd })).toMatchObject({ code: 0 });
      const key = join(active(), 'key.pem');
      const crl = join(active(), 'crl', readlinkSync(join(active(), 'crl/current')));
      const [fact = ''] = readdirSync(join(active(), 'revoked')).filter((name) => name.endsWith('.json'));
      const strange = [key, crl, join(active(), 'revoked', fact)];
      for (const path of strange) chownSync(path, 4711, 4711);
      const { code, findings } = await doctor();
      expect(code).toBe(3);
      const owners = findings.filter(({ check }) => check === 'owner');
      expect(owners.map(({ path }) => path).sort()).toEqual([...strange].sort());
      for (const { message, fix } of owners) {
        expect(message).toBe('belongs to user 4711, the CA to user 0');
        expect(fix).toMatch(/^chown -R 0:0 /);
      }
    },
  );

  it('links that became folders: points them again, and issuing goes on', async () => {
    cpSync(join(cwd, 'ca'), join(cwd, 'copy'), { recursive: true, dereference: true });
    rmSync(join(cwd, 'ca'), { recursive: true });
    renameSync(join(cwd, 'copy'), join(cwd, 'ca'));
    chmodSync(join(cwd, 'ca'), 0o700);
    const report = await doctor();
    expect(report.code).toBe(3);
    expect(wrong(report).filter((check) => check === 'link')).toHaveLength(3);
    expect(await doctor(['--fix'])).toMatchObject({ code: 0, healthy: true });
    expect(lstatSync(join(cwd, 'ca/active')).isSymbolicLink()).toBe(true);
    for (const id of readdirSync(join(cwd, 'ca/issuers'))) {
      expect(lstatSync(join(cwd, 'ca/issuers', id, 'crl/current')).isSymbolicLink()).toBe(true);
    }
    expect(readdirSync(join(cwd, 'ca')).sort()).toEqual(['active', 'ca.json', 'issuers']);
    expect(await run(['issue', 'b.internal'], { cwd })).toMatchObject({ code: 0 });
  });

  it('a link that became a folder, and holds what is nowhere else, is not removed', async () => {
    const target = active();
    unlinkSync(join(cwd, 'ca/active'));
    cpSync(target, join(cwd, 'ca/active'), { recursive: true, verbatimSymlinks: true });
    rmSync(join(target, 'key.pem'));
    const report = await doctor(['--fix']);
    expect(report.code).toBe(3);
    expect(report.findings.find(({ check }) => check === 'link')).toMatchObject({
      fixable: false,
      message: expect.stringContaining('holds what') as string,
    });
    expect(readdirSync(join(cwd, 'ca/active'))).toContain('key.pem');
  });

  it('links that are files or gone', async () => {
    const target = readlinkSync(join(cwd, 'ca/active'));
    unlinkSync(join(cwd, 'ca/active'));
    writeFileSync(join(cwd, 'ca/active'), `${target}\n`);
    unlinkSync(join(cwd, 'ca', target, 'crl/current'));
    expect(wrong(await doctor())).toContain('link');
    expect(await doctor(['--fix'])).toMatchObject({
      code: 0,
      mended: [{ check: 'link' }, { check: 'link' }, {}],
    });
    expect(readlinkSync(join(cwd, 'ca/active'))).toBe(target);
  });

  it("a key that is another's, and one that is gone", async () => {
    const [one = '', other = ''] = readdirSync(join(cwd, 'ca/issuers')).map((id) =>
      join(cwd, 'ca/issuers', id),
    );
    cpSync(join(one, 'key.pem'), join(other, 'key.pem'));
    expect(wrong(await doctor())).toEqual(['key']);
    rmSync(join(active(), 'key.pem'));
    const { findings } = await doctor();
    expect(findings.map(({ message }) => message)).toContain('the key that signs certificates is not there');
  });

  it('a CRL that lapses is signed anew, one that is none too', async () => {
    const soon = new Date(Date.now() + 20 * day);
    const before = await doctor([], soon);
    expect(before).toMatchObject({ code: 0, healthy: true });
    expect(before.findings.filter(({ fixable }) => fixable).map(({ check }) => check)).toEqual(['crl']);

    const late = new Date(Date.now() + 40 * day);
    expect(wrong(await doctor([], late))).toEqual(['crl']);
    expect(await doctor(['--fix'], late)).toMatchObject({ code: 0, mended: [{ check: 'crl' }] });

    writeFileSync(join(active(), 'crl/current/crl.der'), 'garbage');
    expect(wrong(await doctor())).toContain('crl');
    expect(await doctor(['--fix'], late)).toMatchObject({ code: 0 });
  });

  it('the end of the CA, in time', async () => {
    const soon = await doctor([], new Date(Date.now() + (5 * 365 - 60) * day));
    expect(
      soon.findings.filter(({ check, level }) => check === 'certificate' && level === 'wrong'),
    ).toHaveLength(1);
    const over = await doctor([], new Date(Date.now() + 11 * 365 * day));
    expect(wrong(over)).toContain('certificate');
    const fixes = [soon, over].map(
      ({ findings }) => findings.find(({ check }) => check === 'certificate')?.fix,
    );
    expect(fixes).toEqual(Array(2).fill(expect.stringMatching(/^make a new CA .*certwright ca init/)));
  });

  it('records under another serial, in another month, of others and unreadable ones', async () => {
    const file = record();
    const month = join(file, '..');
    cpSync(file, join(month, 'abcdef.pem'));
    writeFileSync(join(month, 'aa.pem'), 'garbage');
    writeFileSync(join(month, 'README'), '');
    mkdirSync(join(active(), 'issued/1999-01'));
    cpSync(file, join(active(), 'issued/1999-01', file.slice(month.length + 1)));
    const report = await doctor(['--fix']);
    expect(report.code).toBe(3);
    const messages = report.findings.filter(({ check }) => check === 'record').map(({ message }) => message);
    expect(messages.sort()).toEqual([
      expect.stringMatching(/^ends in /) as string,
      expect.stringMatching(/^holds no certificate/) as string,
      expect.stringMatching(/^holds the certificate with the serial/) as string,
      'is no record of a certificate',
    ]);
  });

  it('revocations of what is not on record, and ones that cannot be read', async () => {
    const revoked = join(active(), 'revoked');
    await run(['revoke', 'a.internal', '--yes'], { cwd });
    const [fact = ''] = readdirSync(revoked);
    const text = readFileSync(join(revoked, fact), 'utf8');
    writeFileSync(join(revoked, 'abcdef.1.json'), text);
    const orphaned = await doctor(['--fix']);
    expect(orphaned).toMatchObject({ code: 0, mended: [{ check: 'crl' }] });
    expect(orphaned.findings.filter(({ check }) => check === 'revocation')).toMatchObject([
      { level: 'note', path: revoked, message: 'abcdef is revoked and not on record' },
    ]);
    writeFileSync(join(revoked, 'abcdef.2.json'), '{');
    expect(wrong(await doctor())).toContain('revocation');
  });

  it('lists a few of very many', async () => {
    const month = months()[0] ?? '';
    for (let index = 0; index < 50; index++) writeFileSync(join(month, `${index.toString(16)}.pem`), '');
    const { findings } = await doctor();
    expect(findings.filter(({ level }) => level === 'wrong')).toHaveLength(10);
    expect(findings.map(({ message }) => message)).toContain('40 more records without a certificate');
  });

  it('what dead runs left goes with --fix; what a living one works on stays', async () => {
    const dead = join(active(), '.key.pem.00000000-0-0-00000000.tmp');
    writeFileSync(dead, '');
    utimesSync(dead, 0, 0);
    writeFileSync(join(active(), 'issued/.aa.pem.00000000-0-0-00000000.tmp'), '');
    expect(wrong(await doctor())).toEqual(['draft']);
    expect(await doctor(['--fix'])).toMatchObject({ code: 0, mended: [{ check: 'draft', path: dead }] });
    expect(readdirSync(active())).not.toContain('.key.pem.00000000-0-0-00000000.tmp');
    expect(readdirSync(join(active(), 'issued'))).toContain('.aa.pem.00000000-0-0-00000000.tmp');
  });

  it('a clock that is behind what was written', async () => {
    const { findings } = await doctor([], new Date(Date.now() - day));
    const clock = findings.filter(({ check }) => check === 'clock');
    expect(clock.length).toBeGreaterThanOrEqual(2);
    expect(clock[0]?.message).toContain('in the future');
  });

  it('a disk that is nearly full, by bytes or by inodes', () => {
    const judged = (bytes: number, files: number): number => {
      const findings = new Findings();
      judgeDisk('/ca', { bytes, files }, findings);
      return findings.all.length;
    };
    expect([judged(1e9, Infinity), judged(1e6, Infinity), judged(1e9, 100), judged(0, 0)]).toEqual([
      0, 1, 1, 2,
    ]);
  });

  it('a broken ca.json is one fault, and hides no other', async () => {
    writeFileSync(join(cwd, 'ca/ca.json'), '{');
    chmodSync(join(active(), 'key.pem'), 0o644);
    expect(wrong(await doctor()).sort()).toEqual(['folder', 'mode']);
  });

  it('a folder without a CA is no sick CA', async () => {
    const { code, stderr } = await run(['ca', 'doctor', 'certs'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('there is no CA in');
    expect(readFileSync(join(cwd, 'ca/ca.json'), 'utf8')).toContain('Test');
  });
});
