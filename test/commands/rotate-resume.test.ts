import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withLock } from '../../src/pki/store/lock.ts';
import { execute, program, run, succeed, temporaryFolder, type Ran } from '../support/cli.ts';
import { leftovers, problemsIn, recordOf } from '../support/invariants.ts';

const name = 'orders.internal';
const hour = 3_600_000;
const folder = (cwd: string): string => join(cwd, 'certs', name);
const pendingOf = (cwd: string): string => join(folder(cwd), 'pending/000002');
const certificateOf = (cwd: string, generation = 'current'): X509Certificate =>
  new X509Certificate(readFileSync(join(folder(cwd), generation, 'cert.pem')));
const publicKeyOf = (cwd: string, generation?: string): string =>
  certificateOf(cwd, generation).publicKey.export({ type: 'spki', format: 'pem' }).toString();
const recorded = (cwd: string): number => recordOf(join(cwd, 'ca')).serials.size;

async function withCertificate(...args: string[]): Promise<string> {
  const cwd = temporaryFolder();
  await succeed(['issue', name, '--create-ca', ...args], { cwd });
  return cwd;
}

const versionIn = (path: string): { serial: string } =>
  JSON.parse(readFileSync(join(path, 'version.json'), 'utf8')) as { serial: string };

/** A rotation that ends once its certificate is recorded: the clock is set back then, and it is not valid yet. */
async function endAfterRecord(cwd: string): Promise<{ serial: string }> {
  const before = recorded(cwd);
  const now = (): Date => new Date(Date.now() - (recorded(cwd) > before ? hour : 0));
  expect(await run(['rotate', '--force', name], { cwd, now })).toMatchObject({ code: 75 });
  const [draft = ''] = readdirSync(pendingOf(cwd)).filter((entry) => entry.startsWith('.ready.'));
  return versionIn(join(pendingOf(cwd), draft));
}

/** As a run leaves it that ends between its claim and its switch. */
async function endAfterClaim(cwd: string): Promise<{ serial: string }> {
  await succeed(['rotate', '--force', name], { cwd });
  rmSync(join(folder(cwd), 'current'));
  symlinkSync('versions/000001', join(folder(cwd), 'current'));
  mkdirSync(pendingOf(cwd));
  cpSync(join(folder(cwd), 'request.json'), join(pendingOf(cwd), 'request.json'));
  return versionIn(join(folder(cwd), 'versions/000002'));
}

const rotate = (cwd: string, args: readonly string[] = [], now?: () => Date): Promise<Ran> =>
  run(['rotate', ...args], { cwd, ...(now && { now }) });

describe.each([
  ['recorded', endAfterRecord],
  ['claimed', endAfterClaim],
] as const)('a rotation that ended once its certificate was %s', (_how, end) => {
  it('is not gone on with where its key is in wrong hands', async () => {
    const cwd = await withCertificate('--reuse-key');
    await end(cwd);
    await succeed(['revoke', name, '--reason', 'keyCompromise', '--replace', '--yes'], { cwd });
    expect(publicKeyOf(cwd)).not.toBe(publicKeyOf(cwd, 'versions/000001'));
    expect([...problemsIn(cwd), ...leftovers(cwd)]).toEqual([]);
  });

  it('nor where others could read that key meanwhile', async () => {
    const cwd = await withCertificate('--reuse-key');
    await end(cwd);
    const request = join(folder(cwd), 'request.json');
    const asked = JSON.parse(readFileSync(request, 'utf8')) as object;
    writeFileSync(request, JSON.stringify({ ...asked, reissueOnExposure: true }));
    chmodSync(join(folder(cwd), 'versions/000001/key.pem'), 0o644);
    expect(await rotate(cwd)).toMatchObject({ code: 0 });
    expect(publicKeyOf(cwd)).not.toBe(publicKeyOf(cwd, 'versions/000001'));
    expect([...problemsIn(cwd), ...leftovers(cwd)]).toEqual([]);
  });

  it('nor where that certificate has ended meanwhile', async () => {
    const cwd = await withCertificate('--lifetime', '5m');
    await end(cwd);
    const later = Date.now() + 6 * 60_000;
    expect(await rotate(cwd, [], () => new Date(later))).toMatchObject({ code: 0 });
    expect(Date.parse(certificateOf(cwd).validTo)).toBeGreaterThan(later);
    expect([...problemsIn(cwd), ...leftovers(cwd)]).toEqual([]);
  });

  it('nor where that certificate was revoked meanwhile', async () => {
    const cwd = await withCertificate();
    const { serial } = await end(cwd);
    await succeed(['revoke', `0x${serial}`, '--yes'], { cwd });
    expect(await rotate(cwd)).toMatchObject({ code: 0 });
    expect(certificateOf(cwd).serialNumber.toLowerCase()).not.toBe(serial);
    expect([...problemsIn(cwd), ...leftovers(cwd)]).toEqual([]);
  });
});

describe('what runs that died have left', () => {
  it('goes where the certificate is not due', async () => {
    const cwd = await withCertificate();
    mkdirSync(join(folder(cwd), 'pending/000001'));
    writeFileSync(join(folder(cwd), 'pending/000001/request.json'), '');
    expect((await rotate(cwd)).stdout).toContain('not due');
    expect(leftovers(cwd)).toEqual([]);
  });

  it("is nobody's concern while another run is at work there", async () => {
    const cwd = await withCertificate();
    mkdirSync(pendingOf(cwd));
    const lock = { pid: process.pid, timeout: 0, signal: new AbortController().signal };
    await withLock(join(folder(cwd), '.lock'), lock, async () => {
      // As a run would see that is none of ours.
      const held = await execute(process.execPath, [program, 'rotate'], { cwd });
      expect(held).toMatchObject({ code: 0, stdout: expect.stringContaining('not due') as string });
    });
    expect(existsSync(pendingOf(cwd))).toBe(true);
  });

  it('goes from the records of the CA also where nothing is signed', async () => {
    const cwd = await withCertificate();
    const { serial } = await endAfterRecord(cwd);
    const [issuer = ''] = readdirSync(join(cwd, 'ca/issuers')).filter(
      (id) =>
        existsSync(join(cwd, 'ca/issuers', id, 'issued')) &&
        readdirSync(join(cwd, 'ca/issuers', id, 'issued'), { recursive: true }).some((path) =>
          String(path).includes(serial),
        ),
    );
    const draft = join(cwd, 'ca/issuers', issuer, `issued/.${serial}.pem.00000000-0-0-0123abcd.tmp`);
    writeFileSync(draft, '');
    const old = new Date(Date.now() - 2 * hour);
    utimesSync(draft, old, old);
    const before = recorded(cwd);
    expect(await rotate(cwd)).toMatchObject({ code: 0 });
    expect(recorded(cwd)).toBe(before);
    expect(existsSync(draft)).toBe(false);
  });

  it('is dropped by a rollback, which it would undo', async () => {
    const cwd = await withCertificate();
    await succeed(['rotate', '--force', name], { cwd });
    const before = readlinkSync(join(folder(cwd), 'current'));
    await succeed(['rotate', '--rollback', name], { cwd });
    expect(readlinkSync(join(folder(cwd), 'current'))).not.toBe(before);
    mkdirSync(join(folder(cwd), 'pending/000003'));
    cpSync(join(folder(cwd), 'request.json'), join(folder(cwd), 'pending/000003/request.json'));
    await succeed(['rotate', '--rollback', name, '--generation', '2'], { cwd });
    expect(await rotate(cwd)).toMatchObject({ code: 0 });
    expect(readlinkSync(join(folder(cwd), 'current'))).toBe('versions/000002');
  });

  it('is no generation where its number is too long for one', async () => {
    const cwd = await withCertificate();
    mkdirSync(join(folder(cwd), 'versions/12345678901234567'));
    expect(await rotate(cwd, ['--force', name])).toMatchObject({ code: 0 });
    expect(readlinkSync(join(folder(cwd), 'current'))).toBe('versions/000002');
  });
});

it('a generation without its ca.pem is broken', async () => {
  const cwd = await withCertificate();
  rmSync(join(folder(cwd), 'current/ca.pem'));
  const { code, stdout } = await rotate(cwd);
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('rotated') as string });
  expect(existsSync(join(folder(cwd), 'current/ca.pem'))).toBe(true);
});

it('names are found as they were typed for issue', async () => {
  const cwd = temporaryFolder();
  await succeed(['issue', 'Ünï.Example', '--create-ca'], { cwd });
  await succeed(['rotate', 'Ünï.Example', '--force'], { cwd });
  expect((await succeed(['inspect', 'Ünï.Example'], { cwd })).stdout).toContain('xn--');
  await succeed(['rotate', '--rollback', 'ünï.example'], { cwd });
  await succeed(['revoke', 'Ünï.Example', '--yes'], { cwd });
  await succeed(['remove', 'ÜNÏ.example', '--yes'], { cwd });
  expect(readdirSync(join(cwd, 'certs')).filter((entry) => !entry.startsWith('_'))).toEqual([]);
});
