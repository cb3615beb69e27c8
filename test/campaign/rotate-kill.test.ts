import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { eachOf, full, killed, seed, seededRandom, spread } from '../support/campaign.ts';
import { spawnProgram, temporaryFolderForSuite, type Ran } from '../support/cli.ts';
import { brokenIn, currentOf, instance, makeDueStore, told, unfinishedIn } from '../support/due-store.ts';
import { leftovers, recordOf } from '../support/invariants.ts';
import { canTrace, diskCalls, disturb, type DiskCall } from '../support/strace.ts';
import { describeWhere } from '../support/tools.ts';

const name = 'orders.internal';
const argv = ['rotate', '--lock-timeout', '2s', '--json'];
/** A busy machine takes seconds for each. */
const patience = full ? 3_600_000 : 600_000;
const kills = full ? 500 : 25;

interface Row {
  state: string;
  outputs: { state: string; error?: { code: string; message: string } }[];
  deploy: { state: string; error?: { code: string; message: string } } | null;
  error?: { code: string; message: string };
}

const rowOf = (ran: Ran): Row | undefined =>
  (JSON.parse(ran.stdout) as { certificates: Row[] }).certificates[0];

describe(`a rotation that is disturbed, with copies and a hook (seed ${seed})`, () => {
  const suite = temporaryFolderForSuite();
  const template = (): string => join(suite(), 'template');
  let recorded = 0;

  beforeAll(async () => {
    vi.stubEnv('CERTWRIGHT_INSTANCE', instance);
    mkdirSync(template());
    await makeDueStore(template(), [name]);
    recorded = recordOf(join(template(), 'ca')).serials.size;
  });

  const fresh = (): string => {
    const cwd = mkdtempSync(join(suite(), 'run-'));
    cpSync(template(), cwd, { recursive: true, verbatimSymlinks: true });
    return cwd;
  };
  /** A hook whose run was killed may still be at work. */
  const remove = (cwd: string): void => {
    rmSync(cwd, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  const lent = (cwd: string) => ({ cwd });

  const expectWhole = (cwd: string, context: string): void => {
    expect({ context, problems: brokenIn(cwd, [name]) }).toEqual({ context, problems: [] });
  };

  const begun = (cwd: string): boolean => existsSync(join(cwd, 'certs', name, '.lock'));

  /** The next run, by cron or by somebody who names the certificate, ends what was begun. */
  async function expectCompletion(
    cwd: string,
    context: string,
    named: readonly string[] = [],
  ): Promise<void> {
    const { code, stdout, stderr } = await spawnProgram([...argv, ...named], lent(cwd));
    expect({ context, code, stdout, stderr }).toMatchObject({ context, code: 0 });
    expectWhole(cwd, context);
    const issued = recordOf(join(cwd, 'ca')).serials.size - recorded;
    // What a run leaves that died, or could not tidy up, after its switch is swept when there is something to do again.
    const left = leftovers(join(cwd, 'certs')).filter(
      (path) => !/\.lock(\.[^/]*\.tmp)?$|pending\/000002$/.test(path),
    );
    expect({ context, issued, unfinished: [...unfinishedIn(cwd, name, 2), ...left] }).toEqual({
      context,
      issued: 1,
      unfinished: [],
    });
  }

  /** How long a run takes that nothing disturbs, from its first change on; and the next one finds nothing to do. */
  async function undisturbed(): Promise<number> {
    const cwd = fresh();
    let first = 0;
    await killed(argv, lent(cwd), 60_000, () => {
      first ||= begun(cwd) ? performance.now() : 0;
      return false;
    });
    const lasting = performance.now() - first;
    await expectCompletion(cwd, 'undisturbed');
    expect(told(cwd, name)).toEqual([2]);
    remove(cwd);
    return lasting;
  }

  it(
    `${kills} times by kill -9 at a random moment: the old or the new pair, ended by the next run, issued once`,
    async () => {
      const lasting = await undisturbed();
      const random = seededRandom(seed);
      const ends = { killed: 0, done: 0, issued: 0, switched: 0, told: 0 };
      const delays = Array.from({ length: kills }, () => random() * 2 * lasting);
      await eachOf(delays, 2, async (delay, index) => {
        const cwd = fresh();
        const context = `kill ${index} after ${delay.toFixed(1)} ms, seed ${seed}`;
        ends[await killed(argv, lent(cwd), delay, () => begun(cwd))]++;
        expectWhole(cwd, context);
        if (recordOf(join(cwd, 'ca')).serials.size > recorded) ends.issued++;
        if (currentOf(cwd, name) === 2) ends.switched++;
        if (told(cwd, name).length > 0) ends.told++;
        await expectCompletion(cwd, context);
        remove(cwd);
      });
      // A campaign that hits nothing shows nothing.
      expect(ends.killed).toBeGreaterThan(kills / 5);
      expect(ends.issued).toBeGreaterThan(kills / 10);
      console.log(`kill -9 over rotate with copies and a hook: ${JSON.stringify(ends)}`);
    },
    patience,
  );

  describeWhere(canTrace(), 'strace and the right to trace', 'in one system call', () => {
    const words: Record<string, RegExp> = {
      ENOSPC: /: no space is left on the device/,
      EACCES: /: permission denied/,
      EROFS: /: the file system is read-only/,
      EIO: /: the device failed/,
      EPERM: /: the operation is not permitted/,
    };
    /** What each call may say; one of them, by turns. */
    const errors: Record<string, string[]> = {
      fsync: ['EIO', 'ENOSPC'],
      write: ['ENOSPC', 'EIO'],
      fchmod: ['EPERM'],
    };
    const errorFor = ({ name: call, ordinal }: DiskCall): string => {
      const possible = errors[call] ?? ['ENOSPC', 'EACCES', 'EROFS'];
      return possible[ordinal % possible.length] as string;
    };
    /**
     * What cannot be taken away after the work is done is swept later; a folder that is there need not be made; what is
     * remembered of encrypted copies only spares the next run from writing them once more. The call that was hit may be
     * another one than the planned.
     */
    const forgiven = ({ name: call, text }: DiskCall, hit: string): boolean =>
      ['unlink', 'unlinkat', 'rmdir'].includes(call) || /EEXIST/.test(text) || /outputs\.json/.test(hit);
    const writes = async (): Promise<DiskCall[]> => {
      const { ran, calls } = await diskCalls(argv, fresh());
      expect(ran).toMatchObject({ code: 0 });
      return calls.filter(({ reads }) => !reads);
    };

    it('that fails: one error that names the file, the old or the new pair, ended by the next run, issued once', async () => {
      const calls = await writes();
      await eachOf(spread(calls, 12), 2, async (call) => {
        const error = errorFor(call);
        const { cwd, ran, hit } = await disturb(call, `error=${error}`, argv, fresh);
        const context = `${call.name} ${call.ordinal} ${error}: ${hit ?? `missed ${call.text}`}`;
        expect({ context, hit: hit !== undefined }).toEqual({ context, hit: true });
        if (!(ran.code === 0 && forgiven(call, hit ?? ''))) {
          const row = rowOf(ran);
          const said = [row, row?.deploy, ...(row?.outputs ?? [])].flatMap((one) => one?.error ?? []);
          expect({ context, code: ran.code, said, ran }).toMatchObject({
            context,
            code: 1,
            said: expect.arrayContaining([
              expect.objectContaining({ message: expect.stringMatching(words[error] as RegExp) as string }),
            ]) as object,
          });
          for (const { message } of said) expect(message).toContain(cwd);
        }
        expectWhole(cwd, context);
        await expectCompletion(cwd, context, [name]);
        remove(cwd);
      });
      if (full) console.log(`rotate with copies and a hook: ${calls.length} calls made to fail, one by one`);
    });

    it('that a kill comes before: the same', async () => {
      const calls = (await writes()).filter((call) => !['fsync', 'fchmod'].includes(call.name));
      await eachOf(spread(calls, 8), 2, async (call) => {
        const { cwd, ran, hit } = await disturb(call, 'signal=SIGKILL', argv, fresh);
        const context = `killed before ${call.name} ${call.ordinal}: ${hit ?? 'nothing'}, as planned ${call.text}`;
        expect({ context, code: ran.code }).toEqual({ context, code: 'SIGKILL' });
        expectWhole(cwd, context);
        await expectCompletion(cwd, context);
        remove(cwd);
      });
      if (full) console.log(`rotate with copies and a hook: killed before ${calls.length} calls, one by one`);
    });
  });
});
