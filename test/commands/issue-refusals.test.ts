import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { execute, run, succeed, temporaryFolder } from '../support/cli.ts';

describe('issue refuses, and touches nothing', () => {
  it.each([
    ['--template', 'EndEntityCertificate/V1'],
    ['--signing-algorithm', 'SHA256WITHRSA'],
    ['--reissue'],
    ['--exportable'],
    ['--validation', 'dns'],
    ['--wait', '5s'],
  ])('%s where the authority is a folder', async (...flags) => {
    const cwd = temporaryFolder();
    const { code, stderr } = await run(['issue', 'a.internal', '--create-ca', ...flags], { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`${flags[0]} is for .*(AWS|ACM).*, and the authority is a folder`));
    expect(readdirSync(cwd)).toEqual([]);
  });

  const ca =
    'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/11111111-2222-3333-4444-555555555555';
  it.each([
    [`acm:${ca}`, '--template', 'EndEntityClientAuthCertificate/V1'],
    ['acm', '--signing-algorithm', 'SHA512WITHRSA'],
    [ca, '--exportable'],
    [ca, '--validation', 'email'],
    [`acm:${ca}`, '--exportable'],
  ])('to ask %s with %s, which is for another authority of AWS', async (authority, ...flags) => {
    const cwd = temporaryFolder();
    const { code, stderr } = await run(['issue', 'a.internal', '--ca', authority, ...flags], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain(`${flags[0]} is for `);
    expect(stderr).toContain(`and the authority is ${authority}`);
    expect(readdirSync(cwd)).toEqual([]);
  });

  it.each([
    ['a life that no CA has', ['--lifetime', '50y'], 'outlives-issuer'],
    ['a begin before any', ['--not-before', '2020-01-01', '--lifetime', '20y'], 'outlives-issuer'],
    ['an owner that is not there', ['--owner', 'nobody-of-this-name'], 'not-found'],
    ['a folder that is not there', ['--key-out', 'nowhere/k', '--cert-out', 'nowhere/c'], 'not-found'],
    ['a mode that lets a group write the key', ['--mode', '0660'], 'bad-input'],
  ])('%s before a CA is made for it', async (_what, flags, code) => {
    const cwd = temporaryFolder();
    const ran = await run(['issue', 'a.internal', '--create-ca', '--json', ...flags], { cwd });
    expect(ran.code).toBe(2);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code } });
    expect(readdirSync(cwd)).toEqual([]);
  });

  it.each([
    ['a file', ['--out', 'file'], 'is not a folder'],
    ['a folder', ['--key-out', 'file', '--cert-out', 'folder'], 'is not a regular file'],
  ])('%s where the other is to go, before anything is signed', async (_what, flags, words) => {
    const cwd = temporaryFolder();
    await run(['ca', 'init'], { cwd });
    writeFileSync(join(cwd, 'file'), 'kept');
    mkdirSync(join(cwd, 'folder'));
    const { code, stderr } = await run(['issue', 'a.internal', '--force', ...flags], { cwd });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(words) as string });
    expect(readFileSync(join(cwd, 'file'), 'utf8')).toBe('kept');
    expect((await run(['list', '--ca', './ca'], { cwd })).stdout).not.toContain('a.internal');
  });

  it('a pipe in the place of a file, and replaces no key whose certificate cannot be written', async () => {
    const cwd = temporaryFolder();
    await run(['ca', 'init'], { cwd });
    await succeed(['issue', 'a.internal', '--key-out', 'k', '--cert-out', 'c'], { cwd });
    const key = readFileSync(join(cwd, 'k'), 'utf8');
    expect((await execute('mkfifo', ['pipe'], { cwd })).code).toBe(0);
    const refused = await run(['issue', 'a.internal', '--key-out', 'k', '--cert-out', 'pipe', '--force'], {
      cwd,
    });
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is not a regular file') as string,
    });
    const long = 'x'.repeat(256);
    const failed = await run(['issue', 'a.internal', '--key-out', 'k', '--cert-out', long, '--force'], {
      cwd,
    });
    expect(failed.code).not.toBe(0);
    expect(readFileSync(join(cwd, 'k'), 'utf8')).toBe(key);
    expect(readdirSync(cwd).sort()).toEqual(['c', 'ca', 'k', 'pipe']);
  });

  it.each(['--ca', '--store'])('a file as %s', async (flag) => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'file'), '');
    await run(['ca', 'init'], { cwd });
    const { code, stderr } = await run(['issue', 'a.internal', flag, 'file'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain(`${join(cwd, 'file')} is not a folder`);
  });

  it('with a CA whose certificate is damaged, and says what helps', async () => {
    const cwd = temporaryFolder();
    await run(['ca', 'init'], { cwd });
    writeFileSync(join(cwd, 'ca/active/cert.pem'), '');
    const { code, stderr } = await run(['issue', 'a.internal'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(/cert\.pem holds no certificate\n {2}restore it from a backup; .*ca doctor/);
    expect(readdirSync(cwd)).toEqual(['ca']);
  });

  it('a link in the place of a certificate: what is written would land wherever it points', async () => {
    const cwd = temporaryFolder();
    const elsewhere = temporaryFolder();
    mkdirSync(join(cwd, 'certs'));
    symlinkSync(elsewhere, join(cwd, 'certs/a.internal'));
    const { code, stderr } = await run(['issue', 'a.internal', '--create-ca'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('is a symbolic link');
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  it.each([
    ['--mode', '0777'],
    ['--owner', 'nobody-of-this-name'],
  ])('in a dry run too: %s %s', async (...flags) => {
    const cwd = temporaryFolder();
    const { code } = await run(['issue', 'a.internal', '--create-ca', '--dry-run', ...flags], { cwd });
    expect(code).toBe(2);
  });

  it('to hand peers a CRL that is none', async () => {
    const cwd = temporaryFolder();
    await run(['ca', 'init'], { cwd });
    for (const id of readdirSync(join(cwd, 'ca/issuers'))) {
      writeFileSync(join(cwd, 'ca/issuers', id, 'crl/current/crl.der'), 'garbage');
    }
    const { code, stderr } = await run(['issue', 'a.internal'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('crl.der is not the CRL that was signed');
    expect(existsSync(join(cwd, 'certs/a.internal/current'))).toBe(false);
  });

  it('a root that ends after the year 9999', async () => {
    const cwd = temporaryFolder();
    const { code, stderr } = await run(['ca', 'init', '--lifetime', '8000y'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('after the year 9999');
    expect(readdirSync(cwd)).toEqual([]);
  });

  it.each([
    [
      "a CA's key",
      ['issue', 'b.internal', '--force', '--key-out', 'ca/active/key.pem', '--cert-out', 'b.pem'],
    ],
    ['a generation', ['issue', 'b.internal', '--force', '--out', 'certs/a.internal/current']],
    ['a certificate', ['issue', 'b.internal', '--force', '--out', 'certs/a.internal']],
    ['a trust bundle', ['issue', 'b.internal', '--out', 'certs/_trust/default/new']],
    [
      'a CA of another name',
      ['issue', 'b.internal', '--force', '--key-out', 'link/key.pem', '--cert-out', 'b'],
    ],
    ['what a CA is', ['list', '--metrics', 'ca/ca.json']],
    ["a certificate's key", ['list', '--metrics', 'certs/a.internal/current/key.pem']],
    ['what a certificate is', ['rotate', '--metrics', 'certs/a.internal/request.json']],
    ['a CRL of a CA', ['ca', 'crl', '--out', 'ca/active/key.pem']],
  ])('to replace %s, which certwright lives by', async (_what, argv) => {
    const cwd = temporaryFolder();
    await succeed(['issue', 'a.internal', '--create-ca'], { cwd });
    symlinkSync('ca/active', join(cwd, 'link'));
    const before = filesIn(cwd);
    const { code, stderr } = await run(argv, { cwd });
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(' lies in ') as string,
    });
    expect(filesIn(cwd)).toEqual(before);
  });

  it.each([
    ['a file of it that is a folder', ['--out', 'old', '--force'], 2, 'is not a regular file'],
    ['a link that leads nowhere', ['--out', 'nowhere'], 2, 'leads nowhere'],
    ['an empty name', ['--out', ''], 2, '--out is empty'],
    ['an empty authority', ['--ca', '', '--create-ca'], 2, '--ca is empty'],
  ])('before anything is signed: %s', async (_what, flags, code, words) => {
    const cwd = temporaryFolder();
    await succeed(['issue', 'old', '--out', 'old', '--create-ca'], { cwd });
    rmSync(join(cwd, 'old/cert.pem'));
    mkdirSync(join(cwd, 'old/cert.pem'));
    symlinkSync('gone', join(cwd, 'nowhere'));
    const before = filesIn(cwd);
    const ran = await run(['issue', 'a.internal', ...flags], { cwd });
    expect(ran).toMatchObject({ code, stderr: expect.stringContaining(words) as string });
    expect(filesIn(cwd)).toEqual(before);
  });

  it.skipIf(process.getuid?.() === 0).each([
    ['--out', 'locked/new'],
    ['--out', 'locked'],
    ['--key-out', 'locked/k', '--cert-out', 'locked/c'],
  ])('to sign for a folder that it may not write in: %j', async (...flags) => {
    const cwd = temporaryFolder();
    await succeed(['ca', 'init'], { cwd });
    mkdirSync(join(cwd, 'locked'), 0o500);
    const before = filesIn(cwd);
    const { code, stderr } = await run(['issue', 'a.internal', ...flags], { cwd });
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(': permission denied') as string,
    });
    expect(filesIn(cwd)).toEqual(before);
  });
});

/** Every path and what it holds: what was signed would be on the CA's record. */
const filesIn = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((path) => [path, readFileSync(path, 'latin1')]),
  );
