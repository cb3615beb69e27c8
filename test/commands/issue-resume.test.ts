import { X509Certificate } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
import { leftovers, problemsIn, recordOf } from '../support/invariants.ts';

const hour = 3_600_000;

/** The clock some hours from now. */
const later = (hours: number): Pick<Lent, 'now'> => ({ now: () => new Date(Date.now() + hours * hour) });

const issue = (cwd: string, args: readonly string[], lent: Omit<Lent, 'cwd'> = {}): Promise<Ran> =>
  run(['issue', 'orders.internal', ...args, '--json'], { cwd, ...lent });

interface Document {
  state: string;
  generation: number;
  certificate: { serial: string; pem: string };
}

function issued(ran: Ran): Document {
  expect(ran).toMatchObject({ code: 0 });
  return JSON.parse(ran.stdout) as Document;
}

const folderOf = (cwd: string): string => join(cwd, 'certs/orders.internal');
const inUse = (cwd: string): X509Certificate =>
  new X509Certificate(readFileSync(join(folderOf(cwd), 'current/cert.pem')));

/** A run that ends once its certificate is recorded, before a generation is claimed. */
async function endAfterRecord(cwd: string, args: readonly string[]): Promise<void> {
  expect(await run(['ca', 'init'], { cwd })).toMatchObject({ code: 0 });
  const recorded = (): number => recordOf(join(cwd, 'ca')).serials.size;
  // The clock is set back then: the certificate is not valid yet, and is not switched to.
  const now = (): Date => new Date(Date.now() - (recorded() > 1 ? hour : 0));
  expect(await issue(cwd, args, { now })).toMatchObject({ code: 75 });
  expect(recorded()).toBe(2);
}

/** As a run leaves it that ends between the two renames of its switch: request.json is ahead of `current`. */
async function endInSwitch(cwd: string, args: readonly string[]): Promise<void> {
  issued(await issue(cwd, ['--create-ca']));
  issued(await issue(cwd, [...args, '--force']));
  const folder = folderOf(cwd);
  rmSync(join(folder, 'current'));
  symlinkSync('versions/000001', join(folder, 'current'));
  mkdirSync(join(folder, 'pending/000002'), { recursive: true });
  cpSync(join(folder, 'request.json'), join(folder, 'pending/000002/request.json'));
}

describe('a run that ended with its certificate recorded', () => {
  it.each([
    ['a lifetime', []],
    ['a date', ['--not-after', new Date(Date.now() + 1000 * hour).toISOString().slice(0, 19) + 'Z']],
    ['the end of its CA', ['--lifetime', '90y', '--clamp']],
  ])('hands that one out when the same command follows soon, with %s', async (_what, args) => {
    const cwd = temporaryFolder();
    await endAfterRecord(cwd, args);
    const { certificate, generation } = issued(await issue(cwd, args, later(0.5)));
    expect(generation).toBe(1);
    expect(inUse(cwd).toString()).toBe(certificate.pem);
    // The issuing CA and this one: nothing was signed again.
    expect(recordOf(join(cwd, 'ca')).serials.size).toBe(2);
    expect([...problemsIn(cwd), ...leftovers(cwd)]).toEqual([]);
  });

  it('signs anew when the same command comes a day later, with the same key', async () => {
    const cwd = temporaryFolder();
    await endAfterRecord(cwd, ['--if-due']);
    const { certificate, generation } = issued(await issue(cwd, ['--if-due'], later(24)));
    expect(generation).toBe(1);
    expect(Date.parse(inUse(cwd).validFrom)).toBeGreaterThan(Date.now() + 23 * hour);
    expect(inUse(cwd).toString()).toBe(certificate.pem);
    expect(recordOf(join(cwd, 'ca')).serials.size).toBe(3);
    expect([...problemsIn(cwd), ...leftovers(cwd)]).toEqual([]);
  });

  it('signs anew when the key did not survive', async () => {
    const cwd = temporaryFolder();
    await endAfterRecord(cwd, []);
    const pending = join(folderOf(cwd), 'pending/000001');
    const [assembled = ''] = readdirSync(pending).filter((entry) => entry.startsWith('.ready.'));
    rmSync(join(pending, assembled, 'key.pem'));
    issued(await issue(cwd, []));
    expect([...problemsIn(cwd), ...leftovers(cwd)]).toEqual([]);
  });
});

describe('a run that ended in the middle of its switch', () => {
  const other = ['--key-type', 'ec-p384'];

  it.each([[['--if-due']], [['--force']]])('is finished by the same command with %s', async (how) => {
    const cwd = temporaryFolder();
    await endInSwitch(cwd, other);
    expect(inUse(cwd).publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    const { generation, certificate } = issued(await issue(cwd, [...other, ...how]));
    expect(generation).toBe(2);
    expect(inUse(cwd).publicKey.asymmetricKeyDetails?.namedCurve).toBe('secp384r1');
    expect(inUse(cwd).toString()).toBe(certificate.pem);
    expect(readdirSync(join(folderOf(cwd), 'versions')).sort()).toEqual(['000001', '000002']);
    expect([...problemsIn(cwd), ...leftovers(cwd)]).toEqual([]);
  });

  it('is finished and followed by a new generation where what it made is due by now', async () => {
    const cwd = temporaryFolder();
    await endInSwitch(cwd, other);
    const { generation } = issued(await issue(cwd, [...other, '--if-due'], later(24 * 25)));
    expect(generation).toBe(3);
    expect(readlinkSync(join(folderOf(cwd), 'current'))).toBe('versions/000003');
    expect([...problemsIn(cwd), ...leftovers(cwd)]).toEqual([]);
  });

  it('is left behind by a command that asks for something else', async () => {
    const cwd = temporaryFolder();
    await endInSwitch(cwd, other);
    const { generation } = issued(await issue(cwd, ['--if-due']));
    expect(generation).toBe(3);
    expect(inUse(cwd).publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect([...problemsIn(cwd), ...leftovers(cwd)]).toEqual([]);
  });
});

describe('a pair of plain files', () => {
  it('leaves no key alone where the certificate cannot be written', async () => {
    const cwd = temporaryFolder();
    expect(await run(['ca', 'init'], { cwd })).toMatchObject({ code: 0 });
    writeFileSync(join(cwd, 'in-the-way'), '');
    const paths = ['--key-out', 'a.key', '--cert-out', 'in-the-way/a.crt'];
    expect(await issue(cwd, paths)).toMatchObject({ code: 2 });
    expect(readdirSync(cwd).sort()).toEqual(['ca', 'in-the-way']);
  });
});

describe('ca init with an offline root', () => {
  it('refuses a file that is there before it makes anything, and says what to do', async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'root.pem'), 'of another CA');
    const ran = await run(['ca', 'init', '--offline-root', 'root.pem'], { cwd });
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toContain('root.pem is there already');
    expect(ran.stderr).toContain('remove it');
    expect(readdirSync(cwd)).toEqual(['root.pem']);
    expect(readFileSync(join(cwd, 'root.pem'), 'utf8')).toBe('of another CA');
  });
});
