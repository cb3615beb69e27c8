import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, temporaryFolder } from '../support/cli.ts';

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
    expect(stderr).toContain(`${flags[0]} is for AWS, and the authority is a folder`);
    expect(readdirSync(cwd)).toEqual([]);
  });

  it.each(['--ca', '--store'])('a file as %s', async (flag) => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'file'), '');
    await run(['ca', 'init'], { cwd });
    const { code, stderr } = await run(['issue', 'a.internal', flag, 'file'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain(`${join(cwd, 'file')} is not a folder`);
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
});
