import { cpSync, mkdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { emulatorForFile } from '../support/aws/lent.ts';
import { eachOf, full, killed, seed, seededRandom } from '../support/campaign.ts';
import { run, spawnProgram, temporaryFolderForSuite } from '../support/cli.ts';
import { checkName, leftovers } from '../support/invariants.ts';

/** Everything that goes wrong between a program and AWS. Expired credentials end a run in another way. */
const kinds = ['throttling', '500', '503', 'reset', 'timeout', 'html', 'slow'] as const;
const kills = full ? 200 : 30;
/** A run that is resumed this often without an end is not on its way to one. */
const mostRuns = 12;
const day = 86_400_000;

describe(`kill -9 while rotate buys of AWS Private CA (seed ${seed})`, () => {
  const suite = temporaryFolderForSuite();
  const emulator = emulatorForFile({ certificatePolls: 1 });
  const names = ['calm', ...Array.from({ length: kills }, (_, index) => `n${index}`)].map(
    (name) => `${name}.internal`,
  );
  let ca = '';

  /** Each name in a store of its own, issued 25 days ago for 30. */
  beforeAll(async () => {
    emulator().clock.advance(-25 * day);
    const root = await emulator().createCa();
    ca = await emulator().createCa({ parent: root, name: 'Issuing' });
    const declared = names.map((name) => `  ${name}: {}\n`).join('');
    writeFileSync(join(suite(), 'certwright.yaml'), `defaults: { ca: "${ca}" }\ncertificates:\n${declared}`);
    const now = (): Date => emulator().clock.now();
    const ran = await run(['issue', '--all', '--quiet'], { cwd: suite(), env: emulator().environment, now });
    expect(ran).toMatchObject({ code: 0 });
    emulator().clock.set(new Date());
    for (const name of names) {
      mkdirSync(join(suite(), name));
      const store = join(suite(), name, 'certs');
      cpSync(join(suite(), 'certs', name), join(store, name), { recursive: true, verbatimSymlinks: true });
    }
  });

  const lent = (name: string) => ({
    cwd: join(suite(), name),
    env: { PATH: process.env['PATH'], ...emulator().environment },
  });
  const argv = ['rotate', '--lock-timeout', '2s', '--json'];
  const folder = (name: string): string => join(suite(), name, 'certs', name);
  const current = (name: string): string => readlinkSync(join(folder(name), 'current'));
  const stateOf = (stdout: string): string | undefined =>
    (JSON.parse(stdout) as { certificates: { state: string }[] }).certificates[0]?.state;

  /** What a run leaves that died after its switch is swept when there is something to do again. */
  const unfinished = (name: string): string[] =>
    leftovers(join(suite(), name)).filter((path) => !/\.lock$|pending\/000002$/.test(path));

  it(`${kills} times at a random moment, with every fifth call failing: each rotated once, none bought twice`, async () => {
    const started = performance.now();
    expect(await spawnProgram(argv, lent('calm.internal'))).toMatchObject({ code: 0 });
    const lasting = performance.now() - started;
    expect(current('calm.internal')).toBe('versions/000002');
    const before = emulator().stats.billed;

    emulator().setFaults({ rate: 0.2, afterEffect: 0.5, kinds, seed, timeoutMs: 200 });
    const random = seededRandom(seed);
    const ends = { killed: 0, done: 0, again: 0 };
    const jobs = names.slice(1).map((name) => ({ name, delay: random() * lasting * 1.6 }));
    await eachOf(jobs, 4, async ({ name, delay }) => {
      ends[await killed(argv, lent(name), delay)]++;
      const context = `${name}, killed after ${delay.toFixed(1)} ms, seed ${seed}`;
      expect({ context, problems: checkName(folder(name)) }).toEqual({ context, problems: [] });
      for (let runs = 1; ; runs++) {
        // From cron it would wait after a failure; who names it does not.
        const { code, stdout, stderr } = await spawnProgram([...argv, name], lent(name));
        if (code === 0) break;
        expect({ context, code, stdout, stderr, runs }).toMatchObject({ code: 75 });
        expect({ context, stdout }).not.toMatchObject({
          stdout: expect.stringContaining('in-doubt') as string,
        });
        expect({ context, runs }).not.toEqual({ context, runs: mostRuns });
        ends.again++;
      }
      const next = await spawnProgram(argv, lent(name));
      const after = {
        state: stateOf(next.stdout),
        current: current(name),
        problems: [...checkName(folder(name)), ...unfinished(name)],
      };
      expect({ context, ...after }).toEqual({
        context,
        state: 'not-due',
        current: 'versions/000002',
        problems: [],
      });
      rmSync(join(suite(), name), { recursive: true });
    });

    const { stats, cloud } = emulator();
    const bought = [...(cloud.cas.get(ca)?.issued.values() ?? [])].map(({ certificate }) => certificate);
    const keys = new Set(bought.map(({ publicKey }) => publicKey.toString('hex')));
    const wanted = 2 * names.length;
    expect({ billed: stats.billed - before, bought: bought.length, keys: keys.size }).toEqual({
      billed: kills,
      bought: wanted,
      keys: wanted,
    });
    // A campaign that hits nothing shows nothing.
    expect(ends.killed).toBeGreaterThan(kills / 4);
    const orders = stats.calls['IssueCertificate'] ?? 0;
    console.log(
      `kill -9 over rotate at AWS Private CA: ${JSON.stringify({ ...ends, orders, faults: stats.faults })}`,
    );
  });
});
