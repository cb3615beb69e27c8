import {
  appendFileSync,
  chmodSync,
  cpSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSealed } from '../../../src/pki/store/seal.ts';
import { run, temporaryFolder } from '../../support/cli.ts';

const access = { ownership: { uid: -1, gid: -1 }, keyMode: 0o600 };

/** Folder of a generation as `issue` leaves it. */
async function generation(...flags: string[]): Promise<string> {
  const cwd = temporaryFolder();
  const { code } = await run(['issue', 'orders.internal', '--create-ca', ...flags], { cwd });
  expect(code).toBe(0);
  return join(cwd, 'certs/orders.internal/versions/000001');
}

describe('a generation', () => {
  it.each([[[]], [['--format', 'pair', '--format', 'der']], [['--key-type', 'rsa-2048']]])(
    'is sealed as it is issued with %j',
    async (flags) => {
      const folder = await generation(...flags);
      expect(readSealed(folder, access)).toEqual({
        cert: readFileSync(join(folder, 'cert.pem'), 'latin1'),
        chain: readFileSync(join(folder, 'chain.pem'), 'latin1'),
        ca: readFileSync(join(folder, 'ca.pem'), 'latin1'),
      });
    },
  );

  it('is sealed whatever files the one before had, and looked at closely where one of them is new', async () => {
    const [plain, more] = [await generation(), await generation('--format', 'pair')];
    for (const folder of [plain, more, plain, more, more, plain]) {
      expect(readSealed(folder, access)).toBeDefined();
    }
    symlinkSync('/etc/passwd', join(plain, 'pair.pem'));
    rmSync(join(more, 'pair.pem'));
    for (const folder of [plain, more, plain]) expect(readSealed(folder, access)).toBeUndefined();
  });

  it('that was copied, or whose version.json is of tomorrow, is listed to see what was added', async () => {
    const [whole, other] = [await generation(), await generation()];
    symlinkSync('/etc/passwd', join(other, 'pair.pem'));
    const copy = join(temporaryFolder(), 'copy');
    cpSync(other, copy, { recursive: true, verbatimSymlinks: true });
    const tomorrow = new Date(Date.now() + 86_400_000);
    utimesSync(join(other, 'version.json'), tomorrow, tomorrow);
    for (const folder of [other, copy]) {
      expect(readSealed(whole, access)).toBeDefined();
      expect(readSealed(folder, access)).toBeUndefined();
    }
    rmSync(join(copy, 'pair.pem'));
    expect(readSealed(copy, access)).toBeDefined();
  });

  const files = ['key.pem', 'cert.pem', 'chain.pem', 'fullchain.pem', 'ca.pem', 'pair.pem', 'key.der'];

  it('is looked at closely where a byte of any file is another one, or a file is gone or a link', async () => {
    const folder = await generation('--format', 'pair', '--format', 'der');
    for (const name of files) {
      const file = join(folder, name);
      const bytes = readFileSync(file);
      const changed = Buffer.from(bytes);
      changed[changed.length >> 1] = (changed[changed.length >> 1] ?? 0) ^ 1;
      writeFileSync(file, changed.length === 0 ? '\n' : changed);
      expect.soft([name, readSealed(folder, access)]).toEqual([name, undefined]);
      renameSync(file, `${folder}/../aside`);
      expect.soft([name, readSealed(folder, access)]).toEqual([name, undefined]);
      symlinkSync('../aside', file);
      writeFileSync(`${folder}/../aside`, bytes);
      expect.soft([name, readSealed(folder, access)]).toEqual([name, undefined]);
      rmSync(file);
      renameSync(`${folder}/../aside`, file);
    }
    expect(readSealed(folder, access)).toBeDefined();
  });

  it('is looked at closely where a mode is another one, a file is new, or the seal is damaged', async () => {
    const folder = await generation();
    expect(readSealed(folder, { ...access, keyMode: 0o640 })).toBeUndefined();
    expect(readSealed(folder, { ...access, ownership: { uid: -1, gid: 4711 } })).toBeUndefined();
    chmodSync(join(folder, 'cert.pem'), 0o666);
    expect(readSealed(folder, access)).toBeUndefined();
    chmodSync(join(folder, 'cert.pem'), 0o644);
    writeFileSync(join(folder, 'other.pem'), '');
    expect(readSealed(folder, access)).toBeUndefined();
    rmSync(join(folder, 'other.pem'));
    expect(readSealed(folder, access)).toBeDefined();
    appendFileSync(join(folder, 'version.json'), 'x');
    expect(readSealed(folder, access)).toBeUndefined();
    writeFileSync(join(folder, 'version.json'), '{}');
    expect(readSealed(folder, access)).toBeUndefined();
  });
});
