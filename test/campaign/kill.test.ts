import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { eachOf, full, seed, seededRandom, spread } from '../support/campaign.ts';
import { program, spawnProgram, temporaryFolderForSuite, type Ran } from '../support/cli.ts';
import { checkCa, checkPair, leftovers, problemsIn } from '../support/invariants.ts';
import { canTrace, diskCalls, disturb } from '../support/strace.ts';
import { describeWhere } from '../support/tools.ts';

/** What a run is to make, and what it finds. */
interface Scenario {
  title: string;
  /** Whether it starts without a CA and a store. */
  bare?: boolean;
  /** Commands that ran before it. */
  before?: (name: string) => string[][];
  argv: (name: string) => string[];
  keyless?: boolean;
  out?: boolean;
}

/** EC P-256, for printer.internal. */
const request = `-----BEGIN CERTIFICATE REQUEST-----
MIHVMH0CAQAwGzEZMBcGA1UEAwwQcHJpbnRlci5pbnRlcm5hbDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABLteYsxFy5xsevBK+4FaptlceAZwI5QqTC0zQS7BWNsX
fWMhcSMRCkpDdIq4W1T+qAUfFCjNywcMLVR3LtJQxnmgADAKBggqhkjOPQQDAgNI
ADBFAiB9ARA8olYuaq08SFBKnIpMeGXnmgTcDZUrOQF9PQ27xgIhAJNon2k3e44U
Kp6iHQLfI+DTxO936mp/OmQxVmQET8oE
-----END CERTIFICATE REQUEST-----
`;

// A lock that a dead run left must not be waited for.
const patience = ['--lock-timeout', '2s'];

const scenarios: readonly Scenario[] = [
  {
    title: 'the first one, with its CA',
    bare: true,
    argv: (name) => ['issue', name, '--create-ca', ...patience],
  },
  { title: 'one more', argv: (name) => ['issue', name, ...patience] },
  {
    title: 'a new generation',
    before: (name) => [['issue', name]],
    argv: (name) => ['issue', name, '--force', '--format', 'pair', '--format', 'der', ...patience],
  },
  {
    title: 'one that is due since another key is wanted',
    before: (name) => [['issue', name]],
    argv: (name) => ['issue', name, '--if-due', '--key-type', 'ec-p384', ...patience],
  },
  {
    title: "somebody else's request",
    argv: (name) => ['issue', name, '--csr', 'request.csr', '--as', name, ...patience],
    keyless: true,
  },
  { title: 'plain files', argv: (name) => ['issue', name, '--out', name], out: true },
];

async function succeed(argv: readonly string[], cwd: string): Promise<void> {
  const { code, stderr } = await spawnProgram(argv, { cwd });
  expect({ argv, code, failure: code === 0 ? '' : stderr }).toEqual({ argv, code: 0, failure: '' });
}

/** Ends the program with SIGKILL after a while; it may be done by then. */
function killed(argv: readonly string[], cwd: string, delay: number): Promise<'killed' | 'done'> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [program, ...argv], { cwd, stdio: 'ignore' });
    const timer = setTimeout(() => child.kill('SIGKILL'), delay);
    child.on('exit', (_code, signal) => {
      clearTimeout(timer);
      done(signal === 'SIGKILL' ? 'killed' : 'done');
    });
  });
}

const refusesExisting = (ran: Ran): boolean => ran.code === 2 && /already|not empty/.test(ran.stderr);

/**
 * What must hold after a run that died, and after the same command has run again.
 * @returns whether the run that died had made it.
 */
async function survive(scenario: Scenario, name: string, cwd: string, context: string): Promise<boolean> {
  const argv = scenario.argv(name);
  const keyless = scenario.keyless === true ? [name] : [];
  const folder = scenario.out === true ? join(cwd, name) : join(cwd, 'certs', name);
  const check = (when: string): void => {
    const problems = scenario.out === true ? [] : problemsIn(cwd, keyless);
    if (scenario.out === true && existsSync(folder)) problems.push(...checkPair(folder, { version: false }));
    expect({ context, when, problems }).toEqual({ context, when, problems: [] });
  };
  check('after the kill');
  const made = scenario.out === true ? existsSync(folder) : existsSync(join(folder, 'current'));
  const again = await spawnProgram(argv, { cwd });
  if (!(made && scenario.before === undefined && refusesExisting(again))) {
    expect({ context, ran: again }).toMatchObject({ context, ran: { code: 0 } });
  }
  check('after the same command');
  if (leftovers(cwd).length > 0) {
    // What the same command does not touch, the next run in the same folder does.
    const due = argv.filter((word) => word !== '--force' && word !== '--if-due');
    if (scenario.out !== true) await succeed([...due, '--if-due'], cwd);
    await succeed(['issue', 'last.internal'], cwd);
    check('after two more runs');
  }
  expect({ context, left: leftovers(cwd) }).toEqual({ context, left: [] });
  return made;
}

describe(`kill -9 (seed ${seed})`, () => {
  const suite = temporaryFolderForSuite();
  const template = (): string => join(suite(), 'template');

  beforeAll(async () => {
    mkdirSync(template());
    writeFileSync(join(template(), 'request.csr'), request);
    await succeed(['ca', 'init', '--name', 'Campaign'], template());
    await succeed(['issue', 'neighbour.internal'], template());
  });

  /** A working folder as the scenario finds it. */
  async function prepared(scenario: Scenario, name: string): Promise<string> {
    const cwd = mkdtempSync(join(suite(), 'run-'));
    if (scenario.bare !== true) cpSync(template(), cwd, { recursive: true, verbatimSymlinks: true });
    for (const argv of scenario.before?.(name) ?? []) await succeed(argv, cwd);
    return cwd;
  }

  const kills = full ? 500 : 60;
  /** A busy machine takes seconds for each. */
  const timeLimit = full ? 3_600_000 : 600_000;

  it(
    `${kills} times at a random moment of issue: whole or absent, recorded, finished by the same command`,
    async () => {
      const random = seededRandom(seed);
      const lasting = new Map<Scenario, number>();
      for (const scenario of scenarios) {
        const cwd = await prepared(scenario, 'measured.internal');
        const started = performance.now();
        await succeed(scenario.argv('measured.internal'), cwd);
        lasting.set(scenario, performance.now() - started);
        rmSync(cwd, { recursive: true });
      }
      const ends = { killed: 0, done: 0, made: 0 };
      for (let index = 0; index < kills; index++) {
        const scenario = scenarios[index % scenarios.length] as Scenario;
        const delay = random() * (lasting.get(scenario) ?? 0) * 1.1;
        const context = `kill ${index} of "${scenario.title}" after ${delay.toFixed(1)} ms, seed ${seed}`;
        const name = `n${index}.internal`;
        const cwd = await prepared(scenario, name);
        ends[await killed(scenario.argv(name), cwd, delay)]++;
        if (await survive(scenario, name, cwd, context)) ends.made++;
        rmSync(cwd, { recursive: true });
      }
      // A campaign that hits nothing shows nothing.
      expect(ends.killed).toBeGreaterThan(kills / 5);
      console.log(`kill -9 at random moments: ${JSON.stringify(ends)}`);
    },
    timeLimit,
  );

  describeWhere(
    canTrace(),
    'strace and the right to trace',
    'before a system call that changes the disk',
    () => {
      it.each(scenarios)('$title', async (scenario) => {
        const name = 'struck.internal';
        const watched = await prepared(scenario, name);
        const { ran, calls } = await diskCalls(scenario.argv(name), watched);
        expect(ran).toMatchObject({ code: 0 });
        // fsync and fchmod change nothing that a kill leaves behind.
        const moments = calls.filter((call) => !call.reads && !['fsync', 'fchmod'].includes(call.name));
        expect(moments.length).toBeGreaterThan(5);
        await eachOf(spread(moments, 8), 2, async (call) => {
          const { cwd, ran, hit } = await disturb(call, 'signal=SIGKILL', scenario.argv(name), () =>
            prepared(scenario, name),
          );
          const context = `killed before ${call.name} ${call.ordinal}: ${hit ?? 'nothing'}, as planned ${call.text}`;
          expect({ context, hit: hit !== undefined, code: ran.code }).toEqual({
            context,
            hit: true,
            code: 'SIGKILL',
          });
          await survive(scenario, name, cwd, context);
          rmSync(cwd, { recursive: true });
        });
      });

      it('ca init with an offline root: whole, or made by the same command, or it says what to remove', async () => {
        const argv = ['ca', 'init', '--offline-root', 'root-key.pem'];
        const fresh = (): string => mkdtempSync(join(suite(), 'run-'));
        const { ran, calls } = await diskCalls(argv, fresh());
        expect(ran).toMatchObject({ code: 0 });
        const moments = calls.filter((call) => !call.reads && !['fsync', 'fchmod'].includes(call.name));
        await eachOf(spread(moments, 8), 2, async (call) => {
          const { cwd, hit } = await disturb(call, 'signal=SIGKILL', argv, fresh);
          const context = `killed before ${call.name} ${call.ordinal}: ${hit ?? 'nothing'}`;
          const [ca, rootKey] = [join(cwd, 'ca'), join(cwd, 'root-key.pem')];
          const made = existsSync(ca);
          const kept = existsSync(rootKey);
          expect({ context, problems: checkCa(ca, { rootKey: false }) }).toEqual({ context, problems: [] });
          const again = await spawnProgram(argv, { cwd });
          expect({ context, code: again.code }).toEqual({ context, code: made || kept ? 2 : 0 });
          if (kept && !made) {
            expect(again.stderr).toMatch(/root-key\.pem is there already\n.*remove it/);
            rmSync(rootKey);
            await succeed(argv, cwd);
          }
          expect({ context, problems: [...problemsIn(cwd), ...leftovers(cwd)] }).toEqual({
            context,
            problems: [],
          });
          rmSync(cwd, { recursive: true });
        });
      });
    },
  );
});
