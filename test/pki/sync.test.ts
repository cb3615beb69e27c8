import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { syncTogether } from '../../src/pki/sync.ts';
import { temporaryFolder } from '../support/cli.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

interface Place {
  folders: string[];
  /** How often sync(8) was run. */
  runs: () => number;
}

/** Folders, and a `sync` that notes each run and then does what is said. */
function withSync(count: number, script: string): Place {
  const cwd = temporaryFolder();
  const notes = join(cwd, 'runs');
  writeFileSync(join(cwd, 'sync'), `#!/bin/sh\necho "$@" >> '${notes}'\n${script}\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${cwd}:${process.env['PATH'] ?? ''}`);
  const folders = Array.from({ length: count }, (_, at) => join(cwd, String(at)));
  for (const folder of folders) mkdirSync(folder);
  const lines = (): string[] => (existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : []);
  return { folders, runs: () => lines().filter((line) => line.startsWith('-f ')).length };
}

/** Each folder by a call of its own, all at the same time. */
const syncAll = (folders: readonly string[]): Promise<PromiseSettledResult<void>[]> => {
  const sync = syncTogether();
  return Promise.allSettled(folders.map((folder) => sync([folder])));
};

const refused = (ends: readonly PromiseSettledResult<void>[]): unknown[] =>
  ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));

describe.skipIf(platform() !== 'linux')('what many have written at the same time', () => {
  it('is durable by one sync for all', async () => {
    const { folders, runs } = withSync(40, 'exit 0');
    expect(refused(await syncAll(folders))).toEqual([]);
    expect(runs()).toBe(1);
  });

  it('is synced one by one where there are few', async () => {
    const { folders, runs } = withSync(31, 'exit 1');
    expect(refused(await syncAll(folders))).toEqual([]);
    expect(runs()).toBe(0);
  });

  it('is lost for all of them where the file system says so', async () => {
    const { folders } = withSync(40, 'echo "sync: error syncing: Input/output error" >&2; exit 1');
    const failures = refused(await syncAll(folders));
    expect(failures).toHaveLength(40);
    for (const failure of failures) {
      expect(failure).toMatchObject({
        code: 'io',
        message: expect.stringMatching(
          /^cannot sync the file system of .*: .*Input\/output error$/,
        ) as string,
      });
    }
  });

  it('is synced one by one where the program knows no file systems', async () => {
    const { folders, runs } = withSync(40, 'exit 2');
    expect(refused(await syncAll(folders))).toEqual([]);
    expect(runs()).toBe(1);
  });

  it('is told of by itself where its folder is gone', async () => {
    const { folders } = withSync(40, 'exit 0');
    const failures = refused(await syncAll([...folders, '/gone/for/ever']));
    expect(failures).toMatchObject([{ code: 'io' }]);
  });
});
