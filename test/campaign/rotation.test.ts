import { spawn, spawnSync, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { full, killed, seed, seededRandom } from '../support/campaign.ts';
import { spawnProgram, temporaryFolder, temporaryFolderForSuite, type Ran } from '../support/cli.ts';
import { brokenIn, currentOf, instance, makeDueStore, told, unfinishedIn } from '../support/due-store.ts';
import { leftovers, recordOf } from '../support/invariants.ts';

/** A busy machine rotates once a second. */
const patience = full ? 3_600_000 : 600_000;

interface Report {
  certificates: { name: string; state: string; error?: { code: string; message: string } }[];
}

const reportOf = (ran: Ran): Report => JSON.parse(ran.stdout) as Report;
const issuedIn = (cwd: string): number => recordOf(join(cwd, 'ca')).serials.size;

beforeEach(() => {
  vi.stubEnv('CERTWRIGHT_INSTANCE', instance);
});

interface Count {
  reads: number;
  torn: number;
  failed: number;
  /** How many whole ones it has seen. */
  pairs: number;
  error: string | null;
}

type Way = 'resolved' | 'pair' | 'copy' | 'twoPaths';

/** A program of its own that reads without a pause; the answer ends it and tells what it saw. */
async function startReader(current: string, copy: string): Promise<() => Promise<Record<Way, Count>>> {
  const file = resolve(import.meta.dirname, '../support/pair-reader.mjs');
  const child = spawn(process.execPath, [file, current, copy], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'readable');
  return async () => {
    child.stdin.end();
    const [, json = ''] = (await text(child.stdout)).split('\n');
    return JSON.parse(json) as Record<Way, Count>;
  };
}

describe(`readers while a certificate is rotated (seed ${seed})`, () => {
  const rotations = full ? 1000 : 40;
  const name = 'orders.internal';

  it(
    `${rotations} times, with a kill -9 in every fourth run: none that follows the link once, or reads one file, sees a torn pair`,
    async () => {
      const cwd = temporaryFolder();
      await makeDueStore(cwd, [name], { copies: ['pair'], hook: false });
      const begun = (): boolean => existsSync(join(cwd, 'certs', name, '.lock'));
      const argv = ['rotate', '--force', '--lock-timeout', '30s'];
      const stop = await startReader(join(cwd, 'certs', name, 'current'), join(cwd, `tls/${name}.pair.pem`));
      const random = seededRandom(seed);
      const ends = { killed: 0, done: 0 };
      for (let run = 1; currentOf(cwd, name) <= rotations; run += 1) {
        if (run % 4 === 0) ends[await killed(argv, { cwd }, random() * 80, begun)] += 1;
        else expect(await spawnProgram(argv, { cwd })).toMatchObject({ code: 0 });
      }
      const { twoPaths, ...others } = await stop();
      const whole = { torn: 0, failed: 0, error: null };
      expect(others).toMatchObject({ resolved: whole, pair: whole, copy: whole });
      expect(twoPaths.failed).toBe(0);
      // A reader that slept shows nothing.
      for (const { pairs } of Object.values(others)) expect(pairs).toBeGreaterThan(rotations / 2);
      expect(ends.killed).toBeGreaterThan(rotations / 40);
      expect(brokenIn(cwd, [name])).toEqual([]);
      const counts = { rotations: currentOf(cwd, name) - 1, ...ends, ...others, twoPaths };
      console.log(`readers: ${JSON.stringify(counts)}`);
    },
    patience,
  );
});

describe('runs at once', () => {
  const count = full ? 200 : 40;

  it(`ten over ${count} due certificates: each rotated, told and recorded once`, async () => {
    const cwd = temporaryFolder();
    const names = Array.from({ length: count }, (_, index) => `n${index}.internal`);
    await makeDueStore(cwd, names, { copies: ['pair'] });
    const before = issuedIn(cwd);
    const argv = ['rotate', '--lock-timeout', '5m', '--json'];
    const all = await Promise.all(Array.from({ length: 10 }, () => spawnProgram(argv, { cwd })));
    for (const { code, stderr } of all) expect({ code, stderr }).toMatchObject({ code: 0 });
    const rotated = all.flatMap((ran) =>
      reportOf(ran).certificates.flatMap(({ name, state }) => (state === 'rotated' ? [name] : [])),
    );
    expect(rotated.sort()).toEqual([...names].sort());
    expect(issuedIn(cwd) - before).toBe(count);
    expect(names.filter((name) => currentOf(cwd, name) !== 2)).toEqual([]);
    expect(names.filter((name) => told(cwd, name).length !== 1)).toEqual([]);
    expect(brokenIn(cwd, names)).toEqual([]);
    expect(leftovers(join(cwd, 'certs'))).toEqual([]);
  });

  it('two beside issue --force for each of the names: every generation is recorded, and the service has the newest', async () => {
    const cwd = temporaryFolder();
    const names = Array.from({ length: full ? 20 : 4 }, (_, index) => `n${index}.internal`);
    await makeDueStore(cwd, names);
    const before = issuedIn(cwd);
    const rotate = ['rotate', '--lock-timeout', '5m', '--json'];
    const force = names.map((name) => ['issue', name, '--force', '--lock-timeout', '5m']);
    const all = await Promise.all([rotate, ...force, rotate].map((argv) => spawnProgram(argv, { cwd })));
    for (const { code, stderr } of all) expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(await spawnProgram(rotate, { cwd })).toMatchObject({ code: 0 });
    // Once at somebody's word, and once more where it was found due before that.
    for (const name of names) expect([2, 3]).toContain(currentOf(cwd, name));
    expect(issuedIn(cwd) - before).toBe(names.reduce((sum, name) => sum + currentOf(cwd, name) - 1, 0));
    expect(names.flatMap((name) => unfinishedIn(cwd, name, currentOf(cwd, name)))).toEqual([]);
    expect(brokenIn(cwd, names)).toEqual([]);
    expect(leftovers(join(cwd, 'certs'))).toEqual([]);
  });
});

/** Whether this process may mount file systems: root, and not locked in. */
function canMount(): boolean {
  const probe = mkdtempSync(join(tmpdir(), 'certwright-mount-'));
  try {
    if (spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', probe]).status !== 0) return false;
    return spawnSync('umount', [probe]).status === 0;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

describe.skipIf(!canMount())('a disk (needs root and the right to mount)', () => {
  const suite = temporaryFolderForSuite();
  const name = 'orders.internal';
  const disk = (): string => join(suite(), 'disk');
  const mount = (...options: string[]): void => void execFileSync('mount', [...options, 'tmpfs', disk()]);
  const argv = ['rotate', '--json'];

  beforeEach(async () => {
    mkdirSync(disk(), { recursive: true });
    mount('-t', 'tmpfs', '-o', 'size=4m');
    await makeDueStore(disk(), [name]);
  });
  afterEach(() => {
    spawnSync('umount', [disk()]);
  });

  /** It is refused in one clear sentence, nothing is lost, and the same command works once that is mended. */
  async function expectRefusal(words: RegExp, mend: () => void): Promise<void> {
    const cwd = disk();
    const before = issuedIn(cwd);
    const ran = await spawnProgram(argv, { cwd });
    const [row] = reportOf(ran).certificates;
    expect({ code: ran.code, row }).toMatchObject({
      code: 1,
      row: { state: 'failed', error: { code: 'io', message: expect.stringMatching(words) as string } },
    });
    expect(brokenIn(cwd, [name])).toEqual([]);
    mend();
    expect(await spawnProgram([...argv, name], { cwd })).toMatchObject({ code: 0 });
    expect([...brokenIn(cwd, [name]), ...unfinishedIn(cwd, name, 2)]).toEqual([]);
    expect({ issued: issuedIn(cwd) - before, left: leftovers(join(cwd, 'certs')) }).toEqual({
      issued: 1,
      left: [],
    });
    expect(told(cwd, name)).toEqual([2]);
  }

  it('that is mounted read-only refuses what is due', async () => {
    execFileSync('mount', ['-o', 'remount,ro', disk()]);
    await expectRefusal(/^cannot .*: the file system is read-only$/, () => {
      execFileSync('mount', ['-o', 'remount,rw', disk()]);
    });
  });

  it('that is mounted read-only is no matter where nothing is due', async () => {
    expect(await spawnProgram(argv, { cwd: disk() })).toMatchObject({ code: 0 });
    execFileSync('mount', ['-o', 'remount,ro', disk()]);
    const ran = await spawnProgram(argv, { cwd: disk() });
    expect({ code: ran.code, ...reportOf(ran) }).toMatchObject({
      code: 0,
      certificates: [{ state: 'not-due' }],
    });
  });

  it('that is full refuses what is due', async () => {
    const filler = join(disk(), 'filler');
    spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k']);
    await expectRefusal(/^cannot .*: no space is left on the device$/, () => {
      rmSync(filler);
    });
  });
});
