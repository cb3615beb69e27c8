import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type Emulator } from '../support/aws/emulator.ts';
import { eachOf, full, killed, seed, seededRandom } from '../support/campaign.ts';
import { spawnProgram, temporaryFolderForSuite } from '../support/cli.ts';
import { checkName, checkPair, leftovers } from '../support/invariants.ts';

/** Everything that goes wrong between a program and AWS. Expired credentials end a run in another way. */
const kinds = ['throttling', '500', '503', 'reset', 'timeout', 'html', 'slow'] as const;
const kills = full ? 300 : 40;
/** A run that is resumed this often without an end is not on its way to one. */
const mostRuns = 12;

describe(`kill -9 while AWS Private CA is paid (seed ${seed})`, () => {
  const suite = temporaryFolderForSuite();
  let emulator: Emulator;
  let ca: string;

  beforeAll(async () => {
    emulator = await startEmulator();
    const root = await emulator.createCa();
    ca = await emulator.createCa({ parent: root, name: 'Issuing' });
  });

  afterAll(async () => {
    await emulator.close();
  });

  /** Every third goes into plain files. */
  const plain = (name: string): boolean => /[0369]\.internal$/.test(name);
  const argv = (name: string): string[] => [
    ...['issue', name, '--ca', ca, '--lock-timeout', '2s', '--json'],
    ...(plain(name) ? ['--out', 'tls'] : []),
  ];
  const problemsIn = (cwd: string, name: string): string[] => {
    if (!plain(name)) return checkName(join(cwd, 'certs', name));
    return existsSync(join(cwd, 'tls')) ? checkPair(join(cwd, 'tls'), { version: false }) : [];
  };
  const lent = (cwd: string) => ({ cwd, env: { PATH: process.env['PATH'], ...emulator.environment } });

  it(`${kills} times at a random moment, with every fifth call failing: finished by the same command, none bought twice`, async () => {
    const calm = join(suite(), 'calm');
    mkdirSync(calm);
    const started = performance.now();
    expect(await spawnProgram(argv('calm.internal'), lent(calm))).toMatchObject({ code: 0 });
    const lasting = performance.now() - started;
    const before = emulator.stats.billed;

    emulator.setFaults({ rate: 0.2, afterEffect: 0.5, kinds, seed, timeoutMs: 200 });
    const random = seededRandom(seed);
    const ends = { killed: 0, done: 0, ordered: 0, again: 0 };
    const jobs = Array.from({ length: kills }, (_, index) => ({
      name: `n${index}.internal`,
      delay: random() * lasting * 1.6,
    }));
    await eachOf(jobs, 4, async ({ name, delay }) => {
      const cwd = join(suite(), name);
      mkdirSync(cwd);
      ends[await killed(argv(name), lent(cwd), delay)]++;
      const context = `${name}, killed after ${delay.toFixed(1)} ms, seed ${seed}`;
      const problems = problemsIn(cwd, name);
      expect({ context, problems }).toEqual({ context, problems: [] });
      let command = argv(name);
      for (let runs = 1; ; runs++) {
        const { code, stdout, stderr } = await spawnProgram(command, lent(cwd));
        if (code === 0) break;
        if (code === 2 && /"exists"/.test(stdout)) {
          // It was done, and died before it had tidied up: beside plain files the next order there sweeps.
          if (plain(name)) {
            expect({
              context,
              left: leftovers(cwd).filter((left) => !/\.lock$|\.tmp(\/|$)/.test(left)),
            }).toEqual({
              context,
              left: [],
            });
            rmSync(join(cwd, '.tls.certwright.lock'), { force: true });
            break;
          }
          command = [...argv(name), '--if-due'];
          continue;
        }
        expect({ context, code, stdout, stderr, runs }).toMatchObject({ code: 75 });
        expect({ context, stdout }).not.toMatchObject({
          stdout: expect.stringContaining('in-doubt') as string,
        });
        expect({ context, runs }).not.toEqual({ context, runs: mostRuns });
        ends.again++;
      }
      const left = leftovers(cwd).filter((path) => !/^\.\.tls.*\.tmp(\/|$)/.test(path));
      const after = [...problemsIn(cwd, name), ...left];
      expect({ context, problems: after }).toEqual({ context, problems: [] });
      rmSync(cwd, { recursive: true });
    });

    const { stats, cloud } = emulator;
    const bought = [...(cloud.cas.get(ca)?.issued.values() ?? [])].map(({ certificate }) => certificate);
    const keys = new Set(bought.map(({ publicKey }) => publicKey.toString('hex')));
    const subjects = new Set(bought.map(({ subject }) => subject.toString('hex')));
    const wanted = { billed: kills, bought: kills + 1, keys: kills + 1, subjects: kills + 1 };
    expect({
      billed: stats.billed - before,
      bought: bought.length,
      keys: keys.size,
      subjects: subjects.size,
    }).toEqual(wanted);
    // A campaign that hits nothing shows nothing.
    expect(ends.killed).toBeGreaterThan(kills / 4);
    const orders = stats.calls['IssueCertificate'] ?? 0;
    console.log(
      `kill -9 over AWS Private CA: ${JSON.stringify({ ...ends, ordered: orders, faults: stats.faults })}`,
    );
  });
});
