import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { folderName } from '../../src/pki/store/folder-name.ts';
import { run, temporaryFolderForSuite, type Lent, type Ran } from '../support/cli.ts';
import { readPrometheus, type Sample } from '../support/prometheus.ts';
import { findTool } from '../support/tools.ts';

const day = 86_400_000;
const noon = new Date('2027-03-01T12:00:00Z');
const hostile = 'quo"te back\\slash new\nline {x="1"} ünïcode';
const folder = temporaryFolderForSuite();
const file = (): string => join(folder(), 'certwright.prom');

const inFolder = (argv: readonly string[], lent: Partial<Lent> = {}): Promise<Ran> =>
  run(argv, { cwd: folder(), now: () => noon, ...lent });
const at = (days: number): Partial<Lent> => ({ now: () => new Date(noon.getTime() + days * day) });

async function samplesOf(argv: readonly string[], lent: Partial<Lent> = {}): Promise<Sample[]> {
  const { stderr } = await inFolder([...argv, '--metrics', 'certwright.prom', '--quiet'], lent);
  expect(stderr).toBe('');
  return readPrometheus(readFileSync(file(), 'utf8'));
}

const value = (samples: readonly Sample[], name: string, certificate?: string): number | undefined =>
  samples.find(
    (one) =>
      one.name === `certwright_${name}` &&
      (certificate === undefined || one.labels['certificate'] === certificate),
  )?.value;

beforeAll(async () => {
  const config = {
    authorities: { corp: './ca' },
    certificates: {
      'a.internal': { ca: 'corp', lifetime: '20d' },
      'told.internal': { ca: 'corp', deploy: { run: [process.execPath, '-e', '0'] } },
      'b.internal': { ca: 'corp' },
    },
  };
  writeFileSync(join(folder(), 'certwright.yaml'), JSON.stringify(config));
  const { code, stderr } = await inFolder(['issue', '--all', '--create-ca']);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  // No name that we take holds such a thing; whoever may write to the store has put it there.
  const planted = join(folder(), 'certs', folderName(hostile));
  renameSync(join(folder(), 'certs/b.internal'), planted);
  const request = join(planted, 'request.json');
  const text = readFileSync(request, 'utf8').replace(
    '"name": "b.internal"',
    `"name": ${JSON.stringify(hostile)}`,
  );
  writeFileSync(request, text);
  writeFileSync(join(folder(), 'certwright.yaml'), JSON.stringify({ authorities: config.authorities }));
});

describe('list --metrics', () => {
  it('writes expiry, what is due, failures, what waits for a service, and when CRLs lapse', async () => {
    const samples = await samplesOf(['list']);
    expect(value(samples, 'certificate_not_after_timestamp_seconds', 'a.internal')).toBe(
      noon.getTime() / 1000 + 20 * 86_400,
    );
    expect(value(samples, 'certificate_due_timestamp_seconds', 'a.internal')).toBeGreaterThan(
      noon.getTime() / 1000,
    );
    expect(value(samples, 'certificate_last_success_timestamp_seconds', 'a.internal')).toBe(
      noon.getTime() / 1000,
    );
    expect(value(samples, 'certificate_generation', 'a.internal')).toBe(1);
    expect(value(samples, 'certificate_failures', 'a.internal')).toBe(0);
    expect(value(samples, 'certificate_deploy_pending', 'a.internal')).toBeUndefined();
    expect(value(samples, 'certificate_deploy_pending', 'told.internal')).toBe(1);
    expect(value(samples, 'certificates_unreadable')).toBe(0);
    expect(value(samples, 'crl_next_update_timestamp_seconds')).toBeGreaterThan(noon.getTime() / 1000);
    expect(value(samples, 'metrics_timestamp_seconds')).toBe(noon.getTime() / 1000);
    const authority = samples.find(({ name }) => name.endsWith('not_after_timestamp_seconds'))?.labels;
    expect(authority?.['authority']).toBe('../ca');
  });

  it('escapes names, whatever is in them', async () => {
    const samples = await samplesOf(['list']);
    expect(value(samples, 'certificate_generation', hostile)).toBe(1);
  });

  it('is readable for everybody, and nothing else stays beside it', async () => {
    await samplesOf(['list']);
    expect(statSync(file()).mode & 0o777).toBe(0o644);
    expect(readdirSync(folder()).filter((name) => name.includes('prom'))).toEqual(['certwright.prom']);
  });

  it.each([
    [['list', '--metrics', 'nowhere/x.prom'], 'there is no folder'],
    [['list', '--metrics', 'certs'], 'is not a regular file'],
    [['list', '--metrics', 'x.prom', '--ca', './ca'], 'does not go with --ca'],
    [['rotate', '--force', '--metrics', 'nowhere/x.prom'], 'there is no folder'],
    [['rotate', '--dry-run', '--metrics', 'x.prom'], 'exclude each other'],
  ])('%j is refused before anything is touched', async (argv, words) => {
    const { code, stderr } = await inFolder(argv);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
    expect(value(await samplesOf(['list']), 'certificate_generation', 'a.internal')).toBe(1);
  });
});

describe('rotate --metrics', () => {
  it.each(['rotate', 'list'])('of %s does not replace a file that holds anything else', async (command) => {
    for (const other of [
      'certs/a.internal/current/key.pem',
      'certs/a.internal/request.json',
      'ca/ca.json',
      'certwright.yaml',
    ]) {
      const before = readFileSync(join(folder(), other), 'utf8');
      const { code, stderr } = await inFolder([command, '--metrics', other]);
      expect([code, readFileSync(join(folder(), other), 'utf8')]).toEqual([2, before]);
      expect(stderr).toMatch(/holds no metrics of certwright|lies in \S+, the folder of/);
    }
    for (const damaged of ['', '\0'.repeat(512)]) {
      writeFileSync(join(folder(), 'damaged.prom'), damaged);
      expect((await inFolder([command, '--metrics', 'damaged.prom'])).code).toBe(0);
    }
  });

  it('tells when a run has ended last, and when one has succeeded', async () => {
    const first = await samplesOf(['rotate'], at(1));
    const later = (days: number): number => noon.getTime() / 1000 + days * 86_400;
    expect(value(first, 'rotate_last_run_timestamp_seconds')).toBe(later(1));
    expect(value(first, 'rotate_last_success_timestamp_seconds')).toBe(later(1));
    expect(value(first, 'certificate_deploy_pending', 'told.internal')).toBe(0);

    const record = join(folder(), 'certs/a.internal/request.json');
    const kept = readFileSync(record);
    writeFileSync(record, '{}');
    const { code } = await inFolder(['rotate', '--metrics', 'certwright.prom'], at(2));
    expect(code).toBe(4);
    const failed = readPrometheus(readFileSync(file(), 'utf8'));
    expect(value(failed, 'rotate_last_run_timestamp_seconds')).toBe(later(2));
    expect(value(failed, 'rotate_last_success_timestamp_seconds')).toBe(later(1));
    writeFileSync(record, kept);

    const listed = await samplesOf(['list'], at(3));
    expect(value(listed, 'rotate_last_run_timestamp_seconds')).toBe(later(2));
    expect(value(listed, 'rotate_last_success_timestamp_seconds')).toBe(later(1));
  });

  it('fails where the file cannot be written at the end, with everything rotated', async () => {
    const target = join(folder(), 'metrics');
    mkdirSync(target);
    const config = {
      certificates: { 'c.internal': { ca: './ca', deploy: { run: ['/bin/rm', '-r', target] } } },
    };
    writeFileSync(join(folder(), 'c.yaml'), JSON.stringify(config));
    const flags = ['--config', 'c.yaml'];
    expect((await inFolder(['issue', '--all', ...flags])).code).toBe(0);
    const ran = await inFolder([
      'rotate',
      'c.internal',
      ...flags,
      '--metrics',
      join(target, 'x.prom'),
      '--json',
    ]);
    rmSync(target, { recursive: true, force: true });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain('"state": "deployed"');
  });
});

it.skipIf(findTool('promtool') === undefined)(
  'promtool finds nothing to complain of (needs promtool)',
  async () => {
    await samplesOf(['list']);
    const said = execFileSync('promtool', ['check', 'metrics'], { input: readFileSync(file()) });
    expect(said.toString()).toBe('');
  },
);
