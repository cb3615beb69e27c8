import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { run, temporaryFolder, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

describe('ca passwd', () => {
  let cwd = '';
  const certwright = (...argv: string[]): Promise<Ran> => run(argv, { cwd });
  const keyFiles = (): string[] =>
    readdirSync(join(cwd, 'ca/issuers'))
      .map((id) => join(cwd, 'ca/issuers', id, 'key.pem'))
      .filter(existsSync);
  const texts = (): string[] => keyFiles().map((file) => readFileSync(file, 'utf8'));
  const publicKey = (passphrase?: string): string => {
    const [key = ''] = texts();
    const opened = createPrivateKey(passphrase === undefined ? key : { key, passphrase });
    return createPublicKey(opened).export({ type: 'spki', format: 'pem' }).toString();
  };

  // One key in the folder: each opening costs the better part of a second, on purpose.
  beforeEach(async () => {
    cwd = temporaryFolder();
    writeFileSync(join(cwd, 'old'), 'correct horse\n');
    writeFileSync(join(cwd, 'new'), 'battery staple\n');
    expect(await certwright('ca', 'init', '--offline-root', 'root.pem')).toMatchObject({ code: 0 });
  });

  it('sets, changes and removes it, and the key stays the same', async () => {
    const before = publicKey();
    expect(await certwright('ca', 'passwd', '--new-passphrase-file', 'old')).toMatchObject({ code: 0 });
    for (const file of keyFiles()) expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(publicKey('correct horse')).toBe(before);

    const argv = ['ca', 'passwd', '--passphrase-file', 'old', '--new-passphrase-file', 'new', '--json'];
    const changed = await certwright(...argv);
    expect(changed).toMatchObject({ code: 0, stderr: '' });
    expect(schemaErrors(changed.stdout)).toEqual([]);
    expect(JSON.parse(changed.stdout)).toMatchObject({
      keys: [{ before: 'encrypted', after: 'encrypted', changed: true }],
    });

    const removed = await certwright('ca', 'passwd', '--passphrase-file', 'new', '--remove');
    expect(removed).toMatchObject({ code: 0 });
    expect(removed.stderr).toContain('whoever can read these files is now the CA');
    expect(publicKey()).toBe(before);
  });

  it('takes both from the environment, and goes on where an earlier run has come half-way', async () => {
    const lent = (...argv: string[]): Promise<Ran> =>
      run(['ca', 'passwd', ...argv], {
        cwd,
        env: { CERTWRIGHT_CA_PASSPHRASE: 'one', CERTWRIGHT_CA_NEW_PASSPHRASE: 'two' },
      });
    expect(await lent()).toMatchObject({ code: 0 });
    const again = await lent('--offline-root', 'root.pem', '--json');
    expect(again).toMatchObject({ code: 0 });
    const { keys } = JSON.parse(again.stdout) as { keys: { file: string; changed: boolean }[] };
    const changed = keys.map(({ file, changed: done }) => [file === join(cwd, 'root.pem'), done]);
    expect(changed.sort()).toEqual([
      [false, false],
      [true, true],
    ]);
    expect(readFileSync(join(cwd, 'root.pem'), 'utf8')).toContain('ENCRYPTED');
    expect(keyFiles()).toHaveLength(1);
  });

  it('refuses and touches no key', async () => {
    writeFileSync(join(cwd, 'other'), 'other\n');
    await certwright('ca', 'init', '--ca', 'else', '--offline-root', 'stranger.pem');
    await certwright('ca', 'passwd', '--new-passphrase-file', 'old');
    const before = texts();
    for (const [says, ...flags] of [
      ['does not open', '--passphrase-file', 'new', '--new-passphrase-file', 'other'],
      ['passphrase of the CA is needed', '--new-passphrase-file', 'other'],
      ['CERTWRIGHT_CA_NEW_PASSPHRASE', '--passphrase-file', 'old'],
      ['exclude each other', '--remove', '--new-passphrase-file', 'new'],
      ['not the key', '--passphrase-file', 'old', '--offline-root', 'stranger.pem', '--remove'],
    ]) {
      const { code, stderr } = await certwright('ca', 'passwd', ...flags);
      expect({ flags, code, said: stderr.includes(says ?? '') || stderr }).toEqual({
        flags,
        code: 2,
        said: true,
      });
      expect(texts()).toEqual(before);
    }
  });
});
