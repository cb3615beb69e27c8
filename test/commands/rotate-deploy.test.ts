import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, spawnProgram, succeed, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';
import { startService, type Service } from '../support/service.ts';

const minute = 60_000;
const day = 86_400_000;

interface Row {
  name: string;
  state: string;
  reason: string | null;
  exitCode: number;
  generation?: number;
  from?: number;
  certificate?: { renewAt: string };
  error?: { code: string; message: string };
  deploy: {
    state: string;
    generation: number;
    note?: string | null;
    attempts?: number;
    candidate?: number;
    until?: string;
    error?: { code: string; message: string; details?: string[] };
  } | null;
  deploys?: string[];
  by?: string;
}

interface Report {
  code: Ran['code'];
  certificates: Row[];
  summary: Record<string, number>;
}

type Deploys = Readonly<Record<string, object>>;

/** A folder with a CA and these certificates, each with what is to follow a switch. */
async function folderWith(deploys: Deploys): Promise<string> {
  const cwd = temporaryFolder();
  await succeed(['ca', 'init', '--name', 'Test'], { cwd });
  for (const name of Object.keys(deploys)) await succeed(['issue', name], { cwd });
  declare(cwd, deploys);
  return cwd;
}

function declare(cwd: string, deploys: Deploys): void {
  const certificates = Object.entries(deploys).map(([name, deploy]) => [name, { deploy }] as const);
  writeFileSync(
    join(cwd, 'certwright.yaml'),
    JSON.stringify({ certificates: Object.fromEntries(certificates) }),
  );
}

async function rotate(
  cwd: string,
  args: readonly string[] = [],
  lent: Omit<Lent, 'cwd'> = {},
): Promise<Report> {
  const { code, stdout } = await run(['rotate', ...args, '--json'], { cwd, ...lent });
  expect(schemaErrors(stdout)).toEqual([]);
  return { code, ...(JSON.parse(stdout) as Omit<Report, 'code'>) };
}

const states = ({ certificates }: Report): Record<string, string> =>
  Object.fromEntries(certificates.map(({ name, state }) => [name, state]));
const generation = (cwd: string, name: string): number =>
  Number(readlinkSync(join(cwd, 'certs', name, 'current')).slice(-6));
const after = (milliseconds: number): { now: () => Date } => ({
  now: () => new Date(Date.now() + milliseconds),
});

/** A hook that notes each of its runs; `more` is what else it does. */
function hook(cwd: string, name: string, more = ''): string {
  const file = join(cwd, name);
  writeFileSync(file, `#!/bin/sh\necho "$CERTWRIGHT_NAMES" | tr '\\n' ' ' >> ${file}.runs\n${more}\n`, {
    mode: 0o755,
  });
  return file;
}
const runsOf = (file: string): number =>
  existsSync(`${file}.runs`) ? readFileSync(`${file}.runs`, 'utf8').split(' ').filter(Boolean).length : 0;

/** Where nobody reaps the dead, they stay as zombies. */
function isRunning(pid: number): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a hook', () => {
  it('runs once after a rotation, and not again', async () => {
    const cwd = await folderWith({});
    await succeed(['issue', 'orders.internal'], { cwd });
    const file = hook(cwd, 'hook');
    declare(cwd, { 'orders.internal': { run: [file] } });
    const rotated = await rotate(cwd, ['--force']);
    expect(rotated).toMatchObject({
      code: 0,
      certificates: [{ state: 'rotated', deploy: { state: 'done', generation: 2 } }],
    });
    expect(runsOf(file)).toBe(1);
    expect(await rotate(cwd)).toMatchObject({ code: 0, certificates: [{ state: 'not-due', deploy: null }] });
    expect(runsOf(file)).toBe(1);
  });

  it('runs for what was only issued at the next rotation, though nothing is due', async () => {
    const cwd = await folderWith({ 'orders.internal': { run: ['true'] } });
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'deployed' });
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'not-due' });
  });

  it('learns by its environment and its standard input what it is about', async () => {
    const cwd = await folderWith({});
    await succeed(['issue', 'orders.internal'], { cwd });
    const file = hook(
      cwd,
      'hook',
      `env | grep ^CERTWRIGHT > ${join(cwd, 'env')}; cat > ${join(cwd, 'stdin')}`,
    );
    declare(cwd, { 'orders.internal': { run: [file, 'a b', '', 'a b'] } });
    const env = {
      PATH: process.env['PATH'] ?? '',
      CERTWRIGHT_CA_PASSPHRASE: 'x',
      CERTWRIGHT_INSTANCE: 'web-1',
    };
    const report = await rotate(cwd, ['--force'], { env });
    const variables = Object.fromEntries(
      readFileSync(join(cwd, 'env'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => line.split('=', 2)),
    ) as Record<string, string>;
    const folder = join(cwd, 'certs/orders.internal');
    expect(variables).toMatchObject({
      CERTWRIGHT_EVENT: 'deploy',
      CERTWRIGHT_NAME: 'orders.internal',
      CERTWRIGHT_NAMES: 'orders.internal',
      CERTWRIGHT_INSTANCE: 'web-1',
      CERTWRIGHT_GENERATION: '2',
      CERTWRIGHT_CURRENT: join(folder, 'current'),
      CERTWRIGHT_KEY: join(folder, 'versions/000002/key.pem'),
      CERTWRIGHT_FULLCHAIN: join(folder, 'versions/000002/fullchain.pem'),
      CERTWRIGHT_PREVIOUS_GENERATION: '1',
    });
    expect(variables).not.toHaveProperty('CERTWRIGHT_CA_PASSPHRASE');
    const [row] = report.certificates as unknown as [
      { certificate: { sha256: string }; replaced: { sha256: string } },
    ];
    expect(variables['CERTWRIGHT_SHA256']).toBe(row.certificate.sha256);
    expect(variables['CERTWRIGHT_PREVIOUS_SHA256']).toBe(row.replaced.sha256);
    expect(JSON.parse(readFileSync(join(cwd, 'stdin'), 'utf8'))).toMatchObject({
      schema: 'certwright.deploy/1',
      event: 'deploy',
      certificates: [
        {
          name: 'orders.internal',
          generation: 2,
          sha256: row.certificate.sha256,
          previous: { generation: 1 },
        },
      ],
    });
    const record = readFileSync(join(folder, 'deploy/web-1.json'), 'utf8');
    expect(JSON.parse(record)).toMatchObject({
      schema: 1,
      instance: 'web-1',
      generation: 2,
      failed: null,
      candidate: null,
    });
  });

  it('is shared by all that ask for the same, and not by others', async () => {
    const cwd = await folderWith({});
    const [one, other] = [hook(cwd, 'one'), hook(cwd, 'other')];
    const names = ['a.internal', 'b.internal', 'c.internal'];
    for (const name of names) await succeed(['issue', name], { cwd });
    declare(cwd, {
      'a.internal': { run: [one] },
      'b.internal': { run: [one] },
      'c.internal': { run: [other] },
    });
    expect((await rotate(cwd, ['--force'])).summary).toMatchObject({ rotated: 3 });
    expect(readFileSync(`${one}.runs`, 'utf8').split(' ').filter(Boolean).sort()).toEqual([
      'a.internal',
      'b.internal',
    ]);
    expect(readFileSync(`${other}.runs`, 'utf8').trim()).toBe('c.internal');
  });

  it('that fails makes the run fail, and runs again without anything being issued, until it succeeds', async () => {
    const cwd = await folderWith({});
    await succeed(['issue', 'orders.internal'], { cwd });
    const flag = join(cwd, 'works');
    const file = hook(cwd, 'hook', `printf 'no\\033[2J config\\n' >&2; test -e ${flag}`);
    declare(cwd, { 'orders.internal': { run: [file] } });
    const first = await rotate(cwd, ['--force']);
    expect(first).toMatchObject({
      code: 1,
      certificates: [
        {
          state: 'deploy-pending',
          reason: 'forced',
          generation: 2,
          deploy: { attempts: 1, error: { code: 'hook-failed', details: ['no\u001b[2J config'] } },
        },
      ],
    });
    const { code, stderr, stdout } = await run(['rotate'], { cwd });
    expect(code).toBe(1);
    expect(stderr).toContain(`certwright: orders.internal: ${file} ended with 1\n  | no\\u001b[2J config\n`);
    expect(stdout).toMatch(/orders\.internal {2}deploy pending .*failed 2 times/);
    expect(generation(cwd, 'orders.internal')).toBe(2);
    writeFileSync(flag, '');
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'deployed' });
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'not-due' });
    expect(runsOf(file)).toBe(3);
  });

  it('that fails lets the others be, and the exit code is 4', async () => {
    const cwd = await folderWith({ 'a.internal': { run: ['false'] }, 'b.internal': { run: ['true'] } });
    const report = await rotate(cwd, ['--force']);
    expect({ code: report.code, ...states(report) }).toEqual({
      code: 4,
      'a.internal': 'deploy-pending',
      'b.internal': 'rotated',
    });
  });

  it('in whose time the certificate is removed does not bring its folder back, and what has its name later is deployed', async () => {
    const cwd = await folderWith({ 'orders.internal': {} });
    const removing = hook(cwd, 'removing', `rm -rf ${cwd}/certs/orders.internal`);
    declare(cwd, { 'orders.internal': { run: [removing] } });
    const report = await rotate(cwd, ['--force']);
    expect(report).toMatchObject({
      code: 1,
      certificates: [
        { state: 'deploy-pending', exitCode: 1, deploy: { state: 'pending', error: { code: 'not-found' } } },
      ],
    });
    expect(existsSync(join(cwd, 'certs/orders.internal'))).toBe(false);
    // What another version has left there is about another certificate, and so is what is told of it while another takes its name.
    const left = join(cwd, 'certs/orders.internal/deploy');
    mkdirSync(left, { recursive: true });
    writeFileSync(join(left, 'here.json'), JSON.stringify({ schema: 1, instance: 'here', generation: 1 }));
    const here = ['--instance', 'here'];
    const replacing = hook(
      cwd,
      'replacing',
      `test -e ${cwd}/certs/orders.internal.old || { mv ${cwd}/certs/orders.internal ${cwd}/certs/orders.internal.old; cp -a ${cwd}/other ${cwd}/certs/orders.internal; }`,
    );
    declare(cwd, { 'orders.internal': { run: [replacing] } });
    await succeed(['issue', 'orders.internal', '--store', 'others'], { cwd });
    renameSync(join(cwd, 'others/orders.internal'), join(cwd, 'other'));
    await succeed(['issue', 'orders.internal', ...here], { cwd });
    expect(existsSync(left)).toBe(false);
    expect(await rotate(cwd, ['orders.internal', ...here])).toMatchObject({
      code: 1,
      certificates: [{ deploy: { error: { code: 'not-found' } } }],
    });
    expect(states(await rotate(cwd, ['orders.internal', ...here]))).toEqual({
      'orders.internal': 'deployed',
    });
    expect(runsOf(replacing)).toBe(2);
  });

  it('that takes the whole store away is no success', async () => {
    const cwd = await folderWith({ 'orders.internal': {} });
    const file = hook(cwd, 'hook', `rm -rf ${cwd}/certs`);
    declare(cwd, { 'orders.internal': { run: [file] } });
    expect((await rotate(cwd, ['--force'])).code).toBe(1);
    expect(existsSync(join(cwd, 'certs/orders.internal'))).toBe(false);
  });

  it('that hangs is killed with all it has started', async () => {
    const cwd = await folderWith({});
    await succeed(['issue', 'orders.internal'], { cwd });
    const pid = join(cwd, 'pid');
    const file = hook(
      cwd,
      'hook',
      `trap '' TERM; sh -c 'trap "" TERM; echo $$ > ${pid}; sleep 600' & wait; sleep 600`,
    );
    declare(cwd, { 'orders.internal': { run: [file], timeout: '1s' } });
    const started = (): number => Number(existsSync(pid) && readFileSync(pid, 'utf8'));
    // A slow machine has started nothing within that second.
    for (let args = ['--force']; started() === 0; args = []) {
      const [row] = (await rotate(cwd, args)).certificates;
      expect(row).toMatchObject({
        exitCode: 1,
        state: 'deploy-pending',
        deploy: { error: { code: 'hook-failed' } },
      });
      expect(row?.deploy?.error?.message).toMatch(/was not done within 1 second and was killed/);
    }
    await expect.poll(() => isRunning(started())).toBe(false);
    hook(cwd, 'hook');
    expect(await rotate(cwd)).toMatchObject({ certificates: [{ state: 'deployed', generation: 2 }] });
  });

  it('that is gone, or ends by a signal, says so', async () => {
    const cwd = await folderWith({});
    await succeed(['issue', 'orders.internal'], { cwd });
    const file = hook(cwd, 'hook', 'kill -9 $$');
    declare(cwd, { 'orders.internal': { run: [file] } });
    expect((await rotate(cwd)).certificates[0]?.deploy?.error?.message).toContain('was ended by SIGKILL');
    rmSync(file);
    expect((await rotate(cwd)).certificates[0]?.deploy?.error?.message).toContain(`${file} is not there`);
    hook(cwd, 'hook');
    expect(await rotate(cwd)).toMatchObject({ certificates: [{ state: 'deployed', generation: 1 }] });
  });

  it('whose daemon keeps its output open is not waited for', async () => {
    const cwd = await folderWith({
      'orders.internal': { run: ['sh', '-c', 'sleep 600 & echo $! > pid'], timeout: '10m' },
    });
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'deployed' });
    process.kill(Number(readFileSync(join(cwd, 'certs/pid'), 'utf8')));
  });

  it('that others may write is refused, and so is what is configured where others may write', async () => {
    const cwd = await folderWith({ 'orders.internal': { run: ['true'] } });
    chmodSync(join(cwd, 'certwright.yaml'), 0o666);
    const refused = await run(['rotate', '--force', '--json'], { cwd });
    expect({ code: refused.code, ...(JSON.parse(refused.stdout) as object) }).toMatchObject({
      code: 2,
      error: { code: 'lax-permissions' },
    });
    expect(generation(cwd, 'orders.internal')).toBe(1);
    const file = hook(cwd, 'hook');
    declare(cwd, { 'orders.internal': { run: [file] } });
    chmodSync(join(cwd, 'certwright.yaml'), 0o600);
    chmodSync(file, 0o775);
    expect(await rotate(cwd, ['--force'])).toMatchObject({
      code: 2,
      certificates: [{ error: { code: 'lax-permissions' } }],
    });
    chmodSync(file, 0o755);
    expect((await rotate(cwd, ['--force'])).code).toBe(0);
    chmodSync(join(cwd, 'certs'), 0o777);
    rmSync(join(cwd, 'certwright.yaml'));
    expect(await rotate(cwd, ['--force'])).toMatchObject({
      code: 2,
      certificates: [{ error: { code: 'lax-permissions' } }],
    });
    chmodSync(join(cwd, 'certs'), 0o1777);
    expect((await rotate(cwd, ['--force'])).code).toBe(0);
  });

  it('is kept in request.json, so that a run without the file knows it', async () => {
    const cwd = await folderWith({ 'orders.internal': { run: ['true'] } });
    await rotate(cwd);
    rmSync(join(cwd, 'certwright.yaml'));
    expect(await rotate(cwd, ['--force'])).toMatchObject({
      certificates: [{ state: 'rotated', deploy: { state: 'done' } }],
    });
  });

  it('is told, and nothing is done, with --dry-run', async () => {
    const cwd = await folderWith({ 'orders.internal': { run: ['false', 'a b'], confirm: '127.0.0.1:1' } });
    const deploys = ['run false "a b"', 'confirm 127.0.0.1:1'];
    const looked = await rotate(cwd, ['--dry-run']);
    expect(looked).toMatchObject({
      code: 0,
      certificates: [{ state: 'to-deploy', generation: 1, deploys }],
    });
    // When it is due is seen here as well.
    expect(looked.certificates[0]?.certificate?.renewAt).toMatch(/^20/);
    expect((await run(['rotate', '--dry-run'], { cwd })).stdout).toMatch(
      /would deploy +due 20\d\d-.* run false/,
    );
    expect(await rotate(cwd, ['--dry-run', '--force'])).toMatchObject({
      certificates: [{ state: 'to-rotate', deploys }],
    });
    expect(existsSync(join(cwd, 'certs/orders.internal/deploy'))).toBe(false);
  });

  it('of another host is its own: each remembers what its service took, and nothing of it is pruned', async () => {
    const cwd = await folderWith({ 'orders.internal': { run: ['true'] } });
    expect(states(await rotate(cwd, ['--instance', 'a']))).toEqual({ 'orders.internal': 'deployed' });
    expect(states(await rotate(cwd, ['--instance', 'b']))).toEqual({ 'orders.internal': 'deployed' });
    for (let count = 0; count < 4; count += 1) {
      await rotate(cwd, ['--instance', 'b', '--force', '--keep', '1'], after((count + 1) * day));
    }
    expect(existsSync(join(cwd, 'certs/orders.internal/versions/000001'))).toBe(true);
    expect(states(await rotate(cwd, ['--instance', 'a'], after(4 * day)))).toEqual({
      'orders.internal': 'deployed',
    });
  });
});

describe('a run that is killed while a hook runs', () => {
  it('is followed by one that runs it again, and issues nothing', async () => {
    const cwd = await folderWith({});
    await succeed(['issue', 'orders.internal'], { cwd });
    const flag = join(cwd, 'was-killed');
    const file = hook(cwd, 'hook', `test -e ${flag} || { touch ${flag}; kill -9 $PPID; }`);
    declare(cwd, { 'orders.internal': { run: [file] } });
    const { NODE_EXTRA_CA_CERTS: _extra, ...env } = process.env;
    const killed = await spawnProgram(['rotate', '--force'], { cwd, env });
    expect(killed.code).toBe('SIGKILL');
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'deployed' });
    expect(generation(cwd, 'orders.internal')).toBe(2);
    expect(runsOf(file)).toBe(2);
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'not-due' });
  });
});

describe('a unit of systemd', () => {
  /** Stands for systemctl, and notes what it is asked to do. */
  function systemctl(cwd: string, state: string): Record<string, string> {
    const file = join(cwd, 'systemctl');
    const log = `echo "$@" >> ${join(cwd, 'asked')}`;
    const text = `#!/bin/sh\n${log}\ncase "$2" in show) printf '${state}';; esac\n`;
    writeFileSync(file, text, { mode: 0o755 });
    return { PATH: `${cwd}:${process.env['PATH'] ?? ''}` };
  }
  const asked = (cwd: string): string[] => readFileSync(join(cwd, 'asked'), 'utf8').trim().split('\n');
  const deploy = { systemd: 'nginx.service', confirm: '127.0.0.1:1' };

  it('that runs is reloaded', async () => {
    const cwd = await folderWith({ 'orders.internal': { systemd: 'nginx.service' } });
    const env = systemctl(cwd, 'LoadState=loaded\\nActiveState=active\\n');
    expect(states(await rotate(cwd, [], { env }))).toEqual({ 'orders.internal': 'deployed' });
    expect(asked(cwd).at(-1)).toBe('--no-ask-password reload-or-try-restart -- nginx.service');
  });

  it('that does not run is not started, and not looked for', async () => {
    const cwd = await folderWith({ 'orders.internal': deploy });
    const env = systemctl(cwd, 'LoadState=loaded\\nActiveState=inactive\\n');
    const report = await rotate(cwd, [], { env });
    expect(report).toMatchObject({
      certificates: [{ state: 'deployed', deploy: { note: 'nginx.service does not run' } }],
    });
    expect(asked(cwd)).toHaveLength(1);
  });

  it('is not reloaded by a systemctl that others may write', async () => {
    const cwd = await folderWith({ 'orders.internal': deploy });
    const env = systemctl(cwd, 'LoadState=loaded\\nActiveState=active\\n');
    chmodSync(join(cwd, 'systemctl'), 0o777);
    expect(await rotate(cwd, ['--force'], { env })).toMatchObject({
      code: 2,
      certificates: [{ error: { code: 'lax-permissions' } }],
    });
    expect(generation(cwd, 'orders.internal')).toBe(1);
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      'trust: { peers: { authorities: [./ca], deploy: { systemd: nginx.service } } }\n',
    );
    const { stdout } = await run(['trust', '--json'], { cwd, env });
    expect(JSON.parse(stdout)).toMatchObject({
      bundles: [{ name: 'peers', deploy: { error: { code: 'lax-permissions' } } }],
    });
    expect(existsSync(join(cwd, 'asked'))).toBe(false);
  });

  it('that nobody knows is a failure', async () => {
    const cwd = await folderWith({ 'orders.internal': deploy });
    const env = systemctl(cwd, 'LoadState=not-found\\nActiveState=inactive\\n');
    const report = await rotate(cwd, [], { env });
    expect(report).toMatchObject({ code: 1, certificates: [{ deploy: { error: { code: 'hook-failed' } } }] });
  });
});

describe('a signal', () => {
  it('reaches the process of the pidfile', async () => {
    const cwd = await folderWith({ 'orders.internal': { confirm: '127.0.0.1:1' } });
    const service = await startService(cwd, 'orders.internal');
    declare(cwd, { 'orders.internal': { signal: 'USR2', pidfile: 'orders.internal.pid' } });
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'deployed' });
    await expect.poll(() => service.reloads).toBe(1);
  });

  it.each([
    ['no file', undefined, 'there is no '],
    ['no number', 'nginx', 'holds no process number'],
    ['all processes', '-1', 'holds no process number'],
    ['more than a number of a process', '2147483648', 'holds no process number'],
    ['nobody', '4194305', 'there is no process 4194305'],
  ])('fails with %s', async (_what, text, message) => {
    const cwd = await folderWith({ 'orders.internal': { signal: 'HUP', pidfile: 'pid' } });
    if (text !== undefined) writeFileSync(join(cwd, 'pid'), text);
    const [row] = (await rotate(cwd)).certificates;
    expect(row?.deploy?.error).toMatchObject({ code: 'hook-failed' });
    expect(row?.deploy?.error?.message).toContain(message);
  });
});

describe.skipIf(process.getuid?.() !== 0)('a pidfile of another user', () => {
  it('leads to no process but theirs, nor does their link to one of root', async () => {
    const cwd = await folderWith({ 'orders.internal': { confirm: '127.0.0.1:1' } });
    const service = await startService(cwd, 'orders.internal');
    const [theirs, link] = [join(cwd, 'theirs'), join(cwd, 'link')];
    writeFileSync(theirs, `${process.pid}\n`);
    symlinkSync(service.pidfile, link);
    for (const pidfile of [theirs, link]) {
      lchownSync(pidfile, 12345, 12345);
      declare(cwd, { 'orders.internal': { signal: 'USR2', pidfile } });
      const [row] = (await rotate(cwd)).certificates;
      expect(row?.deploy?.error).toMatchObject({ code: 'hook-failed' });
      expect(row?.deploy?.error?.message).toContain('is none of user 12345');
    }
    expect(service.reloads).toBe(0);
    lchownSync(link, 0, 0);
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'deployed' });
  });
});

describe('a confirmation', () => {
  const name = 'orders.internal';

  interface WithService {
    cwd: string;
    service: Service;
    /** Which waits a moment only for what is not to come. */
    deploy: { confirm: object };
    /** Whether it hears from now on: then it may take its time to show what it was told. */
    hears: (isTrue: boolean) => void;
  }

  /** A service that is told by a signal, and asked whether it heard. */
  async function folderWithService(more: object = {}): Promise<WithService> {
    const cwd = await folderWith({});
    await succeed(['issue', name, '--lifetime', '30d'], { cwd });
    const service = await startService(cwd, name);
    const within = (timeout: string): WithService['deploy'] => ({
      ...{ signal: 'USR2', pidfile: service.pidfile, ...more },
      confirm: { servers: [`127.0.0.1:${service.port}`], timeout },
    });
    const hears = (isTrue: boolean): void => {
      service.isDeaf = !isTrue;
      declare(cwd, { [name]: within(isTrue ? '20s' : '1s') });
    };
    hears(true);
    return { cwd, service, deploy: within('1s'), hears };
  }

  it('waits until the server shows the new certificate, and says where it was seen', async () => {
    const { cwd, service } = await folderWithService();
    const seenAt = [expect.stringMatching(new RegExp(`:${service.port}$`)) as string];
    expect(await rotate(cwd, ['--force'])).toMatchObject({
      code: 0,
      certificates: [{ state: 'rotated', deploy: { state: 'done', generation: 2, seenAt } }],
    });
    expect(service.reloads).toBe(1);
    expect(generation(cwd, name)).toBe(2);
  });

  it('that fails switches back, and the new one is deployed later, after growing pauses and without another one', async () => {
    const { cwd, hears } = await folderWithService();
    await rotate(cwd);
    hears(false);
    const { now } = after(20.5 * day);
    const failed = await rotate(cwd, [], { now });
    expect(failed).toMatchObject({
      code: 1,
      certificates: [
        {
          state: 'candidate',
          reason: 'due',
          exitCode: 1,
          deploy: {
            state: 'candidate',
            generation: 1,
            candidate: 2,
            attempts: 1,
            error: { code: 'confirm-failed' },
          },
        },
      ],
    });
    expect(failed.certificates[0]?.deploy?.error?.message).toMatch(
      /127\.0\.0\.1:\d+ does not serve .* it shows the certificate with serial/,
    );
    expect(failed.certificates[0]?.generation).toBe(1);
    expect(generation(cwd, name)).toBe(1);
    const soon = await rotate(cwd, [], after(20.5 * day + 30_000));
    expect(soon).toMatchObject({ code: 75, certificates: [{ state: 'candidate', deploy: { attempts: 1 } }] });
    const again = await rotate(cwd, [], after(20.5 * day + 2 * minute));
    expect(again).toMatchObject({
      code: 1,
      certificates: [{ state: 'candidate', deploy: { candidate: 2, attempts: 2 } }],
    });
    for (const how of [[], ['--dry-run']]) {
      expect(await rotate(cwd, how, after(20.5 * day + 3 * minute))).toMatchObject({
        code: 75,
        certificates: [{ state: 'candidate' }],
      });
    }
    hears(true);
    for (const [names, time] of [
      [[], 5],
      [[name], 3],
    ] as const) {
      const look = ['--dry-run', ...names];
      expect(await rotate(cwd, look, after(20.5 * day + time * minute))).toMatchObject({
        code: 0,
        certificates: [{ state: 'to-deploy', generation: 2, from: 1 }],
      });
      const { stdout } = await run(['rotate', ...look], { cwd, ...after(20.5 * day + time * minute) });
      expect(stdout).toContain('would switch to generation 2; send SIGUSR2');
    }
    expect(generation(cwd, name)).toBe(1);
    const late = await rotate(cwd, [], after(20.5 * day + 5 * minute));
    expect(late).toMatchObject({
      code: 0,
      certificates: [{ state: 'deployed', deploy: { state: 'done', generation: 2 } }],
    });
    expect(generation(cwd, name)).toBe(2);
    expect(existsSync(join(cwd, 'certs', name, 'versions/000003'))).toBe(false);
    expect(states(await rotate(cwd, [], after(20.5 * day + 6 * minute)))).toEqual({ [name]: 'not-due' });
  });

  it('that fails, and whose way back cannot be written down, says both', async () => {
    const { cwd, deploy } = await folderWithService();
    await rotate(cwd);
    const records = join(cwd, 'certs', name, 'deploy');
    const { confirm } = deploy;
    declare(cwd, { [name]: { run: [hook(cwd, 'hook', `rm -r ${records}; : > ${records}`)], confirm } });
    const failed = await rotate(cwd, ['--force']);
    expect(failed).toMatchObject({
      code: 1,
      certificates: [{ state: 'deploy-pending', generation: 2, deploy: { error: { code: 'io' } } }],
    });
    expect(failed.certificates[0]?.deploy?.error?.message).toMatch(
      /on the way back after: 127\.0\.0\.1:\d+ does not serve/,
    );
  });

  it('that fails, and whose way back cannot be told either, says both', async () => {
    const { cwd, deploy } = await folderWithService();
    const file = hook(cwd, 'hook', 'test "$CERTWRIGHT_EVENT" != rollback');
    declare(cwd, { [name]: { run: [file], confirm: deploy.confirm } });
    await rotate(cwd);
    const failed = await rotate(cwd, ['--force']);
    expect(failed).toMatchObject({
      code: 1,
      certificates: [
        {
          state: 'deploy-pending',
          generation: 1,
          deploy: {
            generation: 1,
            error: { code: 'hook-failed' },
            switchedBackFor: { code: 'confirm-failed' },
          },
        },
      ],
    });
    rmSync(join(cwd, 'certs', name, 'deploy'), { recursive: true });
    await rotate(cwd);
    expect((await run(['rotate', '--force'], { cwd })).stderr).toMatch(
      /switched back to generation 1 after: 127\.0\.0\.1:\d+ does not serve/,
    );
  });

  it.each(['keyCompromise', 'superseded'])(
    'does not wait where what is in use was revoked (%s), and keeps no key that is in wrong hands',
    async (reason) => {
      const { cwd, service, deploy } = await folderWithService();
      const yaml = { certificates: { [name]: { reuseKey: true, deploy } } };
      writeFileSync(join(cwd, 'certwright.yaml'), JSON.stringify(yaml));
      await rotate(cwd);
      service.isDeaf = true;
      expect(states(await rotate(cwd, ['--force']))).toEqual({ [name]: 'candidate' });
      service.isDeaf = false;
      await succeed(['revoke', name, '--reason', reason, '--yes'], { cwd });
      const made = reason === 'keyCompromise' ? [4, 'rotated'] : [3, 'deployed'];
      const [row] = (await rotate(cwd)).certificates;
      expect([row?.generation, row?.state]).toEqual(made);
    },
  );

  it('of one that is named does not wait; --force makes another one', async () => {
    const { cwd, hears } = await folderWithService();
    await rotate(cwd);
    hears(false);
    await rotate(cwd, ['--force']);
    expect(await rotate(cwd, [name])).toMatchObject({
      certificates: [{ state: 'candidate', deploy: { candidate: 2, attempts: 2 } }],
    });
    hears(true);
    expect(await rotate(cwd, ['--force'])).toMatchObject({
      code: 0,
      certificates: [{ state: 'rotated', generation: 3 }],
    });
    expect(states(await rotate(cwd))).toEqual({ [name]: 'not-due' });
  });

  it('keeps the new one where that is asked for, and tries again', async () => {
    const { cwd, hears } = await folderWithService({ onFailure: 'keep' });
    await rotate(cwd);
    hears(false);
    expect(await rotate(cwd, ['--force'])).toMatchObject({
      code: 1,
      certificates: [{ state: 'deploy-pending', deploy: { error: { code: 'confirm-failed' } } }],
    });
    expect(generation(cwd, name)).toBe(2);
    hears(true);
    expect(states(await rotate(cwd))).toEqual({ [name]: 'deployed' });
  });

  it('never goes back to what has expired, or for a hook that fails', async () => {
    const { cwd, deploy, hears } = await folderWithService();
    await rotate(cwd);
    hears(false);
    expect(states(await rotate(cwd, [], after(31 * day)))).toEqual({ [name]: 'deploy-pending' });
    expect(generation(cwd, name)).toBe(2);
    declare(cwd, { [name]: { ...deploy, run: ['false'] } });
    expect(await rotate(cwd, ['--force'])).toMatchObject({
      certificates: [{ state: 'deploy-pending', deploy: { error: { code: 'hook-failed' } } }],
    });
    expect(generation(cwd, name)).toBe(3);
  });

  it('presents a pair where the server wants one, and needs none to see what it shows', async () => {
    const cwd = await folderWith({});
    await succeed(['issue', name], { cwd });
    await succeed(['issue', 'client.internal', '--usage', 'client'], { cwd });
    const ca = readFileSync(join(cwd, 'certs/_trust/default/current/ca.pem'), 'utf8');
    const service = await startService(cwd, name, { ca, requestCert: true, rejectUnauthorized: true });
    const told = { signal: 'USR2', pidfile: service.pidfile };
    const confirm = { servers: [`127.0.0.1:${service.port}`], timeout: '20s' };
    for (const more of [{ client: 'client.internal' }, { client: './certs/client.internal' }, {}]) {
      declare(cwd, { [name]: { ...told, confirm: { ...confirm, ...more } } });
      expect((await rotate(cwd, [name, '--force'])).code).toBe(0);
    }
    declare(cwd, { [name]: { ...told, confirm: { ...confirm, client: 'nobody.internal' } } });
    // Before anything is issued, also where it is only looked at.
    const before = generation(cwd, name);
    for (const how of [[], ['--dry-run']]) {
      expect(await rotate(cwd, [name, '--force', ...how])).toMatchObject({
        code: 2,
        certificates: [{ state: 'failed', error: { code: 'not-found' } }],
      });
    }
    expect(generation(cwd, name)).toBe(before);
    // Behind a switch something was touched, whatever is wrong.
    declare(cwd, {
      [name]: {
        run: [hook(cwd, 'hook', `rm -r ${cwd}/certs/client.internal`)],
        confirm: { ...confirm, client: 'client.internal' },
      },
    });
    expect(await rotate(cwd, [name, '--force'])).toMatchObject({
      code: 1,
      certificates: [{ state: 'deploy-pending', exitCode: 1, deploy: { error: { code: 'not-found' } } }],
    });
  });

  it('of a rollback is as declared now; a faulty file is a warning, one that is not there is none', async () => {
    const cwd = await folderWith({ [name]: { run: ['sh', '-c', 'echo old >> told'] } });
    await rotate(cwd, ['--force']);
    await rotate(cwd, ['--force']);
    const told = (): string => readFileSync(join(cwd, 'certs/told'), 'utf8');
    const deploy = { run: ['sh', '-c', 'echo new >> told'] };
    const outputs = [{ path: 'copy.pem', content: 'cert' }];
    const file = join(cwd, 'certwright.yaml');
    writeFileSync(file, JSON.stringify({ certificates: { [name]: { deploy, outputs } } }));
    expect(await rotate(cwd, [name, '--rollback', '--config', 'nope.yaml'])).toMatchObject({ code: 2 });
    expect(generation(cwd, name)).toBe(3);
    expect(await rotate(cwd, [name, '--rollback', '--metrics', 'run.prom'])).toMatchObject({
      code: 0,
      certificates: [{ state: 'rolled-back', outputs: [{ state: 'written' }], deploy: { state: 'done' } }],
    });
    expect(readFileSync(join(cwd, 'run.prom'), 'utf8')).toContain('certwright_');
    expect(told()).toBe('old\nold\nnew\n');
    writeFileSync(file, 'certificates: []\n');
    expect(await rotate(cwd, [name, '--rollback'])).toMatchObject({
      code: 0,
      certificates: [
        { state: 'rolled-back', generation: 1, warnings: [expect.stringContaining('has a fault')] },
      ],
    });
    expect(told()).toBe('old\nold\nnew\nold\n');
  });

  it('follows a rollback by hand, which never turns round', async () => {
    const { cwd, hears } = await folderWithService();
    await rotate(cwd);
    await rotate(cwd, ['--force']);
    const back = await rotate(cwd, [name, '--rollback']);
    expect(back).toMatchObject({
      code: 0,
      certificates: [{ state: 'rolled-back', generation: 1, deploy: { state: 'done', generation: 1 } }],
    });
    hears(false);
    const forth = await rotate(cwd, [name, '--rollback', '--generation', '2']);
    expect(forth).toMatchObject({
      code: 1,
      certificates: [{ state: 'deploy-pending', from: 1, generation: 2 }],
    });
    expect(generation(cwd, name)).toBe(2);
    const again = [name, '--rollback', '--generation'];
    await run(['rotate', ...again, '1'], { cwd });
    const { stdout } = await run(['rotate', ...again, '2'], { cwd });
    expect(stdout).toContain('rolled back: generation 2 in place of 1');
  });

  it('does not turn round one that died before it told the service', async () => {
    const { cwd, hears } = await folderWithService();
    await rotate(cwd);
    await rotate(cwd, ['--force']);
    const link = join(cwd, 'certs', name, 'current');
    rmSync(link);
    symlinkSync('versions/000001', link);
    hears(false);
    expect(await rotate(cwd)).toMatchObject({ code: 1, certificates: [{ state: 'deploy-pending' }] });
    expect(generation(cwd, name)).toBe(1);
  });

  it('is given up by a rollback by hand', async () => {
    const { cwd, hears } = await folderWithService();
    await rotate(cwd);
    await rotate(cwd, ['--force']);
    hears(false);
    const elsewhere = { env: { CERTWRIGHT_INSTANCE: 'elsewhere' } };
    expect(await rotate(cwd, ['--force'], elsewhere)).toMatchObject({
      certificates: [{ state: 'candidate' }],
    });
    hears(true);
    expect(await rotate(cwd, [name, '--rollback'])).toMatchObject({ code: 0 });
    const { now } = after(minute * 60);
    expect(states(await rotate(cwd, [], { now }))).toEqual({ [name]: 'not-due' });
    expect(generation(cwd, name)).toBe(1);
  });
});

describe('a group', () => {
  it('is told behind another one of the same run, however long the hooks of that take', async () => {
    const cwd = await folderWith({});
    const names = ['a.internal', 'b.internal'];
    for (const name of names) await succeed(['issue', name], { cwd });
    const deploys = names.map((name) => [name, { run: ['sleep', '1.5'], group: name }] as const);
    declare(cwd, Object.fromEntries(deploys));
    const report = await rotate(cwd, ['--force', '--lock-timeout', '1s']);
    expect({ code: report.code, ...states(report) }).toEqual({
      code: 0,
      'a.internal': 'rotated',
      'b.internal': 'rotated',
    });
  });

  it('does not bring back what is removed before its turn comes', async () => {
    const cwd = await folderWith({});
    const [first, second] = ['a.internal', 'b.internal'];
    for (const name of [first, second]) await succeed(['issue', name], { cwd });
    const file = hook(cwd, 'hook', `rm -r ${join(cwd, 'certs', second)}`);
    const deploy = { run: [file], group: 'cluster' };
    declare(cwd, { [first]: deploy, [second]: deploy });
    expect(await rotate(cwd, ['--force'])).toMatchObject({
      certificates: [{ state: 'rotated' }, { state: 'failed', error: { code: 'not-found' } }],
    });
    expect(existsSync(join(cwd, 'certs', second))).toBe(false);
  });

  it('does not undo what is asked for under a name before its turn comes', async () => {
    const cwd = await folderWith({});
    const [first, second] = ['a.internal', 'b.internal'];
    const at = (name: string): string => join(cwd, 'certs', second, name);
    const meanwhile = `ln -sfn versions/000002 ${at('current')}; cp ${cwd}/later ${at('request.json')}`;
    const deploy = { run: [hook(cwd, 'hook', `test "$CERTWRIGHT_NAMES" != ${first} || { ${meanwhile}; }`)] };
    declare(cwd, { [first]: { ...deploy, group: 'cluster' }, [second]: { ...deploy, group: 'cluster' } });
    await succeed(['issue', '--all'], { cwd });
    rmSync(join(cwd, 'certwright.yaml'));
    const asked = readFileSync(at('request.json'));
    await succeed(['issue', second, '--force', '--lifetime', '12h'], { cwd });
    writeFileSync(join(cwd, 'later'), readFileSync(at('request.json')));
    await succeed(['rotate', second, '--rollback'], { cwd });
    writeFileSync(at('request.json'), asked);
    const { certificates } = await rotate(cwd, ['--force']);
    expect(certificates).toMatchObject([{ state: 'rotated' }, { generation: 2 }]);
    expect(existsSync(at('versions/000003'))).toBe(false);
    expect(readFileSync(at('request.json'), 'utf8')).toContain('"lifetime": "12h"');
  });

  it('goes one by one and stops at the first that fails, which the next run tries first', async () => {
    const cwd = await folderWith({});
    const flag = join(cwd, 'works');
    const names = ['a.internal', 'b.internal', 'c.internal'];
    const files = names.map((name) =>
      hook(cwd, `hook-${name}`, name === 'b.internal' ? `test -e ${flag}` : ''),
    );
    for (const name of names) await succeed(['issue', name], { cwd });
    const deploys = Object.fromEntries(
      names.map((name, at) => [name, { run: [files[at]], group: 'galera' }]),
    );
    declare(cwd, deploys);
    const first = await rotate(cwd, ['--force']);
    expect({ code: first.code, ...states(first) }).toEqual({
      code: 4,
      'a.internal': 'rotated',
      'b.internal': 'deploy-pending',
      'c.internal': 'held',
    });
    expect(first.certificates[2]).toMatchObject({ by: 'b.internal', exitCode: 75 });
    expect(generation(cwd, 'c.internal')).toBe(1);
    const second = await rotate(cwd, ['--force', 'a.internal', 'c.internal']);
    expect(states(second)).toEqual({ 'a.internal': 'rotated', 'c.internal': 'rotated' });
    expect(states(await rotate(cwd))).toEqual({
      'a.internal': 'not-due',
      'b.internal': 'deploy-pending',
      'c.internal': 'not-due',
    });
    expect(states(await rotate(cwd, [], after(25 * day)))).toEqual({
      'a.internal': 'held',
      'b.internal': 'deploy-pending',
      'c.internal': 'held',
    });
    writeFileSync(flag, '');
    expect(states(await rotate(cwd, [], after(25 * day)))).toEqual({
      'a.internal': 'rotated',
      'b.internal': 'deployed',
      'c.internal': 'rotated',
    });
  });
});

describe('a rehearsal', () => {
  it('keeps a pair from being used that the other side refuses', async () => {
    const cwd = await folderWith({});
    await succeed(['issue', 'orders.internal'], { cwd });
    await succeed(['issue', 'billing.internal', '--usage', 'client'], { cwd });
    declare(cwd, { 'orders.internal': { rehearse: 'billing.internal' } });
    expect(states(await rotate(cwd, ['orders.internal', '--force']))).toEqual({
      'orders.internal': 'rotated',
    });
    await succeed(['issue', 'billing.internal', '--ca', './other', '--create-ca', '--store', './elsewhere'], {
      cwd,
    });
    declare(cwd, { 'orders.internal': { rehearse: './elsewhere/billing.internal' } });
    const refused = await rotate(cwd, ['orders.internal', '--force']);
    expect(refused).toMatchObject({
      code: 1,
      certificates: [{ state: 'failed', error: { code: 'rehearsal-failed' } }],
    });
    expect(refused.certificates[0]?.error?.message).toContain('is refused in a rehearsal with');
    expect(generation(cwd, 'orders.internal')).toBe(2);
    declare(cwd, { 'orders.internal': { rehearse: 'nobody.internal' } });
    const onRecord = async (): Promise<string> =>
      (await succeed(['list', '--ca', './ca', '--json-lines'], { cwd })).stdout;
    const before = await onRecord();
    for (const how of [['--dry-run'], []]) {
      expect(await rotate(cwd, ['orders.internal', '--force', ...how])).toMatchObject({
        code: 1,
        certificates: [{ error: { code: 'rehearsal-failed' } }],
      });
    }
    expect((await run(['issue', 'orders.internal', '--force'], { cwd })).code).toBe(1);
    expect(await onRecord()).toBe(before);
  });
});

describe('certwright issue', () => {
  it('says that a service is to be told, and leaves what request.json says without a file', async () => {
    const cwd = await folderWith({});
    declare(cwd, { 'orders.internal': { run: ['true'] } });
    const { stdout } = await succeed(['issue', 'orders.internal'], { cwd });
    expect(stdout).toContain('next: certwright rotate orders.internal ');
    const { stderr } = await succeed(['issue', '--all'], { cwd });
    expect(stderr).toBe('');
    rmSync(join(cwd, 'certwright.yaml'));
    const again = await succeed(['issue', 'orders.internal', '--force', '--json'], { cwd });
    expect(JSON.parse(again.stdout)).toMatchObject({ deployPending: true });
    expect(schemaErrors(again.stdout)).toEqual([]);
    expect(states(await rotate(cwd))).toEqual({ 'orders.internal': 'deployed' });
  });

  it('does not take a hook from a file that others may write', async () => {
    const cwd = await folderWith({});
    declare(cwd, { 'orders.internal': { run: ['true'] } });
    chmodSync(join(cwd, 'certwright.yaml'), 0o622);
    const { code, stderr } = await run(['issue', 'orders.internal'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('may be written by others\n  chmod go-w ');
  });
});
