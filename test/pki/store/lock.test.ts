import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type * as NodeFs from 'node:fs';
import { existsSync, mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { thisRun } from '../../../src/pki/owner.ts';
import { withLock } from '../../../src/pki/store/lock.ts';
import { temporaryFolder } from '../../support/cli.ts';

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof NodeFs>();
  return { ...fs, unlinkSync: vi.fn(fs.unlinkSync) };
});

const options = { pid: process.pid, timeout: 50, signal: new AbortController().signal };
const nothing = (): Promise<void> => Promise.resolve();

describe('the lock on a name', () => {
  it('is there while the work runs, and leaves nothing', async () => {
    const folder = temporaryFolder();
    const path = join(folder, '.lock');
    const during = await withLock(path, options, () => Promise.resolve(existsSync(path)));
    expect({ during, after: readdirSync(folder) }).toEqual({ during: true, after: [] });
  });

  it('of a living run is busy once the time is up', async () => {
    const path = join(temporaryFolder(), '.lock');
    await withLock(path, options, async () => {
      await expect(withLock(path, options, nothing)).rejects.toMatchObject({ code: 'busy' });
    });
  });

  it('of a dead run is taken over at once', async () => {
    const folder = temporaryFolder();
    const path = join(folder, '.lock');
    writeFileSync(path, JSON.stringify({ ...thisRun(process.pid), started: '1' }));
    await withLock(path, options, nothing);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.skipIf(!existsSync('/proc/self/stat'))('of a dead run that nobody reaps is taken over too', async () => {
    const path = join(temporaryFolder(), '.lock');
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: 'pipe' });
    onTestFinished(() => void parent.kill());
    const pid = Number(String((await once(parent.stdout, 'data'))[0]));
    const about = (what: string, of: number | undefined): string =>
      readFileSync(`/proc/${of}/${what}`, 'utf8');
    await expect.poll(() => about('comm', parent.pid)).toBe('sleep\n');
    process.kill(pid);
    const fields = (): string[] => about('stat', pid).split(') ').at(-1)?.split(' ') ?? [];
    await expect.poll(() => fields()[0]).toBe('Z');
    writeFileSync(path, JSON.stringify({ ...thisRun(process.pid), pid, started: fields()[19] }));
    await withLock(path, options, nothing);
  });

  it('that cannot be read is a failure, not a wait without end', async () => {
    const path = join(temporaryFolder(), '.lock');
    mkdirSync(path);
    await expect(withLock(path, options, nothing)).rejects.toMatchObject({ code: 'io' });
  });

  it('is held and let go although its draft cannot be taken away', async () => {
    const folder = temporaryFolder();
    vi.mocked(unlinkSync).mockImplementationOnce(() => {
      throw Object.assign(new Error(), { code: 'EIO' });
    });
    await withLock(join(folder, '.lock'), options, nothing);
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^\.\.lock\..*\.tmp$/)]);
  });

  it('goes with a failure of the work, which is told', async () => {
    const folder = temporaryFolder();
    const work = (): Promise<void> => Promise.reject(new Error('the work failed'));
    await expect(withLock(join(folder, '.lock'), options, work)).rejects.toThrow('the work failed');
    expect(readdirSync(folder)).toEqual([]);
  });
});
