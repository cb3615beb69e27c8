import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { eachOf, seed, spread } from '../support/campaign.ts';
import { spawnProgram, temporaryFolderForSuite } from '../support/cli.ts';
import { canTrace, diskCalls, disturb, type DiskCall } from '../support/strace.ts';
import { describeWhere } from '../support/tools.ts';

const declared = `certificates:
  a.internal:
    ca: ./ca
    outputs:
      - { path: out/pair.pem, content: pair }
      - { path: out/key.pem, content: key }
      - { path: out/cert.pem, content: cert }
      - { path: out/store.p12, content: p12, passphrase: "file:pass" }
      - { path: out/crl.pem, content: crl }
`;

const passphrase = 'changeit';
const argv = ['rotate', '--force', '--lock-timeout', '2s'];

describeWhere(canTrace(), 'strace', `outputs under a run that is disturbed (seed ${seed})`, () => {
  const master = temporaryFolderForSuite();
  const folders: string[] = [];
  let moments: DiskCall[] = [];

  const fresh = (): string => {
    const cwd = mkdtempSync(join(tmpdir(), 'certwright-outputs-'));
    folders.push(cwd);
    cpSync(master(), cwd, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    return cwd;
  };

  const text = (...path: string[]): string => readFileSync(join(...path), 'latin1');

  /** Every output is that of some generation, whole; a private key is nobody else's at any moment. */
  function expectWhole(cwd: string, context: string): void {
    const versions = join(cwd, 'certs/a.internal/versions');
    const of = (make: (version: string) => string): string[] =>
      readdirSync(versions)
        .filter((name) => !name.startsWith('.'))
        .map((name) => make(join(versions, name)));
    const out = join(cwd, 'out');
    expect({ context, found: of((one) => text(one, 'key.pem') + text(one, 'fullchain.pem')) }).toEqual({
      context,
      found: expect.arrayContaining([text(out, 'pair.pem')]) as string[],
    });
    expect(of((one) => text(one, 'key.pem'))).toContain(text(out, 'key.pem'));
    expect(of((one) => text(one, 'cert.pem'))).toContain(text(out, 'cert.pem'));
    expect(() =>
      createSecureContext({ pfx: readFileSync(join(out, 'store.p12')), passphrase }),
    ).not.toThrow();
    for (const name of readdirSync(out)) {
      const { mode } = statSync(join(out, name));
      if (/key|pair|p12/.test(name))
        expect({ context, name, open: mode & 0o077 }).toEqual({ context, name, open: 0 });
    }
  }

  /** The next run, undisturbed, brings everything to what is in use and leaves nothing behind. */
  async function expectMended(cwd: string, context: string): Promise<void> {
    const { code, stderr } = await spawnProgram(['rotate', '--lock-timeout', '2s'], { cwd });
    expect({ context, code, stderr: code === 0 ? '' : stderr }).toEqual({ context, code: 0, stderr: '' });
    const current = join(cwd, 'certs/a.internal/current');
    const out = join(cwd, 'out');
    expect(text(out, 'pair.pem')).toBe(text(current, 'key.pem') + text(current, 'fullchain.pem'));
    expect(text(out, 'key.pem')).toBe(text(current, 'key.pem'));
    expect(text(out, 'cert.pem')).toBe(text(current, 'cert.pem'));
    expect(existsSync(join(out, 'crl.pem'))).toBe(true);
    const again = await spawnProgram(['rotate', '--dry-run', '--json'], { cwd });
    const { certificates } = JSON.parse(again.stdout) as { certificates: { outputs: { state: string }[] }[] };
    expect(certificates[0]?.outputs.map(({ state }) => state)).toEqual(Array(5).fill('right'));
  }

  beforeAll(async () => {
    const cwd = master();
    mkdirSync(join(cwd, 'out'));
    writeFileSync(join(cwd, 'pass'), passphrase);
    writeFileSync(join(cwd, 'certwright.yaml'), declared);
    await spawnProgram(['issue', '--all', '--create-ca'], { cwd });
    const watched = fresh();
    const { ran, calls } = await diskCalls(argv, watched);
    expect(ran).toMatchObject({ code: 0 });
    moments = calls.filter((call) => !call.reads && /\bout\b|outputs\.json/.test(call.text));
    expect(moments.length).toBeGreaterThan(15);
    return () => {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    };
  });

  describe('killed before a call', () => {
    it('leaves each file whole, and the next run writes the rest', async () => {
      await eachOf(spread(moments, 8), 2, async (call) => {
        const { cwd, ran, hit } = await disturb(call, 'signal=SIGKILL', argv, fresh);
        const context = `killed before ${call.name} ${call.ordinal}: ${hit ?? 'nothing'}`;
        expect({ context, code: ran.code }).toEqual({ context, code: 'SIGKILL' });
        expectWhole(cwd, context);
        await expectMended(cwd, context);
        expect(readdirSync(join(cwd, 'out')).filter((name) => name.startsWith('.'))).toEqual([]);
      });
    });
  });

  describe.each(['ENOSPC', 'EROFS', 'EACCES'])('a call that fails with %s', (error) => {
    it('fails the run by name of the file, and the next run writes it', async () => {
      const failing = moments.filter(
        ({ name, text }) => !/outputs\.json/.test(text) && !/^(unlink|rmdir)/.test(name),
      );
      await eachOf(spread(failing, 5), 2, async (call) => {
        const { cwd, ran, hit } = await disturb(call, `error=${error}`, argv, fresh);
        const context = `${error} at ${call.name} ${call.ordinal}: ${hit ?? 'nothing'}`;
        expect({ context, code: ran.code }).toEqual({ context, code: 1 });
        expect(ran.stderr).toContain(`${cwd}/out`);
        expectWhole(cwd, context);
        await expectMended(cwd, context);
      });
    });
  });
});
