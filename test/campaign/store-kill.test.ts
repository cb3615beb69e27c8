import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { eachOf, full, killed, seed, seededRandom, spread } from '../support/campaign.ts';
import { spawnProgram, temporaryFolderForSuite, type Ran } from '../support/cli.ts';
import { brokenIn, currentOf, instance, makeDueStore, unfinishedIn } from '../support/due-store.ts';
import { leftovers, problemsIn, recordOf } from '../support/invariants.ts';
import { canTrace, diskCalls, disturb } from '../support/strace.ts';
import { describeWhere } from '../support/tools.ts';

/*
 * Commands that change what is in the store and have nothing issued: adopt, remove, and rotate --rollback.
 */

const name = 'orders.internal';
const patience = ['--lock-timeout', '2s'];

/** A command, and what must hold once it was killed. */
interface Scenario {
  title: string;
  /** Which of the prepared folders it starts from. */
  from: string;
  argv: string[];
  /** What a run does that comes before somebody gives the command again. */
  holds: (cwd: string) => Promise<void>;
  /** What the same command does, once more or for the first time. */
  again: (cwd: string, ran: Ran) => void;
  /** Whether the same certificate may be there twice: the number that a dead run has given it stays taken. */
  mayRepeat?: boolean;
}

const text = (...path: string[]): string => readFileSync(join(...path), 'utf8');
const adopted = (cwd: string): boolean =>
  existsSync(join(cwd, 'certs', name, 'current')) &&
  text(cwd, 'certs', name, 'current/cert.pem') === text(cwd, 'pair/cert.pem');
const adoption = ['adopt', name, '--cert', 'pair/fullchain.pem', '--key', 'pair/key.pem', '--ca', './ca'];

/** As cron would, before anybody looks: whatever is found is left, or brought to its end. */
async function rotates(cwd: string): Promise<void> {
  const { code, stderr } = await spawnProgram(['rotate', ...patience], { cwd });
  expect({ code, stderr }).toMatchObject({ code: 0 });
}

/** The pair is in use; the files that it was read from are untouched. */
function isAdopted(cwd: string): void {
  expect(adopted(cwd)).toBe(true);
  expect(text(cwd, 'certs', name, 'current/key.pem')).toBe(text(cwd, 'pair/key.pem'));
}

const scenarios: readonly Scenario[] = [
  {
    title: 'adopt',
    from: 'without',
    argv: [...adoption, ...patience],
    mayRepeat: true,
    holds: rotates,
    again: (cwd, { code, stderr }) => {
      if (code === 2) expect(stderr).toContain('has a certificate already');
      else expect({ code, stderr }).toMatchObject({ code: 0 });
      isAdopted(cwd);
    },
  },
  {
    title: 'adopt --force',
    from: 'with',
    argv: [...adoption, '--force', ...patience],
    mayRepeat: true,
    holds: rotates,
    again: (cwd, { code, stderr }) => {
      expect({ code, stderr }).toMatchObject({ code: 0 });
      isAdopted(cwd);
    },
  },
  {
    title: 'remove',
    from: 'with',
    argv: ['remove', name, '--yes', ...patience],
    holds: (cwd) => {
      // All of it, or nothing that anybody would take for a certificate.
      if (existsSync(join(cwd, 'certs', name))) expect(currentOf(cwd, name)).toBe(2);
      return Promise.resolve();
    },
    again: (cwd, { code, stderr }) => {
      if (code === 2) expect(stderr).toContain('there is no certificate');
      else expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(readdirSync(join(cwd, 'certs')).sort()).toEqual(['_trust', 'neighbour.internal']);
    },
  },
];

describe(`kill -9 (seed ${seed})`, () => {
  const suite = temporaryFolderForSuite();
  const fresh = (from: string): string => {
    const cwd = mkdtempSync(join(suite(), 'run-'));
    cpSync(join(suite(), from), cwd, { recursive: true, verbatimSymlinks: true });
    return cwd;
  };
  const issuedIn = (cwd: string): string[] => [...recordOf(join(cwd, 'ca')).serials.keys()].sort();
  const certwright = async (cwd: string, ...argv: string[]): Promise<void> => {
    const { code, stderr } = await spawnProgram(argv, { cwd });
    expect({ argv, code, stderr }).toMatchObject({ argv, code: 0 });
  };

  describeWhere(
    canTrace(),
    'strace and the right to trace',
    'before a system call that changes the disk',
    () => {
      beforeAll(async () => {
        const without = join(suite(), 'without');
        mkdirSync(without);
        await certwright(without, 'ca', 'init', '--name', 'Campaign');
        await certwright(without, 'issue', 'neighbour.internal');
        await certwright(without, 'issue', name, '--out', 'pair');
        cpSync(without, join(suite(), 'with'), { recursive: true, verbatimSymlinks: true });
        await certwright(join(suite(), 'with'), 'issue', name);
        await certwright(join(suite(), 'with'), 'issue', name, '--force');
      });

      it.each(scenarios)('$title', async ({ title, from, argv, holds, again, mayRepeat = false }) => {
        const watched = fresh(from);
        const issued = issuedIn(watched);
        const { ran, calls } = await diskCalls(argv, watched);
        expect(ran).toMatchObject({ code: 0 });
        const moments = calls.filter((call) => !call.reads && !['fsync', 'fchmod'].includes(call.name));
        expect(moments.length).toBeGreaterThan(10);
        await eachOf(spread(moments, 4), 2, async (call) => {
          const { cwd, ran, hit } = await disturb(call, 'signal=SIGKILL', argv, () => fresh(from));
          const context = `killed before ${call.name} ${call.ordinal}: ${hit ?? 'nothing'}, as planned ${call.text}`;
          expect({ context, code: ran.code }).toEqual({ context, code: 'SIGKILL' });
          const check = (when: string): void => {
            const problems = problemsIn(cwd).filter(
              (one) => !(mayRepeat && one.includes('has the serial of')),
            );
            expect({ context, when, problems, issued: issuedIn(cwd) }).toEqual({
              context,
              when,
              problems: [],
              issued,
            });
          };
          check('after the kill');
          await holds(cwd);
          check('after a look');
          again(cwd, await spawnProgram(argv, { cwd }));
          check('after the same command');
          await rotates(cwd);
          check('after rotate');
          // What is left by one that died after its switch is swept when there is something to do again.
          const left = leftovers(cwd).filter((path) => !/\.lock$|pending\/00000\d$/.test(path));
          expect({ context, left }).toEqual({ context, left: [] });
          rmSync(cwd, { recursive: true });
        });
        if (full) console.log(`${title}: killed before ${moments.length} calls, one by one`);
      });
    },
  );

  describe('of rotate --rollback with copies and a hook', () => {
    const argv = ['rotate', name, '--rollback', ...patience];
    const kills = full ? 200 : 8;
    let issued: string[] = [];

    beforeAll(async () => {
      vi.stubEnv('CERTWRIGHT_INSTANCE', instance);
      const cwd = join(suite(), 'newer');
      mkdirSync(cwd);
      await makeDueStore(cwd, [name]);
      await certwright(cwd, 'rotate');
      await certwright(cwd, 'rotate', '--force');
      await certwright(cwd, 'rotate', '--force');
      await certwright(cwd, 'rotate', name, '--rollback');
      // The newest one is to be tried again.
      const file = join(cwd, 'certs', name, 'deploy', `${instance}.json`);
      const last = new Date(Date.now() - 3_600_000).toISOString();
      const candidate = { generation: 4, attempts: 1, last, code: 'confirm-failed', message: '' };
      writeFileSync(file, JSON.stringify({ ...(JSON.parse(text(file)) as object), candidate }));
      issued = issuedIn(cwd);
    });

    /** Where it was gone back it stays so, and its service is told of that; nothing is issued. */
    async function survive(cwd: string, context: string): Promise<boolean> {
      expect({ context, problems: brokenIn(cwd, [name]) }).toEqual({ context, problems: [] });
      const isBack = currentOf(cwd, name) === 2;
      await rotates(cwd);
      const generation = currentOf(cwd, name);
      if (isBack) expect({ context, generation }).toEqual({ context, generation: 2 });
      else expect([3, 4]).toContain(generation);
      expect({
        context,
        problems: [...brokenIn(cwd, [name]), ...unfinishedIn(cwd, name, generation)],
        issued: issuedIn(cwd),
      }).toEqual({ context, problems: [], issued });
      rmSync(cwd, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
      return isBack;
    }

    it(`${kills} times at a random moment: gone back or not, and the next run tells the service`, async () => {
      const begun = (cwd: string) => (): boolean => existsSync(join(cwd, 'certs', name, '.lock'));
      const measured = fresh('newer');
      let first = 0;
      await killed(argv, { cwd: measured }, 60_000, () => {
        first ||= begun(measured)() ? performance.now() : 0;
        return false;
      });
      const lasting = performance.now() - first;
      expect(currentOf(measured, name)).toBe(2);
      await survive(measured, 'undisturbed');
      const random = seededRandom(seed);
      const ends = { killed: 0, done: 0, back: 0 };
      const delays = Array.from({ length: kills }, () => random() * 1.2 * lasting);
      await eachOf(delays, 2, async (delay, index) => {
        const cwd = fresh('newer');
        ends[await killed(argv, { cwd }, delay, begun(cwd))]++;
        if (await survive(cwd, `kill ${index} after ${delay.toFixed(1)} ms, seed ${seed}`)) ends.back++;
      });
      expect(ends.killed).toBeGreaterThan(kills / 5);
      console.log(`kill -9 over rotate --rollback: ${JSON.stringify(ends)}`);
    });

    describeWhere(canTrace(), 'strace and the right to trace', 'and before a system call', () => {
      it('that changes the disk: the same', async () => {
        const { ran, calls } = await diskCalls(argv, fresh('newer'));
        expect(ran).toMatchObject({ code: 0 });
        const moments = calls.filter((call) => !call.reads && !['fsync', 'fchmod'].includes(call.name));
        await eachOf(spread(moments, 4), 2, async (call) => {
          const { cwd, ran, hit } = await disturb(call, 'signal=SIGKILL', argv, () => fresh('newer'));
          const context = `killed before ${call.name} ${call.ordinal}: ${hit ?? 'nothing'}, as planned ${call.text}`;
          expect({ context, code: ran.code }).toEqual({ context, code: 'SIGKILL' });
          await survive(cwd, context);
        });
        if (full) console.log(`rotate --rollback: killed before ${moments.length} calls, one by one`);
      });
    });
  });
});
