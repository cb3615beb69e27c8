import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eachOf, full, seed, spread } from '../support/campaign.ts';
import { execute, program, spawnProgram, temporaryFolderForSuite, type Ran } from '../support/cli.ts';
import { leftovers, problemsIn } from '../support/invariants.ts';
import { canTrace, diskCalls, disturb, type DiskCall } from '../support/strace.ts';
import { describeWhere } from '../support/tools.ts';

/** EC P-256, for printer.internal. */
const request = `-----BEGIN CERTIFICATE REQUEST-----
MIHVMH0CAQAwGzEZMBcGA1UEAwwQcHJpbnRlci5pbnRlcm5hbDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABLteYsxFy5xsevBK+4FaptlceAZwI5QqTC0zQS7BWNsX
fWMhcSMRCkpDdIq4W1T+qAUfFCjNywcMLVR3LtJQxnmgADAKBggqhkjOPQQDAgNI
ADBFAiB9ARA8olYuaq08SFBKnIpMeGXnmgTcDZUrOQF9PQ27xgIhAJNon2k3e44U
Kp6iHQLfI+DTxO936mp/OmQxVmQET8oE
-----END CERTIFICATE REQUEST-----
`;

const patience = ['--lock-timeout', '2s'];

interface Scenario {
  title: string;
  /** Starts without a CA and a store. */
  bare?: boolean;
  argv: string[];
  /** Names of the store without a key. */
  keyless?: string[];
}

const scenarios: readonly Scenario[] = [
  { title: 'issue --create-ca', bare: true, argv: ['issue', 'a.internal', '--create-ca', ...patience] },
  { title: 'issue --force', argv: ['issue', 'there.internal', '--force', '--format', 'pair', ...patience] },
  {
    title: 'issue --csr',
    argv: ['issue', 'p.internal', '--csr', 'request.csr', '--as', 'p.internal', ...patience],
    keyless: ['p.internal'],
  },
  { title: 'issue --out', argv: ['issue', 'a.internal', '--out', 'tls'] },
  { title: 'issue --out --force', argv: ['issue', 'a.internal', '--out', 'old', '--force'] },
  { title: 'issue --key-out', argv: ['issue', 'a.internal', '--key-out', 'a.key', '--cert-out', 'a.crt'] },
  {
    title: 'ca init with a passphrase and an offline root',
    bare: true,
    argv: ['ca', 'init', '--passphrase-file', 'passphrase', '--offline-root', 'root-key.pem'],
  },
];

async function succeed(argv: readonly string[], cwd: string): Promise<void> {
  const { code, stderr } = await spawnProgram(argv, { cwd });
  expect({ argv, code, failure: code === 0 ? '' : stderr }).toEqual({ argv, code: 0, failure: '' });
}

/** A failure is one line that names a file below `cwd` and what the system said, and perhaps a way out. */
function expectOneLine(ran: Ran, cwd: string, words: RegExp, context: string): void {
  // What was said before it failed is no part of the failure.
  const said = ran.stderr.split('\n').filter((line) => line !== '');
  const lines = said.slice(said.findIndex((line) => line.startsWith('certwright:')));
  const [failure = '', hint = '  ', ...rest] = lines;
  const inside = failure.includes(`${cwd}/`) || failure.includes(`${cwd}:`);
  expect({ context, code: ran.code, failure, inside, rest }).toEqual({
    context,
    code: 1,
    failure: expect.stringMatching(words) as string,
    inside: true,
    rest: [],
  });
  expect(hint).toMatch(/^ {2}/);
  expect(failure).toMatch(/^certwright: cannot /);
  expect(failure).not.toMatch(/\.tmp\b/);
}

/** The same command, once what was wrong is mended: it works, or what it is to make is there, whole. */
async function expectRecovery(
  argv: readonly string[],
  cwd: string,
  context: string,
  keyless: string[],
): Promise<void> {
  const again = await spawnProgram(argv, { cwd });
  const madeAlready = again.code === 2 && /already|not empty/.test(again.stderr);
  expect({ context, ...again, code: madeAlready ? 0 : again.code }).toMatchObject({ context, code: 0 });
  expect({ context, problems: problemsIn(cwd, keyless) }).toEqual({ context, problems: [] });
  if (argv[0] === 'issue' && leftovers(cwd).length > 0) {
    // What the same command does not touch, the next run in the same folder does.
    const due = argv.filter((word) => word !== '--force');
    await succeed([...due, argv.includes('--lock-timeout') ? '--if-due' : '--force'], cwd);
    await succeed(['issue', 'last.internal'], cwd);
  }
  expect({ context, left: leftovers(cwd) }).toEqual({ context, left: [] });
}

describe(`a disk that fails (seed ${seed})`, () => {
  const suite = temporaryFolderForSuite();
  const template = (): string => join(suite(), 'template');

  beforeAll(async () => {
    mkdirSync(template());
    writeFileSync(join(template(), 'request.csr'), request);
    await succeed(['ca', 'init', '--name', 'Campaign'], template());
    await succeed(['issue', 'there.internal'], template());
    await succeed(['issue', 'old.internal', '--out', 'old'], template());
  });

  /** Fills a working folder. */
  function prepare(cwd: string, bare = false): string {
    if (!bare) cpSync(template(), cwd, { recursive: true, verbatimSymlinks: true });
    writeFileSync(join(cwd, 'passphrase'), 'correct horse\n', { mode: 0o600 });
    return cwd;
  }

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
    const errorFor = ({ name, ordinal, reads }: DiskCall): string => {
      const possible = reads ? ['EACCES', 'EIO'] : (errors[name] ?? ['ENOSPC', 'EACCES', 'EROFS']);
      return possible[ordinal % possible.length] as string;
    };
    /** What cannot be looked through or taken away after the work is done is swept later; a folder that is there need not be made. */
    const forgiven = (call: DiskCall, hit: string | undefined): boolean =>
      ['unlink', 'unlinkat', 'rmdir'].includes(call.name) ||
      call.text.includes('EEXIST') ||
      (call.reads && /O_DIRECTORY|\.lock"/.test(hit ?? ''));

    it.each(scenarios)('$title', async ({ argv, bare, keyless = [] }) => {
      const fresh = (): string => prepare(mkdtempSync(join(suite(), 'run-')), bare);
      const watched = fresh();
      const { ran, calls: all } = await diskCalls(argv, watched);
      expect(ran).toMatchObject({ code: 0 });
      const calls = all.filter(({ text }) => !/\/(request\.csr|passphrase)"/.test(text));
      await eachOf(spread(calls, 10), 2, async (call) => {
        const error = errorFor(call);
        const { cwd, ran, hit } = await disturb(call, `error=${error}`, argv, fresh);
        const context = `${call.name} ${call.ordinal} ${error}: ${hit ?? `missed ${call.text}`}`;
        expect({ context, hit: hit !== undefined }).toEqual({ context, hit: true });
        if (!(ran.code === 0 && forgiven(call, hit)))
          expectOneLine(ran, cwd, words[error] as RegExp, context);
        expect({ context, problems: problemsIn(cwd, keyless) }).toEqual({ context, problems: [] });
        await expectRecovery(argv, cwd, context, keyless);
        rmSync(cwd, { recursive: true });
      });
      if (full) console.log(`${argv.join(' ')}: ${calls.length} calls made to fail, one by one`);
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

  const mounting = canMount() ? describe : describe.skip;

  mounting('that is full, or read-only (needs root and the right to mount)', () => {
    const disk = (): string => join(suite(), 'disk');
    const mount = (options: string): void => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk()]);
    };
    beforeEach(() => {
      mkdirSync(disk(), { recursive: true });
    });
    afterEach(() => {
      spawnSync('umount', [disk()]);
    });

    /** Takes all space but `pages` of 4 KiB. */
    function fill(pages: number): void {
      const { bavail, bsize } = statfsSync(disk());
      const size = (bavail - pages) * bsize;
      execFileSync('fallocate', ['-l', String(size), join(disk(), 'filler')]);
    }

    const filled = scenarios.filter(({ argv }) => !argv.includes('--csr'));

    it.each(filled)('$title with no space for one page, two pages, …', async ({ argv, bare }) => {
      for (let pages = 0, done = false; !done && pages < 100; pages += full ? 1 : 4) {
        mount('size=4m');
        const cwd = prepare(disk(), bare);
        fill(pages);
        const ran = await spawnProgram(argv, { cwd });
        const context = `${pages} pages free`;
        done = ran.code === 0;
        if (!done) expectOneLine(ran, cwd, /: no space is left on the device/, context);
        expect({ context, problems: problemsIn(cwd) }).toEqual({ context, problems: [] });
        rmSync(join(cwd, 'filler'));
        if (!done) await expectRecovery(argv, cwd, context, []);
        execFileSync('umount', [disk()]);
      }
    });

    it.each(filled)('$title with no inode for one name, two names, …', async ({ argv, bare }) => {
      mount('size=4m');
      prepare(disk(), bare);
      const { files, ffree } = statfsSync(disk());
      execFileSync('umount', [disk()]);
      for (let more = 0, done = false; !done && more < 100; more += full ? 1 : 4) {
        mount(`size=4m,nr_inodes=${files - ffree + more}`);
        const cwd = prepare(disk(), bare);
        const ran = await spawnProgram(argv, { cwd });
        const context = `${more} inodes free`;
        done = ran.code === 0;
        if (!done) expectOneLine(ran, cwd, /: no space is left on the device/, context);
        expect({ context, problems: problemsIn(cwd) }).toEqual({ context, problems: [] });
        execFileSync('mount', ['-o', 'remount,nr_inodes=0', disk()]);
        if (!done) await expectRecovery(argv, cwd, context, []);
        execFileSync('umount', [disk()]);
      }
    });

    it.each(scenarios)('$title on a read-only file system', async ({ argv, bare, keyless = [] }) => {
      mount('size=4m');
      const cwd = prepare(disk(), bare);
      execFileSync('mount', ['-o', 'remount,ro', disk()]);
      expectOneLine(await spawnProgram(argv, { cwd }), cwd, /: the file system is read-only/, 'read-only');
      execFileSync('mount', ['-o', 'remount,rw', disk()]);
      expect(leftovers(cwd)).toEqual([]);
      expect(problemsIn(cwd)).toEqual([]);
      await expectRecovery(argv, cwd, 'read-write again', keyless);
    });
  });

  /** Who the program runs as where root would be refused nothing. */
  const nobody = 65_534;
  const isRoot = process.getuid?.() === 0;
  const asSomebody = isRoot
    ? ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
    : ['env'];
  const [somebody = '', ...somebodyFlags] = asSomebody;
  const canBeSomebody = spawnSync(somebody, [...somebodyFlags, process.execPath, '-e', '0']).status === 0;

  describeWhere(canBeSomebody, 'setpriv and a node that every user may run', 'that refuses its user', () => {
    const copied = (): string => join(suite(), 'program');

    beforeAll(() => {
      chmodSync(suite(), 0o755);
      // Wherever the clone is, its copy may be read by all.
      const top = dirname(dirname(program));
      for (const part of ['bin', 'dist', 'package.json']) {
        cpSync(join(top, part), join(copied(), part), { recursive: true });
      }
    });

    const runAsSomebody = (argv: readonly string[], cwd: string): Promise<Ran> =>
      execute(somebody, [...somebodyFlags, process.execPath, join(copied(), 'bin/certwright.js'), ...argv], {
        cwd,
      });

    function giveAway(folder: string): void {
      if (!isRoot) return;
      for (const path of [
        folder,
        ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((one) => join(folder, one)),
      ]) {
        lchownSync(path, nobody, nobody);
      }
    }

    it.each([
      { locked: '.', argv: ['issue', 'a.internal', '--out', 'tls'] },
      { locked: '.', argv: ['ca', 'init', '--ca', 'another'] },
      { locked: '.', argv: ['issue', 'a.internal', '--create-ca', '--ca', 'another', '--out', 'tls'] },
      { locked: 'ca', mode: 0o000, argv: ['issue', 'a.internal'] },
      { locked: 'ca', mode: 0o000, argv: ['issue', 'a.internal', '--create-ca'] },
      { locked: 'ca/issuers/*/issued', argv: ['issue', 'a.internal'] },
      { locked: 'ca/issuers/*/issued', argv: ['issue', 'a.internal', '--out', 'tls'] },
      { locked: 'certs', argv: ['issue', 'a.internal'] },
      { locked: 'certs', mode: 0o000, argv: ['issue', 'a.internal'] },
      { locked: 'certs/there.internal', argv: ['issue', 'there.internal', '--force'] },
      { locked: 'certs/there.internal/versions', argv: ['issue', 'there.internal', '--force'] },
      { locked: 'certs/_trust/default', mode: 0o000, argv: ['issue', 'a.internal'] },
      { locked: 'old', argv: ['issue', 'a.internal', '--out', 'old', '--force'] },
    ])('at $locked: $argv', async ({ locked, mode = 0o500, argv }) => {
      const cwd = prepare(mkdtempSync(join(suite(), 'run-')));
      giveAway(cwd);
      const [before = '', after = ''] = locked.split('*');
      const folders = locked.includes('*')
        ? readdirSync(join(cwd, before)).map((id) => join(cwd, before, id, after))
        : [join(cwd, locked)];
      const modes = folders.map((folder) => statSync(folder).mode & 0o777);
      folders.forEach((folder) => chmodSync(folder, mode));
      const ran = await runAsSomebody(argv, cwd);
      folders.forEach((folder, index) => chmodSync(folder, modes[index] as number));
      expectOneLine(ran, cwd, /: permission denied/, locked);
      expect(problemsIn(cwd)).toEqual([]);
      expect(await runAsSomebody(argv, cwd)).toMatchObject({ code: 0 });
      expect(problemsIn(cwd)).toEqual([]);
      expect(leftovers(cwd)).toEqual([]);
    });
  });
});
