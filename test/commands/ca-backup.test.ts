import {
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeFact } from '../../src/pki/authorities/local/revocation-facts.ts';
import { restoreCa } from '../../src/pki/lifecycle/ca-restore.ts';
import { readTarHeader, tarEnd, tarHeader, type TarEntry } from '../../src/pki/lifecycle/archive/tar.ts';
import { execute, run, succeed, temporaryFolder, temporaryFolderForSuite, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';
import { describeWith } from '../support/tools.ts';

const suite = temporaryFolderForSuite();

beforeAll(async () => {
  expect(await run(['ca', 'init', '--name', 'Test'], { cwd: suite() })).toMatchObject({ code: 0 });
  expect(await run(['issue', 'a.internal'], { cwd: suite() })).toMatchObject({ code: 0 });
});

let cwd = '';
const certwright = (...argv: string[]): Promise<Ran> => run(argv, { cwd });

beforeEach(() => {
  cwd = temporaryFolder();
  // Without a filter, Node.js 24 makes links absolute in spite of verbatimSymlinks.
  cpSync(suite(), cwd, { recursive: true, verbatimSymlinks: true, filter: () => true });
});

/** Every file below a folder but CRLs, with its content; links with their targets. */
function contents(folder: string, at = ''): Record<string, string> {
  return Object.assign(
    {},
    ...readdirSync(join(folder, at), { withFileTypes: true }).map((entry) => {
      const path = join(at, entry.name);
      if (entry.name === 'crl') return {};
      if (entry.isDirectory()) return contents(folder, path);
      const mode = entry.isSymbolicLink() ? '' : (lstatSync(join(folder, path)).mode & 0o777).toString(8);
      const text = entry.isSymbolicLink()
        ? readlinkSync(join(folder, path))
        : readFileSync(join(folder, path), 'latin1');
      return { [path]: `${mode} ${text}` };
    }),
  ) as Record<string, string>;
}

const crlNumbers = (ca: string): number[] =>
  readdirSync(join(cwd, ca, 'issuers'))
    .sort()
    .map((id) => Number(readlinkSync(join(cwd, ca, 'issuers', id, 'crl/current'))));

it('replaces no pipe and no device', async () => {
  const cwd = temporaryFolder();
  await succeed(['ca', 'init'], { cwd });
  expect((await execute('mkfifo', ['pipe'], { cwd })).code).toBe(0);
  const { code, stderr } = await run(['ca', 'backup', 'pipe', '--force'], { cwd });
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is not a regular file') as string,
  });
});

describe('ca backup and ca restore', () => {
  it('bring back the same CA, which goes on issuing', async () => {
    const written = await certwright('ca', 'backup', 'ca.tar', '--json');
    expect(written).toMatchObject({ code: 0 });
    expect(schemaErrors(written.stdout)).toEqual([]);
    expect(JSON.parse(written.stdout)).toMatchObject({
      issued: 2,
      revoked: 0,
      keys: [{ state: 'plain' }, {}],
    });
    expect(lstatSync(join(cwd, 'ca.tar')).mode & 0o777).toBe(0o600);
    const restored = await certwright('ca', 'restore', 'ca.tar', '--ca', 'again', '--json');
    expect(restored).toMatchObject({ code: 0, stderr: '' });
    expect(schemaErrors(restored.stdout)).toEqual([]);
    expect(contents(join(cwd, 'again'))).toEqual(contents(join(cwd, 'ca')));
    expect(lstatSync(join(cwd, 'again')).mode & 0o777).toBe(0o700);
    expect(await certwright('ca', 'doctor', 'again')).toMatchObject({ code: 0 });
    expect(await certwright('issue', 'b.internal', '--ca', 'again')).toMatchObject({ code: 0 });
  });

  it('warns of keys without a passphrase', async () => {
    expect((await certwright('ca', 'backup', 'ca.tar')).stderr).toContain(
      'whoever can read the file is the CA',
    );
  });

  it('leaves nothing out that a link leads to: it is refused', async () => {
    await certwright('revoke', 'a.internal', '--yes');
    const revoked = join(realpathSync(join(cwd, 'ca/active')), 'revoked');
    cpSync(revoked, join(cwd, 'other-disk'), { recursive: true });
    rmSync(revoked, { recursive: true });
    symlinkSync(join(cwd, 'other-disk'), revoked);
    const { code, stderr } = await certwright('ca', 'backup', 'ca.tar');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('/revoked is neither a file nor a folder') as string,
    });
    expect(readdirSync(cwd).sort()).toEqual(['ca', 'certs', 'other-disk']);
  });

  it('never gives a CRL number again that peers may have seen', async () => {
    await certwright('ca', 'backup', 'ca.tar');
    const late = new Date(Date.now() + 20 * 86_400_000);
    await run(['ca', 'doctor', '--fix'], { cwd, now: () => late });
    const seen = crlNumbers('ca');
    rmSync(join(cwd, 'ca'), { recursive: true });
    const later = new Date(late.getTime() + 1000);
    await run(['ca', 'restore', 'ca.tar'], { cwd, now: () => later });
    crlNumbers('ca').forEach((number, index) => {
      expect(number).toBeGreaterThan(seen[index] ?? Infinity);
    });
  });

  it('carries over what others write until the CA is moved aside', async () => {
    await certwright('ca', 'backup', 'ca.tar');
    const version = readFileSync(join(cwd, 'certs/a.internal/current/version.json'), 'utf8');
    const { serial } = JSON.parse(version) as { serial: string };
    const now = new Date();
    const about = { at: now, revokedAt: now, invalidityDate: undefined, by: '', notAfter: undefined };
    const paths = { file: join(cwd, 'ca.tar'), folder: join(cwd, 'ca') };
    const order = { ...paths, force: true, store: undefined, passphrase: undefined };
    const issuer = realpathSync(join(cwd, 'ca/active'));
    const restored = restoreCa(order, now);
    // It has carried over what was there, and signs CRLs now.
    writeFact(issuer, serial, 1, { ...about, event: 'revoked', reason: 'keyCompromise' });
    expect(await restored).toMatchObject({ carriedOver: 1 });
    expect(readdirSync(join(cwd, 'ca/active/revoked'))).toEqual([`${serial}.1.json`]);
    expect((await certwright('ca', 'crl')).stdout).toContain('signed');
    expect(await certwright('inspect', 'a.internal', '--check')).toMatchObject({ code: 3 });
  });

  it('takes up what the store holds and the backup did not know, and nothing of others', async () => {
    await certwright('ca', 'backup', 'ca.tar');
    await certwright('issue', 'late.internal');
    await certwright('ca', 'init', '--ca', 'other');
    await certwright('issue', 'other.internal', '--ca', 'other');
    rmSync(join(cwd, 'ca'), { recursive: true });
    const restored = await certwright('ca', 'restore', 'ca.tar', '--json');
    expect(JSON.parse(restored.stdout)).toMatchObject({
      takenUp: [{ name: 'late.internal', generation: 1 }],
    });
    expect(JSON.parse((await certwright('ca', 'doctor', '--json')).stdout)).toMatchObject({
      issued: 3,
      healthy: true,
    });
  });

  it('takes up revocations that the CRLs of the store list', async () => {
    await certwright('ca', 'backup', 'ca.tar');
    expect(await certwright('revoke', 'a.internal', '--reason', 'keyCompromise', '--yes')).toMatchObject({
      code: 0,
    });
    await certwright('issue', 'b.internal');
    const seen = crlNumbers('ca');
    rmSync(join(cwd, 'ca'), { recursive: true });
    const restored = await certwright('ca', 'restore', 'ca.tar', '--json');
    expect(schemaErrors(restored.stdout)).toEqual([]);
    expect(JSON.parse(restored.stdout)).toMatchObject({ revocations: 1 });
    expect(await certwright('ca', 'doctor')).toMatchObject({ code: 0 });
    crlNumbers('ca').forEach((number, index) => {
      expect(number).toBeGreaterThan(seen[index] ?? Infinity);
    });
    const again = await certwright('revoke', 'a.internal', '--yes', '--json');
    expect(again.stdout).toContain('already-revoked');
  });

  it('is refused where a CA is; with --force that is moved aside, and what it knows is carried over', async () => {
    await certwright('ca', 'backup', 'ca.tar');
    await certwright('issue', 'late.internal');
    const refused = await certwright('ca', 'restore', 'ca.tar');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('is not empty');
    rmSync(join(cwd, 'certs'), { recursive: true });
    const forced = await certwright('ca', 'restore', 'ca.tar', '--force', '--json');
    expect(forced).toMatchObject({ code: 0 });
    const { aside, carriedOver } = JSON.parse(forced.stdout) as { aside: string; carriedOver: number };
    expect(carriedOver).toBe(1);
    expect(existsSync(join(aside, 'ca.json'))).toBe(true);
    expect(JSON.parse((await certwright('ca', 'doctor', '--json')).stdout)).toMatchObject({ issued: 3 });
    expect(await certwright('ca', 'restore', 'ca.tar', '--ca', 'certs', '--force')).toMatchObject({
      code: 0,
    });
    writeFileSync(join(cwd, 'certs2'), '');
    expect(await certwright('ca', 'restore', 'ca.tar', '--ca', '.', '--force')).toMatchObject({ code: 2 });
  });

  it('refuses a file that is there, one within the CA, and a folder without a CA', async () => {
    writeFileSync(join(cwd, 'there.tar'), 'precious');
    expect(await certwright('ca', 'backup', 'there.tar')).toMatchObject({ code: 2 });
    expect(readFileSync(join(cwd, 'there.tar'), 'utf8')).toBe('precious');
    expect(await certwright('ca', 'backup', 'there.tar', '--force')).toMatchObject({ code: 0 });
    expect(await certwright('ca', 'backup', 'ca/b.tar')).toMatchObject({ code: 2 });
    expect(await certwright('ca', 'backup', 'b.tar', '--ca', 'certs')).toMatchObject({ code: 2 });
    expect(await certwright('ca', 'restore', 'nothing.tar', '--ca', 'new')).toMatchObject({ code: 2 });
    expect(readdirSync(cwd).sort()).toEqual(['ca', 'certs', 'there.tar']);
  });
});

describe('a hostile or damaged archive', () => {
  const archive = (...entries: [TarEntry, string?][]): Buffer =>
    Buffer.concat([
      ...entries.flatMap(([entry, content = '']) => [
        tarHeader(entry, 0),
        Buffer.from(content),
        Buffer.alloc((512 - (content.length % 512)) % 512),
      ]),
      tarEnd,
    ]);
  const file = (path: string): TarEntry => ({ kind: 'file', path, mode: 0o644, size: 1 });
  const link = (path: string, target: string): TarEntry => ({ kind: 'link', path, target });
  const device = (): Buffer => {
    const header = tarHeader(file('ca/null'), 0);
    header.write('3', 156, 'ascii');
    const sum = header.reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 32 : byte), 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148, 'ascii');
    return header;
  };

  it.each<[string, () => Buffer]>([
    ['a path upwards', () => archive([file('ca/../../evil'), 'x'])],
    ['an absolute path', () => archive([file('/tmp/evil'), 'x'])],
    ['a path elsewhere', () => archive([file('evil/ca.json'), 'x'])],
    ['a hidden file', () => archive([file('ca/.bashrc'), 'x'])],
    ['a link upwards', () => archive([link('ca/active', '../../etc')])],
    ['a link of another name', () => archive([link('ca/issuers', 'active')])],
    [
      'a file through a link',
      () => archive([link('ca/active', 'issuers/0123456789abcdef'), ''], [file('ca/active/evil'), 'x']),
    ],
    ['the same file twice', () => archive([file('ca/ca.json'), 'x'], [file('ca/ca.json'), 'y'])],
    ['a device', () => Buffer.concat([device(), tarEnd])],
    [
      'a size beyond the file',
      () => archive([{ kind: 'file', path: 'ca/big', mode: 0o600, size: 4_000_000_000 }]),
    ],
    ['no checksums', () => archive([file('ca/ca.json'), 'x'])],
    ['no archive', () => Buffer.from('hello')],
    ['an empty file', () => Buffer.alloc(0)],
    ['a compressed archive', () => Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(1020)])],
  ])('%s is refused, and nothing is left', async (_what, bytes) => {
    writeFileSync(join(cwd, 'evil.tar'), bytes());
    const { code, stderr } = await certwright('ca', 'restore', 'evil.tar', '--ca', 'new');
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('evil.tar') as string,
    });
    expect(readdirSync(cwd).sort()).toEqual(['ca', 'certs', 'evil.tar']);
  });

  it('is refused wherever a byte is changed or the end is missing', async () => {
    await certwright('ca', 'backup', 'ca.tar');
    const whole = readFileSync(join(cwd, 'ca.tar'));
    for (let round = 0; round < 12; round++) {
      const bytes = Buffer.from(whole);
      const at = Math.floor((round / 12) * (whole.length - 1100)) + 7;
      if (round % 3 === 0) writeFileSync(join(cwd, 'bad.tar'), bytes.subarray(0, at));
      else {
        // Padding is not looked at: the byte is one of a header or of a content.
        const spot = bytes.findIndex((byte, index) => index >= at && byte !== 0);
        bytes[spot] = (bytes[spot] ?? 0) ^ 1;
        writeFileSync(join(cwd, 'bad.tar'), bytes);
      }
      const { code } = await certwright('ca', 'restore', 'bad.tar', '--ca', 'new');
      expect({ at, code }).toEqual({ at, code: 2 });
      expect(existsSync(join(cwd, 'new'))).toBe(false);
    }
  });

  it('a header says again what was written into it', () => {
    for (const entry of [
      file(`ca/issuers/0123456789abcdef/issued/2027-02/${'a'.repeat(40)}.pem`),
      file(`ca/${'b'.repeat(90)}/${'c'.repeat(60)}`),
      link('ca/active', 'issuers/0123456789abcdef'),
      { kind: 'folder', path: 'ca', mode: 0o700 } as const,
    ]) {
      expect(readTarHeader(tarHeader(entry, 1_800_000_000), 'ca.tar')).toEqual(entry);
    }
  });
});

describeWith(['tar', 'sha256sum'], 'an archive', () => {
  it('is unpacked by tar and checked by sha256sum', async () => {
    await certwright('ca', 'backup', 'ca.tar');
    const out = temporaryFolder();
    expect(await execute('tar', ['xf', join(cwd, 'ca.tar')], { cwd: out })).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(
      await execute('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], { cwd: join(out, 'ca') }),
    ).toMatchObject({ code: 0 });
    rmSync(join(out, 'ca/SHA256SUMS'));
    expect(contents(join(out, 'ca'))).toEqual(contents(join(cwd, 'ca')));
    expect(await run(['ca', 'doctor'], { cwd: out })).toMatchObject({ code: 0 });
  });
});
