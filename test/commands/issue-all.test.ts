import { spawn } from 'node:child_process';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { thisRun } from '../../src/pki/owner.ts';
import { program, run, spawnProgram, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
import { startEmulator } from '../support/aws/emulator.ts';
import { schemaErrors } from '../support/schemas.ts';

const day = 86_400_000;

interface Row {
  name: string;
  state: string;
  reason: string | null;
  changes: { field: string; was: unknown; now: unknown }[];
  exitCode: number;
  generation?: number;
  error?: { code: string; message: string; hint?: string };
}

interface Report {
  certificates: Row[];
  extra: string[];
  stale: { authority: string; error: { code: string } }[];
  summary: Record<string, number>;
}

const two = `defaults: { ca: ./ca, lifetime: 30d }
certificates:
  orders.internal:
    names: [orders.internal, 10.0.0.7]
  billing.internal:
    usage: client
`;

async function folderWith(yaml: string): Promise<string> {
  const cwd = temporaryFolder();
  declare(cwd, yaml);
  await run(['ca', 'init', '--name', 'Test'], { cwd });
  return cwd;
}

const declare = (cwd: string, yaml: string): void => writeFileSync(join(cwd, 'certwright.yaml'), yaml);

/** Runs it with --json. */
async function all(
  cwd: string,
  args: readonly string[] = [],
  lent: Omit<Lent, 'cwd'> = {},
): Promise<Report & { code: Ran['code'] }> {
  const { code, stdout } = await run(['issue', '--all', ...args, '--json'], { cwd, ...lent });
  expect(schemaErrors(stdout)).toEqual([]);
  return { code, ...(JSON.parse(stdout) as Report) };
}

const states = ({ certificates }: Report): Record<string, string> =>
  Object.fromEntries(
    certificates.map(({ name, state, reason }) => [name, reason ? `${state}: ${reason}` : state]),
  );

const generation = (cwd: string, name: string): string => readlinkSync(join(cwd, 'certs', name, 'current'));

describe('issue --all', () => {
  it('issues what is missing, then leaves it alone', async () => {
    const cwd = await folderWith(two);
    const first = await all(cwd);
    expect(first.code).toBe(0);
    expect(states(first)).toEqual({
      'orders.internal': 'issued: missing',
      'billing.internal': 'issued: missing',
    });
    const leaf = new X509Certificate(readFileSync(join(cwd, 'certs/orders.internal/current/cert.pem')));
    expect(leaf.subjectAltName).toBe('DNS:orders.internal, IP Address:10.0.0.7');
    const second = await all(cwd);
    expect(second.code).toBe(0);
    expect(states(second)).toEqual({ 'orders.internal': 'unchanged', 'billing.internal': 'unchanged' });
    expect(second.summary).toEqual({
      declared: 2,
      issued: 0,
      unchanged: 2,
      due: 0,
      toIssue: 0,
      pending: 0,
      failed: 0,
      extra: 0,
    });
    expect(generation(cwd, 'orders.internal')).toBe('versions/000001');
  });

  it('leaves to its owner what would end no later', async () => {
    const now = Date.now();
    const end = new Date(now + 30 * 86_400_000).toISOString().replace(/\.\d+/, '');
    const cwd = await folderWith(
      `certificates: { fixed.internal: { notAfter: "${end}" }, cut.internal: { lifetime: 10y, clamp: true } }\n`,
    );
    expect((await all(cwd)).code).toBe(0);
    const later = { now: () => new Date(now + 21 * 86_400_000) };
    const fixed = await all(cwd, [], later);
    expect([fixed.code, fixed.certificates[0]]).toEqual([
      3,
      expect.objectContaining({ state: 'due', renewedBy: 'owner' }),
    ]);
    declare(cwd, 'certificates: { cut.internal: { lifetime: 10y, clamp: true } }\n');
    const years = { now: () => new Date(now + 1400 * 86_400_000) };
    const cut = await all(cwd, [], years);
    expect(cut.certificates[0]).toMatchObject({ state: 'failed', error: { code: 'outlives-issuer' } });
    expect(generation(cwd, 'cut.internal')).toBe('versions/000001');
  });

  it('issues anew what is declared otherwise, and says what has changed', async () => {
    const cwd = await folderWith(two);
    await all(cwd);
    declare(cwd, two.replace('usage: client', 'keyType: ed25519').replace('10.0.0.7', '10.0.0.8'));
    const report = await all(cwd);
    expect(report.code).toBe(0);
    expect(
      report.certificates.map(({ state, generation: number, changes }) => ({ state, number, changes })),
    ).toEqual([
      {
        state: 'issued',
        number: 2,
        changes: [
          { field: 'names', was: ['orders.internal', '10.0.0.7'], now: ['orders.internal', '10.0.0.8'] },
        ],
      },
      {
        state: 'issued',
        number: 2,
        changes: [
          { field: 'usage', was: 'client', now: 'mtls' },
          { field: 'keyType', was: 'ec-p256', now: 'ed25519' },
        ],
      },
    ]);
  });

  it('renews at the point that is declared, and takes another one over without issuing', async () => {
    const cwd = await folderWith(two);
    await all(cwd);
    declare(cwd, two.replace('lifetime: 30d', 'lifetime: 30d, renewAt: 5d-before'));
    expect(states(await all(cwd))).toEqual({
      'orders.internal': 'unchanged',
      'billing.internal': 'unchanged',
    });
    rmSync(join(cwd, 'certwright.yaml'));
    const listed = await run(['list', '--json'], { cwd });
    const { certificates } = JSON.parse(listed.stdout) as {
      certificates: { due: string; notAfter: string }[];
    };
    expect(certificates.map(({ due, notAfter }) => (Date.parse(notAfter) - Date.parse(due)) / day)).toEqual([
      5, 5,
    ]);
    declare(cwd, two.replace('lifetime: 30d', 'lifetime: 30d, renewAt: 10%'));
    const later = { now: () => new Date(Date.now() + 4 * day) };
    expect(states(await all(cwd, [], later))).toEqual({
      'orders.internal': 'issued: due',
      'billing.internal': 'issued: due',
    });
  });

  it('refuses a point at which each would be due as soon as it is made, also where nothing is due', async () => {
    const cwd = await folderWith(two.replace('lifetime: 30d, ', ''));
    await all(cwd);
    for (const point of ['30d-before', '40d-before']) {
      declare(cwd, two.replace('lifetime: 30d', `renewAt: ${point}`));
      for (const how of [[], ['--check'], ['--dry-run']]) {
        const report = await all(cwd, how);
        expect(report.code).toBe(2);
        expect(report.certificates.map(({ error }) => error?.code)).toEqual(['bad-time', 'bad-time']);
      }
    }
  });

  it('issues anew what is due or torn', async () => {
    const cwd = await folderWith(two);
    await all(cwd);
    writeFileSync(
      join(cwd, 'certs/billing.internal/current/cert.pem'),
      'torn files are found by what readers are told to read',
    );
    writeFileSync(join(cwd, 'certs/billing.internal/current/fullchain.pem'), 'torn');
    expect(states(await all(cwd))).toEqual({
      'orders.internal': 'unchanged',
      'billing.internal': 'issued: broken',
    });
    const later = { now: () => new Date(Date.now() + 21 * day) };
    expect(states(await all(cwd, [], later))).toEqual({
      'orders.internal': 'issued: due',
      'billing.internal': 'issued: due',
    });
  });

  it('reports what is in the store and not declared, and leaves it alone', async () => {
    const cwd = await folderWith(two);
    await run(['issue', 'old.internal'], { cwd });
    const { extra, code, summary } = await all(cwd);
    expect({ code, extra, count: summary['extra'] }).toEqual({ code: 0, extra: ['old.internal'], count: 1 });
    expect(existsSync(join(cwd, 'certs/old.internal/current/key.pem'))).toBe(true);
  });

  it('takes what the command line had changed back to what is declared', async () => {
    const cwd = await folderWith(two);
    await run(['issue', 'orders.internal', '--lifetime', '1d'], { cwd });
    const { certificates } = await all(cwd);
    expect(certificates[0]?.changes).toEqual([{ field: 'lifetime', was: '1d', now: '30d' }]);
  });

  it('makes CAs with --create-ca, each once', async () => {
    const cwd = temporaryFolder();
    declare(
      cwd,
      `certificates:\n${Array.from({ length: 12 }, (_, at) => `  s${at}.internal: { ca: ./${at % 2 === 0 ? 'even' : 'odd'} }\n`).join('')}`,
    );
    const { code, summary } = await all(cwd, ['--create-ca', '--jobs', '12']);
    expect({ code, issued: summary['issued'] }).toEqual({ code: 0, issued: 12 });
    expect(readdirSync(join(cwd, 'even/issuers'))).toHaveLength(2);
  });

  it('asks for a passphrase once', async () => {
    const cwd = temporaryFolder();
    declare(cwd, two);
    writeFileSync(join(cwd, 'pass'), 'tulip\n');
    await run(['ca', 'init', '--passphrase-file', 'pass'], { cwd });
    const { code } = await all(cwd, ['--passphrase-file', 'pass']);
    expect(code).toBe(0);
    const without = await all(cwd);
    expect(without.code).toBe(4);
    expect(without.stale.map(({ error }) => error.code)).toEqual(['passphrase']);
  });

  it('keeps CRLs fresh where nothing is due', async () => {
    const cwd = await folderWith(two.replace('30d', '3y'));
    await run(['ca', 'show'], { cwd });
    await all(cwd);
    const crl = join(cwd, 'certs/_trust/default/current/crl.pem');
    const before = readFileSync(crl, 'utf8');
    const { summary } = await all(cwd, [], { now: () => new Date(Date.now() + 200 * day) });
    expect(summary['unchanged']).toBe(2);
    expect(readFileSync(crl, 'utf8')).not.toBe(before);
  });
});

describe('one that fails', () => {
  const mixed = `${two}  far.internal: { ca: ./nowhere }
  long.internal: { lifetime: 90y }
  nobody.internal: { owner: no-such-user }
`;

  it('stops no other, and the run ends with 4', async () => {
    const cwd = await folderWith(mixed);
    const { code, certificates, summary } = await all(cwd);
    expect(code).toBe(4);
    expect(summary).toMatchObject({ declared: 5, issued: 2, failed: 3 });
    expect(certificates.map(({ name, exitCode, error }) => [name, exitCode, error?.code])).toEqual([
      ['orders.internal', 0, undefined],
      ['billing.internal', 0, undefined],
      ['far.internal', 2, 'not-found'],
      ['long.internal', 2, 'outlives-issuer'],
      ['nobody.internal', 2, 'not-found'],
    ]);
  });

  it('is told on standard error, with its name and the way out', async () => {
    const cwd = await folderWith(mixed);
    const { code, stdout, stderr } = await run(['issue', '--all', '--quiet'], { cwd });
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toContain('certwright: far.internal: there is no CA in');
    expect(stderr).toContain('certwright: long.internal: the certificate would end');
  });

  it('ends the run with its own code where nothing else is done', async () => {
    const cwd = await folderWith('certificates: { far.internal: { ca: ./nowhere } }\n');
    expect((await all(cwd)).code).toBe(2);
  });

  it('is busy where another run holds it', async () => {
    const cwd = await folderWith('certificates: { orders.internal: { ca: ./ca } }\n');
    mkdirSync(join(cwd, 'certs/orders.internal'), { recursive: true });
    const lock = { schema: 1, boot: 'another', pidNamespace: 'another', pid: 1, started: 'then' };
    writeFileSync(join(cwd, 'certs/orders.internal/.lock'), JSON.stringify(lock));
    const { code, certificates } = await all(cwd, ['--lock-timeout', '1s']);
    expect({ code, error: certificates[0]?.error?.code }).toEqual({ code: 75, error: 'busy' });
  });

  it('is a store that has lost its link, and no stack trace', async () => {
    const cwd = await folderWith(two);
    await all(cwd);
    rmSync(join(cwd, 'certs/orders.internal/current'));
    mkdirSync(join(cwd, 'certs/orders.internal/current'));
    const { code, certificates } = await all(cwd);
    expect({ code, error: certificates[0]?.error?.code }).toEqual({ code: 4, error: 'malformed' });
  });
});

describe('on AWS Private CA', () => {
  it('orders each certificate once, beside those of a CA in a folder', async () => {
    const emulator = await startEmulator();
    try {
      const managed = Array.from({ length: 6 }, (_, at) => `  m${at}.internal: { ca: prod }\n`).join('');
      const arn = await emulator.createCa();
      const cwd = await folderWith(`authorities: { prod: "${arn}" }\n${two}${managed}`);
      // The SDK reads the process's own environment.
      const issueAll = async (...args: string[]): Promise<Report & { code: Ran['code'] }> => {
        const env = { ...process.env, ...emulator.environment };
        const { code, stdout } = await spawnProgram(['issue', '--all', '--json', ...args], { cwd, env });
        return { code, ...(JSON.parse(stdout) as Report) };
      };
      expect((await all(cwd, ['--check'])).code).toBe(3);
      expect((await issueAll('--dry-run')).code).toBe(0);
      expect(emulator.stats.billed).toBe(0);
      const first = await issueAll('--jobs', '4');
      expect({ code: first.code, issued: first.summary['issued'] }).toEqual({ code: 0, issued: 8 });
      const again = await all(cwd);
      expect({ code: again.code, unchanged: again.summary['unchanged'] }).toEqual({ code: 0, unchanged: 8 });
      expect(emulator.stats.billed).toBe(6);
      // Once to look, once to issue.
      expect(emulator.stats.calls['DescribeCertificateAuthority']).toBe(2);
    } finally {
      await emulator.close();
    }
  });
});

describe('on ACM', () => {
  it('ends with 75 while public names wait for their validation, and asks for them once', async () => {
    const emulator = await startEmulator();
    try {
      const cwd = await folderWith(
        `${two}  www.example.com: { ca: acm, usage: server, exportable: true, keyType: rsa-2048 }\n`,
      );
      const env = { ...process.env, ...emulator.environment };
      for (let attempt = 1; attempt <= 2; attempt += 1) {
        const { code, stdout } = await spawnProgram(['issue', '--all', '--json'], { cwd, env });
        expect(schemaErrors(stdout)).toEqual([]);
        const { certificates } = JSON.parse(stdout) as { certificates: (Row & { records?: unknown[] })[] };
        expect({ code, state: certificates[2]?.state, error: certificates[2]?.error }).toEqual({
          code: 75,
          state: 'pending',
          error: undefined,
        });
        expect(certificates[2]?.records).toHaveLength(1);
      }
      expect(emulator.stats.calls['RequestCertificate']).toBe(1);
    } finally {
      await emulator.close();
    }
  });
});

describe('--check and --dry-run', () => {
  it('--check says with 3 that something is to be done, and touches nothing', async () => {
    const cwd = await folderWith(two);
    const before = await all(cwd, ['--check']);
    expect(before.code).toBe(3);
    expect(states(before)).toEqual({
      'orders.internal': 'to-issue: missing',
      'billing.internal': 'to-issue: missing',
    });
    expect(existsSync(join(cwd, 'certs'))).toBe(false);
    await all(cwd);
    expect((await all(cwd, ['--check'])).code).toBe(0);
    await run(['issue', 'old.internal'], { cwd });
    expect((await all(cwd, ['--check'])).code).toBe(0);
  });

  it('--check needs no CA', async () => {
    const cwd = await folderWith(two);
    await all(cwd);
    rmSync(join(cwd, 'ca'), { recursive: true });
    expect((await all(cwd, ['--check'])).code).toBe(0);
  });

  it('--dry-run meets the refusals that come before a signature', async () => {
    const cwd = await folderWith(`${two}  long.internal: { lifetime: 90y }\n`);
    const { code, certificates } = await all(cwd, ['--dry-run']);
    expect(code).toBe(4);
    expect(certificates.map(({ state, error }) => error?.code ?? state)).toEqual([
      'to-issue',
      'to-issue',
      'outlives-issuer',
    ]);
    expect(existsSync(join(cwd, 'certs'))).toBe(false);
    expect((await all(await folderWith(two), ['--dry-run'])).code).toBe(0);
  });
});

describe('what it prints', () => {
  it('is a line for what was done and a line for all', async () => {
    const cwd = await folderWith(two);
    await run(['issue', 'old.internal'], { cwd });
    const { stdout } = await run(['issue', '--all', '--jobs', '1'], { cwd });
    expect(stdout.replace(/until \S+/g, 'until T').split('\n')).toEqual([
      'issued orders.internal (generation 1): missing; valid for 30 days, until T',
      'issued billing.internal (generation 1): missing; valid for 30 days, until T',
      'extra old.internal: in certs, not in certwright.yaml',
      '2 declared: 2 issued, 1 not declared',
      '',
    ]);
    const again = await run(['issue', '--all'], { cwd });
    expect(again.stdout.split('\n').slice(-2)).toEqual(['2 declared: 2 unchanged, 1 not declared', '']);
  });

  it('is a document a line with --json-lines', async () => {
    const cwd = await folderWith(two);
    const { stdout } = await run(['issue', '--all', '--json-lines'], { cwd });
    const lines = stdout.trimEnd().split('\n');
    for (const line of lines) expect(schemaErrors(line)).toEqual([]);
    const documents = lines.map((line) => JSON.parse(line) as { certificate?: Row; end?: Report });
    expect(documents.map(({ certificate }) => certificate?.state)).toEqual(['issued', 'issued', undefined]);
    expect(documents[2]?.end?.summary['issued']).toBe(2);
  });

  it.each([
    [['x.internal'], '"x.internal" does not go with --all'],
    [['--key-type', 'ed25519'], '--key-type does not go with --all'],
    [['--force'], '--force does not go with --all'],
    [['--jobs', '0'], '--jobs "0" is not a number of jobs'],
    [['--check', '--dry-run'], '--check and --dry-run exclude each other'],
  ])('is a refusal of %s', async (args, message) => {
    const { code, stderr } = await run(['issue', '--all', ...args], { cwd: await folderWith(two) });
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it('is a refusal without a file, and where it declares nothing', async () => {
    const none = await run(['issue', '--all', '--json'], { cwd: temporaryFolder() });
    expect(JSON.parse(none.stdout)).toMatchObject({ error: { code: 'not-found' } });
    const cwd = await folderWith('# nothing\n');
    const { code, stderr } = await run(['issue', '--all'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('certwright.yaml declares no certificate');
    const alone = await run(['issue', 'a.internal', '--check'], { cwd });
    expect(alone.stderr).toContain('--check goes with --all');
  });
});

describe('two runs at once', () => {
  it('issue each certificate once', async () => {
    const names = Array.from({ length: 20 }, (_, at) => `s${at}.internal`);
    const cwd = await folderWith(
      `defaults: { ca: ./ca }\ncertificates:\n${names.map((name) => `  ${name}:\n`).join('')}`,
    );
    const runs = await Promise.all(
      [1, 2].map(async () => spawnProgram(['issue', '--all', '--json'], { cwd })),
    );
    const reports = runs.map(({ stdout }) => JSON.parse(stdout) as Report);
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    expect(reports.reduce((sum, { summary }) => sum + (summary['issued'] ?? 0), 0)).toBe(20);
    for (const name of names) expect(generation(cwd, name)).toBe('versions/000001');
    for (const row of reports.flatMap(({ certificates }) => certificates))
      expect(row.reason).toBe(row.state === 'issued' ? 'missing' : null);
  });
});

describe('a run that is killed', () => {
  const count = 40;
  const many = `defaults: { ca: ./ca }\ncertificates:\n${Array.from({ length: count }, (_, at) => `  s${at}.internal:\n`).join('')}`;
  const issuedFiles = (cwd: string): string[] =>
    readdirSync(join(cwd, 'ca/issuers'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      /issued\/.*\.pem$/.test(path),
    );
  const done = (cwd: string): number =>
    Array.from({ length: count }, (_, at) => join(cwd, `certs/s${at}.internal/current`)).filter((path) =>
      existsSync(path),
    ).length;

  it.each(['SIGKILL', 'SIGTERM'] as const)('by %s goes on, and issues nothing twice', async (signal) => {
    const cwd = await folderWith(many);
    const before = issuedFiles(cwd).length;
    // However long it takes to kill it, it is not done by then: it waits for the last name.
    const last = join(cwd, `certs/s${count - 1}.internal`);
    mkdirSync(last, { recursive: true });
    writeFileSync(join(last, '.lock'), JSON.stringify(thisRun(process.pid)));
    const child = spawn(process.execPath, [program, 'issue', '--all', '--lock-timeout', '5m'], {
      cwd,
      stdio: 'ignore',
    });
    const ended = new Promise<unknown>((resolve) => {
      child.on('exit', (code, by) => {
        resolve(code ?? by);
      });
    });
    while (done(cwd) < 3 && child.exitCode === null) await wait(2);
    child.kill(signal);
    expect(await ended).toBe(signal === 'SIGKILL' ? 'SIGKILL' : 143);
    expect(done(cwd)).toBeLessThan(count);
    rmSync(last, { recursive: true });
    const again = await spawnProgram(['issue', '--all', '--json'], { cwd });
    expect(again.code).toBe(0);
    expect(done(cwd)).toBe(count);
    expect(issuedFiles(cwd).length - before).toBe(count);
    for (let at = 0; at < count; at += 1) {
      const current = join(cwd, `certs/s${at}.internal/current`);
      expect(readlinkSync(current)).toBe('versions/000001');
      const leaf = new X509Certificate(readFileSync(join(current, 'cert.pem')));
      const key = createPublicKey(createPrivateKey(readFileSync(join(current, 'key.pem'))));
      expect(leaf.publicKey.equals(key)).toBe(true);
    }
  });
});
