import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run, temporaryFolder, temporaryFolderForSuite } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

interface Row {
  state: string;
  reason: string | null;
  until?: string;
  outsideWindow: boolean;
  exitCode: number;
}

const authority = temporaryFolderForSuite();
/** A Monday. */
const issued = new Date('2027-03-01T12:00:00Z');
const at = (time: string): { now: () => Date } => ({ now: () => new Date(time) });

beforeAll(async () => {
  await run(['ca', 'init', '--name', 'Test'], { cwd: authority(), now: () => issued });
});

async function project(settings: string): Promise<string> {
  const cwd = temporaryFolder();
  mkdirSync(join(cwd, 'tls'));
  // Of its own: the clocks of others have gone on, and the CRLs of theirs with them.
  cpSync(join(authority(), 'ca'), join(cwd, 'ca'), { recursive: true, verbatimSymlinks: true });
  writeFileSync(join(cwd, 'certwright.yaml'), `certificates: { orders.internal: { ca: ./ca, ${settings} } }`);
  const { code, stderr } = await run(['issue', '--all'], { cwd, now: () => issued });
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return cwd;
}

async function json(cwd: string, argv: readonly string[], lent = {}): Promise<Row> {
  const { stdout } = await run([...argv, '--json'], { cwd, ...lent });
  expect(schemaErrors(stdout)).toEqual([]);
  return (JSON.parse(stdout) as { certificates: Row[] }).certificates[0] as Row;
}

const generation = (cwd: string): string => readlinkSync(join(cwd, 'certs/orders.internal/current'));
const leaf = (cwd: string): X509Certificate =>
  new X509Certificate(readFileSync(join(cwd, 'certs/orders.internal/current/cert.pem')));

describe('a certificate with a window', () => {
  // Due on 2027-03-21, a Sunday, at noon; it ends on the 31st.
  const weekend =
    'lifetime: 30d, window: { days: [sat, sun], from: "02:00", to: "05:00", timeZone: Europe/Berlin }';

  it('is replaced at no time where its window is damaged', async () => {
    const cwd = await project(weekend);
    rmSync(join(cwd, 'certwright.yaml'));
    const file = join(cwd, 'certs/orders.internal/request.json');
    const request = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...request, window: 'at night' }));
    const { code, stderr } = await run(['rotate'], { cwd, ...at('2027-03-22T12:00:00Z') });
    expect(code).toBe(2);
    expect(stderr).toContain(`${file}: window is no list of days, from and to`);
    expect(generation(cwd)).toBe('versions/000001');
  });

  it('waits for it once it is due, and is replaced in it', async () => {
    const cwd = await project(weekend);
    const waits = await json(cwd, ['rotate'], at('2027-03-22T12:00:00Z'));
    expect(waits).toMatchObject({
      state: 'not-due',
      reason: 'due',
      until: '2027-03-27T01:00:00.000Z',
      outsideWindow: false,
      exitCode: 0,
    });
    const { stdout } = await run(['rotate', '--dry-run'], { cwd, ...at('2027-03-22T12:00:00Z') });
    expect(stdout).toMatch(/waits +due: since 2027-03-21.* its window opens 2027-03-27T01:00:00.000Z/);
    const all = await json(cwd, ['issue', '--all', '--check'], at('2027-03-22T12:00:00Z'));
    expect(all).toMatchObject({ state: 'unchanged', reason: 'due', until: waits.until, exitCode: 0 });
    expect(generation(cwd)).toBe('versions/000001');
    expect(await json(cwd, ['rotate'], at('2027-03-27T01:30:00Z'))).toMatchObject({
      state: 'rotated',
      reason: 'due',
      outsideWindow: false,
    });
  });

  it('does not wait where none opens in time, and says so', async () => {
    const cwd = await project(
      'lifetime: 12h, window: { days: [sat, sun], from: "02:00", to: "05:00", timeZone: Europe/Berlin }',
    );
    const { stdout } = await run(['rotate', '--dry-run'], { cwd, ...at('2027-03-01T19:00:00Z') });
    expect(stdout).toContain('none of its windows opens in time');
    expect(await json(cwd, ['rotate'], at('2027-03-01T19:00:00Z'))).toMatchObject({
      state: 'rotated',
      reason: 'due',
      outsideWindow: true,
    });
  });

  it.each([
    ['is named', ['rotate', 'orders.internal'], 'due'],
    ['is forced', ['rotate', '--force'], 'forced'],
  ])('does not wait where it %s', async (_, argv, reason) => {
    const cwd = await project(weekend);
    expect(await json(cwd, argv, at('2027-03-22T12:00:00Z'))).toMatchObject({ state: 'rotated', reason });
  });

  it('does not wait where it was revoked', async () => {
    const cwd = await project(weekend);
    const lent = { cwd, ...at('2027-03-22T12:00:00Z') };
    const { code, stderr } = await run(
      ['revoke', 'orders.internal', '--reason', 'superseded', '--yes'],
      lent,
    );
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(await json(cwd, ['rotate'], at('2027-03-22T12:00:00Z'))).toMatchObject({ state: 'rotated' });
  });

  it('does not wait where it is broken, or asked for otherwise', async () => {
    const cwd = await project(weekend);
    writeFileSync(join(cwd, 'certs/orders.internal/current/key.pem'), 'torn');
    expect(await json(cwd, ['rotate'], at('2027-03-22T12:00:00Z'))).toMatchObject({
      state: 'rotated',
      reason: 'broken',
    });
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      readFileSync(join(cwd, 'certwright.yaml'), 'utf8').replace('30d', '20d'),
    );
    expect(await json(cwd, ['rotate'], at('2027-03-23T12:00:00Z'))).toMatchObject({
      state: 'rotated',
      reason: 'changed',
    });
  });

  it('takes another window over without issuing', async () => {
    const cwd = await project(weekend);
    const file = join(cwd, 'certwright.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('sat, sun', 'tue'));
    expect(await json(cwd, ['rotate'], at('2027-03-02T12:00:00Z'))).toMatchObject({
      state: 'not-due',
      reason: null,
    });
    const request = JSON.parse(
      readFileSync(join(cwd, 'certs/orders.internal/request.json'), 'utf8'),
    ) as object;
    expect(request).toMatchObject({
      window: [{ days: ['tue'], from: '02:00', to: '05:00', timeZone: 'Europe/Berlin' }],
    });
  });
});

describe('a key that others could read', () => {
  const key = (cwd: string): string => join(cwd, 'certs/orders.internal/current/key.pem');
  const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
  const noon = at('2027-03-02T12:00:00Z');

  it('is a warning, and with reissueOnExposure a reason for a new one, also where keys are used again', async () => {
    const cwd = await project('reuseKey: true, reissueOnExposure: true');
    const before = leaf(cwd).publicKey;
    chmodSync(key(cwd), 0o644);
    expect(await json(cwd, ['rotate', '--dry-run'], noon)).toMatchObject({
      state: 'to-rotate',
      reason: 'exposed',
    });
    expect(mode(key(cwd))).toBe('644');
    expect(await json(cwd, ['rotate'], noon)).toMatchObject({ state: 'rotated', reason: 'exposed' });
    expect(leaf(cwd).publicKey.equals(before)).toBe(false);
    expect(mode(join(cwd, 'certs/orders.internal/versions/000001/key.pem'))).toBe('600');
    expect(await json(cwd, ['rotate'], noon)).toMatchObject({ state: 'not-due' });
    // From here on keys are used again.
    const next = leaf(cwd).publicKey;
    expect(await json(cwd, ['rotate', '--force'], noon)).toMatchObject({ state: 'rotated' });
    expect(leaf(cwd).publicKey.equals(next)).toBe(true);
  });

  it('stays one for a run that finds it mended, since the one before it died', async () => {
    const cwd = await project('reissueOnExposure: true');
    chmodSync(key(cwd), 0o640);
    // The authority is gone: mended and remembered, and not replaced.
    const file = join(cwd, 'certwright.yaml');
    const declared = readFileSync(file, 'utf8');
    const request = join(cwd, 'certs/orders.internal/request.json');
    const stored = readFileSync(request, 'utf8');
    writeFileSync(request, stored.replace(/"authority": "[^"]*"/, '"authority": "../gone"'));
    writeFileSync(file, declared.replace(/ca: [^,]*/, 'ca: ./gone'));
    expect(await json(cwd, ['rotate'], noon)).toMatchObject({ state: 'failed', reason: 'exposed' });
    expect(mode(key(cwd))).toBe('600');
    writeFileSync(request, stored);
    writeFileSync(file, declared);
    expect(await json(cwd, ['rotate', 'orders.internal'], noon)).toMatchObject({
      state: 'rotated',
      reason: 'exposed',
    });
  });

  it('is found in an output too, and by issue --all', async () => {
    const cwd = await project('reissueOnExposure: true, outputs: [{ path: tls/pair.pem, content: pair }]');
    chmodSync(join(cwd, 'tls/pair.pem'), 0o604);
    expect(await json(cwd, ['issue', '--all', '--check'], noon)).toMatchObject({
      state: 'to-issue',
      reason: 'exposed',
    });
    expect(await json(cwd, ['issue', '--all'], noon)).toMatchObject({ state: 'issued', reason: 'exposed' });
    expect(mode(join(cwd, 'tls/pair.pem'))).toBe('600');
    expect(await json(cwd, ['issue', '--all'], noon)).toMatchObject({ state: 'unchanged' });
  });

  it('makes an earlier generation due again that has it', async () => {
    const cwd = await project('reissueOnExposure: true');
    chmodSync(key(cwd), 0o644);
    await json(cwd, ['rotate'], noon);
    await run(['rotate', 'orders.internal', '--rollback'], { cwd, ...noon });
    expect(await json(cwd, ['rotate'], noon)).toMatchObject({ state: 'rotated', reason: 'exposed' });
  });

  it.each([
    ['rotate --force, after it was mended', ['rotate', 'orders.internal', '--force'], true],
    ['rotate --force, at once', ['rotate', 'orders.internal', '--force'], false],
    ['issue --force', ['issue', 'orders.internal', '--force'], false],
  ])('is not used again by %s, which is what the warning says', async (_what, command, isMended) => {
    const cwd = await project('reuseKey: true');
    const before = leaf(cwd).publicKey;
    chmodSync(key(cwd), 0o644);
    if (isMended) {
      const { stderr } = await run(['rotate'], { cwd, ...noon });
      expect(stderr).toContain('others could use its key: "certwright rotate orders.internal --force" makes');
    }
    expect(leaf(cwd).publicKey.equals(before)).toBe(true);
    const { stderr } = await run(command, { cwd, ...noon });
    expect(stderr).not.toContain('orders.internal --force');
    expect(leaf(cwd).publicKey.equals(before)).toBe(false);
  });

  it('that is torn is replaced, although keys are used again', async () => {
    const cwd = await project('reuseKey: true');
    writeFileSync(key(cwd), 'torn');
    expect(await json(cwd, ['rotate'], noon)).toMatchObject({ state: 'rotated', reason: 'broken' });
  });

  it('is only mended without reissueOnExposure', async () => {
    const cwd = await project('lifetime: 30d');
    chmodSync(key(cwd), 0o644);
    expect(await json(cwd, ['rotate'], noon)).toMatchObject({ state: 'not-due', reason: null });
    expect(mode(key(cwd))).toBe('600');
  });
});
