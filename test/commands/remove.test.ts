import type * as NodeFs from 'node:fs';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { run, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof NodeFs>();
  return { ...fs, unlinkSync: vi.fn(fs.unlinkSync) };
});

const noon = new Date('2027-03-01T12:00:00Z');
const at = (cwd: string, lent: Partial<Lent> = {}): Lent => ({ cwd, now: () => noon, ...lent });

async function folderWith(...names: string[]): Promise<string> {
  const cwd = temporaryFolder();
  for (const name of names) {
    const { code } = await run(['issue', name, '--create-ca', '--ca', './ca'], at(cwd));
    expect(code).toBe(0);
  }
  return cwd;
}

const remove = (cwd: string, ...argv: string[]): Promise<Ran> => run(['remove', ...argv], at(cwd));

describe('remove', () => {
  it('takes all generations and keys away, and leaves the record of the CA', async () => {
    const cwd = await folderWith('a.internal', 'b.internal');
    await run(['issue', 'a.internal', '--force'], at(cwd));
    const issued = (await run(['list', '--ca', './ca', '--json'], at(cwd))).stdout;
    const { code, stdout } = await remove(cwd, 'a.internal', '--yes');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^removed a\.internal \(.*certs\/a\.internal\)\nits certificate is valid until 2027-03-31T12:00:00.000Z unless it is revoked: certwright revoke [0-9a-f]+ --ca .*\/ca\n$/,
    );
    expect(readdirSync(join(cwd, 'certs')).sort()).toEqual(['_trust', 'b.internal']);
    expect((await run(['list', '--ca', './ca', '--json'], at(cwd))).stdout).toBe(issued);
    expect((await run(['list'], at(cwd))).stdout).not.toContain('a.internal');
  });

  it('names a command that revokes it afterwards', async () => {
    const cwd = await folderWith('a.internal');
    const { stdout } = await remove(cwd, 'a.internal', '--yes', '--json');
    expect(schemaErrors(stdout)).toEqual([]);
    const { revoke } = JSON.parse(stdout) as { revoke: string };
    const { code } = await run([...revoke.split(' ').slice(1), '--yes'], at(cwd));
    expect(code).toBe(0);
    expect((await run(['list', '--ca', './ca'], at(cwd))).stdout).toMatch(/^a\.internal .*revoked/m);
  });

  it('asks, and without a terminal wants --yes before anything is touched', async () => {
    const cwd = await folderWith('a.internal');
    const { code, stderr } = await remove(cwd, 'a.internal');
    expect(code).toBe(2);
    expect(stderr).toContain('add --yes');
    const dry = await remove(cwd, 'a.internal', '--dry-run', '--json');
    expect(dry.code).toBe(0);
    expect(schemaErrors(dry.stdout)).toEqual([]);
    expect(existsSync(join(cwd, 'certs/a.internal/current/key.pem'))).toBe(true);
  });

  it('says what stays: copies, and a declaration that would make it again', async () => {
    const cwd = temporaryFolder();
    const copy = join(cwd, 'copy.pem');
    const config = {
      certificates: { 'a.internal': { ca: './ca', outputs: [{ path: copy, content: 'pair' }] } },
    };
    writeFileSync(join(cwd, 'certwright.yaml'), JSON.stringify(config));
    expect((await run(['issue', '--all', '--create-ca'], at(cwd))).code).toBe(0);
    const { stdout } = await remove(cwd, 'a.internal', '--yes');
    expect(stdout).toContain(`a copy stays: ${copy}\n`);
    expect(stdout).toContain('certwright.yaml declares it still');
    expect(existsSync(copy)).toBe(true);
  });

  it('removes what is torn too', async () => {
    const cwd = await folderWith('a.internal', 'b.internal', 'c.internal');
    rmSync(join(cwd, 'certs/a.internal/request.json'));
    rmSync(join(cwd, 'certs/b.internal/current'));
    writeFileSync(join(cwd, 'certs/c.internal/current/cert.pem'), 'nothing');
    for (const name of ['a.internal', 'b.internal', 'c.internal']) {
      expect(await remove(cwd, name, '--yes')).toMatchObject({
        code: 0,
        stderr: expect.any(String) as string,
      });
    }
    expect(readdirSync(join(cwd, 'certs'))).toEqual(['_trust']);
  });

  it('does not say that keys are gone which are not', async () => {
    const cwd = await folderWith('a.internal');
    const unlink = vi.mocked(unlinkSync);
    const usual = unlink.getMockImplementation();
    onTestFinished(() => void unlink.mockImplementation(usual ?? (() => undefined)));
    unlink.mockImplementation((path) => {
      if (String(path).endsWith('key.pem')) throw Object.assign(new Error(), { code: 'EIO' });
      usual?.(path);
    });
    const { code, stderr } = await remove(cwd, 'a.internal', '--yes');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /a\.internal is gone, but keys are left in (.*\.tmp): cannot remove .*certs\/a\.internal\/versions\/000001\/key\.pem: the device failed/,
    );
    expect(stderr).not.toContain('half done');
    // Of a run that is dead by then.
    const [draft = ''] = readdirSync(join(cwd, 'certs')).filter((name) => name.endsWith('.tmp'));
    const dead = draft.replace(/\.([0-9a-f]{8})-\d+-\d+-/, '.$1-999999999-1-');
    renameSync(join(cwd, 'certs', draft), join(cwd, 'certs', dead));
    for (const argv of [['list'], ['rotate'], ['rotate', '--dry-run'], ['remove', 'a.internal', '--yes']]) {
      expect((await run([...argv, '--quiet'], at(cwd))).stderr).toContain(
        `are left in ${join(cwd, 'certs', dead)}`,
      );
    }
    unlink.mockImplementation(usual ?? (() => undefined));
    expect((await run(['rotate'], at(cwd))).stderr).not.toContain('are left');
    expect((await run(['list'], at(cwd))).stderr).not.toContain('are left');
  });

  it('removes no folder that is no certificate', async () => {
    const cwd = await folderWith('a.internal');
    mkdirSync(join(cwd, 'certs/backup'));
    writeFileSync(join(cwd, 'certs/backup/important'), '');
    const { code, stderr } = await remove(cwd, 'backup', '--yes');
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is no certificate's folder") as string,
    });
    expect(existsSync(join(cwd, 'certs/backup/important'))).toBe(true);
  });

  it('removes a link to a folder elsewhere no more than that folder', async () => {
    const cwd = await folderWith('a.internal');
    mkdirSync(join(cwd, 'elsewhere'));
    symlinkSync('../elsewhere', join(cwd, 'certs/b.internal'));
    expect((await remove(cwd, 'b.internal', '--yes')).code).toBe(2);
    expect((await remove(cwd, 'c.internal', '--yes')).code).toBe(2);
    expect(existsSync(join(cwd, 'elsewhere'))).toBe(true);
  });

  it('does not drop what may have been paid for', async () => {
    const cwd = await folderWith('a.internal');
    const pending = join(cwd, 'certs/a.internal/pending/000002');
    mkdirSync(pending, { recursive: true });
    const request = JSON.parse(readFileSync(join(cwd, 'certs/a.internal/request.json'), 'utf8')) as object;
    const arn = 'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/1';
    writeFileSync(join(pending, 'request.json'), JSON.stringify({ ...request, authority: arn }));
    writeFileSync(join(pending, 'journal.json'), JSON.stringify({ schema: 1 }));
    const { code, stderr } = await remove(cwd, 'a.internal', '--yes');
    expect(code).toBe(2);
    expect(stderr).toContain('may have been bought');
    expect(existsSync(pending)).toBe(true);
    expect((await remove(cwd, 'a.internal', '--yes', '--discard-pending')).code).toBe(0);
  });
});
