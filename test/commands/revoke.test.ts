import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readCrl, reasonOf, revokedCertificates, type Crl } from '../../src/pki/x509/crl.ts';
import { serialHex } from '../../src/pki/x509/certificate.ts';
import { formatName } from '../../src/pki/x509/distinguished-name.ts';
import { run, succeed, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

const day = 86_400_000;

interface Report {
  state: string;
  name: string | null;
  generation: number | null;
  inUse: boolean | null;
  serial: string;
  sha256: string;
  revocation: { revokedAt: string; reason: string; invalidityDate: string | null; by: string } | null;
  crl: { number: number; path: string; thisUpdate: string; nextUpdate: string };
  knownBy: string | null;
  trust: string | null;
  copies: { name: string; path: string }[];
  error: { code: string; message: string; hint: string };
}

async function folderWith(...names: string[]): Promise<string> {
  const cwd = temporaryFolder();
  await succeed(['ca', 'init', '--name', 'Test'], { cwd });
  for (const name of names) await succeed(['issue', name], { cwd });
  return cwd;
}

/** Runs it with --json and --yes. */
async function revoke(
  cwd: string,
  args: readonly string[],
  lent: Omit<Lent, 'cwd'> = {},
): Promise<Report & { code: Ran['code'] }> {
  const { code, stdout } = await run(['revoke', ...args, '--yes', '--json'], { cwd, ...lent });
  expect(schemaErrors(stdout)).toEqual([]);
  return { code, ...(JSON.parse(stdout) as Report) };
}

const issuerFolder = (cwd: string): string =>
  join(cwd, 'ca', 'issuers', readlinkSync(join(cwd, 'ca/active')).split('/').at(-1) ?? '');

const currentCrl = (cwd: string): Crl =>
  readCrl(readFileSync(join(issuerFolder(cwd), 'crl/current/crl.der')));

const listed = (cwd: string): Record<string, string> =>
  Object.fromEntries(
    [...revokedCertificates(currentCrl(cwd))].map((entry) => [serialHex(entry.serial), reasonOf(entry)]),
  );

const factsIn = (cwd: string): string[] => {
  const folder = join(issuerFolder(cwd), 'revoked');
  return existsSync(folder) ? readdirSync(folder).sort() : [];
};

const serialOf = (file: string): string => new X509Certificate(readFileSync(file)).serialNumber.toLowerCase();

const at = (milliseconds: number): { now: () => Date } => ({ now: () => new Date(milliseconds) });

describe('certwright revoke', () => {
  it('writes down what is revoked and signs the CRL that says so, which the trust bundle takes over', async () => {
    const cwd = await folderWith('a.internal', 'b.internal');
    const before = new Date(currentCrl(cwd).nextUpdate ?? 0).toISOString();
    const report = await revoke(cwd, [
      'a.internal',
      '--reason',
      'keyCompromise',
      '--invalidity-date',
      '2026-01-31',
    ]);
    const serial = serialOf(join(cwd, 'certs/a.internal/current/cert.pem'));
    expect(report).toMatchObject({
      code: 0,
      state: 'revoked',
      name: 'a.internal',
      generation: 1,
      inUse: true,
      serial,
      revocation: { reason: 'keyCompromise', invalidityDate: '2026-01-31T00:00:00.000Z' },
      knownBy: before,
    });
    expect(report.revocation?.by).toMatch(/^[^@]+@.+$/);
    expect(listed(cwd)).toEqual({ [serial]: 'keyCompromise' });
    expect(factsIn(cwd)).toEqual([`${serial}.1.json`]);
    const bundle = readFileSync(join(report.trust ?? '', 'crl.pem'), 'utf8');
    expect(bundle).toContain(readFileSync(report.crl.path, 'utf8'));
  });

  it('does nothing more the second time, whatever reason is given then', async () => {
    const cwd = await folderWith('a.internal');
    const first = await revoke(cwd, ['a.internal', '--reason', 'superseded']);
    const second = await revoke(cwd, ['a.internal', '--reason', 'keyCompromise']);
    expect(second).toMatchObject({ code: 0, state: 'already-revoked', revocation: { reason: 'superseded' } });
    expect(second.crl).toEqual(first.crl);
    expect(factsIn(cwd)).toHaveLength(1);
  });

  it('says which generation it is about to revoke, and whether that is the one in use', async () => {
    const cwd = await folderWith('a.internal');
    await succeed(['issue', 'a.internal', '--force'], { cwd });
    const old = await run(['revoke', 'a.internal', '--generation', '1', '--yes'], { cwd });
    expect(old.stderr).toContain('about to revoke a.internal generation 1, which is not in use (2 is)');
    expect(Object.keys(listed(cwd))).toEqual([
      serialOf(join(cwd, 'certs/a.internal/versions/000001/cert.pem')),
    ]);
    const current = await run(['revoke', 'a.internal', '--yes'], { cwd });
    expect(current.stderr).toContain('about to revoke a.internal generation 2, which is in use');
    expect(Object.keys(listed(cwd))).toHaveLength(2);
  });

  it('asks only at a terminal: elsewhere it touches nothing without --yes', async () => {
    const cwd = await folderWith('a.internal');
    const { code, stderr } = await run(['revoke', 'a.internal'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('add --yes');
    expect(factsIn(cwd)).toEqual([]);
    expect(listed(cwd)).toEqual({});
  });

  it('says with --dry-run what would happen, and touches nothing', async () => {
    const cwd = await folderWith('a.internal');
    const { code, stdout } = await run(['revoke', 'a.internal', '--dry-run', '--json'], { cwd });
    expect(code).toBe(0);
    expect(schemaErrors(stdout)).toEqual([]);
    expect(JSON.parse(stdout)).toMatchObject({ state: 'revoked', dryRun: true });
    expect(factsIn(cwd)).toEqual([]);
  });

  it('knows every reason of RFC 5280, in any case, and no other', async () => {
    const cwd = await folderWith('a.internal');
    const unknown = await revoke(cwd, ['a.internal', '--reason', 'fun']);
    expect(unknown).toMatchObject({ code: 2, error: { code: 'usage' } });
    expect(unknown.error.hint).toContain('keyCompromise, cACompromise');
    const { revocation } = await revoke(cwd, ['a.internal', '--reason', 'AACOMPROMISE']);
    expect(revocation?.reason).toBe('aACompromise');
    expect(Object.values(listed(cwd))).toEqual(['aACompromise']);
  });

  it('refuses an invalidity date in the future', async () => {
    const cwd = await folderWith('a.internal');
    const report = await revoke(cwd, ['a.internal', '--invalidity-date', '2126-01-01']);
    expect(report).toMatchObject({ code: 2, error: { code: 'bad-time' } });
  });
});

describe('what a hold is', () => {
  it('is released, and revoked again, each as an event of its own', async () => {
    const cwd = await folderWith('a.internal');
    const { serial, revocation } = await revoke(cwd, ['a.internal', '--hold']);
    expect(listed(cwd)).toEqual({ [serial]: 'certificateHold' });
    expect(await revoke(cwd, ['a.internal', '--release'])).toMatchObject({ code: 0, state: 'released' });
    expect(listed(cwd)).toEqual({});
    expect(await revoke(cwd, ['a.internal', '--release'])).toMatchObject({ code: 0, state: 'not-revoked' });
    const again = await revoke(cwd, ['a.internal', '--reason', 'keyCompromise']);
    expect(again.revocation?.revokedAt).not.toBe(revocation?.revokedAt);
    expect(listed(cwd)).toEqual({ [serial]: 'keyCompromise' });
    expect(factsIn(cwd)).toEqual([1, 2, 3].map((number) => `${serial}.${number}.json`));
  });

  it('becomes a revocation from the day of the hold', async () => {
    const cwd = await folderWith('a.internal');
    const hold = await revoke(cwd, ['a.internal', '--hold']);
    const final = await revoke(cwd, ['a.internal', '--reason', 'keyCompromise'], at(Date.now() + day));
    expect(final).toMatchObject({ state: 'revoked', revocation: { reason: 'keyCompromise' } });
    expect(final.revocation?.revokedAt).toBe(hold.revocation?.revokedAt);
  });

  it('is the only revocation that can be taken back', async () => {
    const cwd = await folderWith('a.internal');
    await revoke(cwd, ['a.internal']);
    expect(await revoke(cwd, ['a.internal', '--release'])).toMatchObject({
      code: 2,
      error: { code: 'not-permitted' },
    });
  });
});

describe('what can be revoked', () => {
  it('is named by a file, a serial number in any writing, or a fingerprint', async () => {
    const cwd = await folderWith('a.internal');
    const file = join(cwd, 'certs/a.internal/current/cert.pem');
    const certificate = new X509Certificate(readFileSync(file));
    const serial = certificate.serialNumber.toLowerCase();
    const pairs = serial.match(/../g)?.join(':') ?? '';
    const decimal = BigInt(`0x${serial}`).toString();
    const words = [
      ['certs/a.internal/current/fullchain.pem'],
      [serial.toUpperCase()],
      [`0x${serial}`],
      [pairs],
      [decimal],
      [certificate.fingerprint256],
      [certificate.fingerprint256.replace(/:/g, '').toLowerCase()],
    ];
    for (const [index, target] of words.entries()) {
      expect({ target, ...(await revoke(cwd, target)) }).toMatchObject({
        target,
        code: 0,
        state: index === 0 ? 'revoked' : 'already-revoked',
        name: 'a.internal',
        generation: 1,
        serial,
      });
    }
  });

  it('need not be in the store: its CA has it on record', async () => {
    const cwd = await folderWith();
    await succeed(['issue', 'out.internal', '--out', 'tls'], { cwd });
    const serial = serialOf(join(cwd, 'tls/cert.pem'));
    rmSync(join(cwd, 'tls'), { recursive: true });
    expect(await revoke(cwd, [serial])).toMatchObject({ code: 0, state: 'revoked', name: null, trust: null });
    expect(Object.keys(listed(cwd))).toEqual([serial]);
  });

  it('is refused where it may mean two things', async () => {
    const cwd = await folderWith('a.internal');
    copyFileSync(join(cwd, 'certs/a.internal/current/cert.pem'), join(cwd, 'a.internal'));
    expect(await revoke(cwd, ['a.internal'])).toMatchObject({ code: 2, error: { code: 'usage' } });
    expect(await revoke(cwd, ['a.internal', '--stored'])).toMatchObject({ code: 0 });
  });

  it('is refused where its digits are one serial in hex and another in decimal', async () => {
    const cwd = await folderWith('a.internal', 'b.internal');
    // Serials are random, so such a pair is made up from two certificates on record.
    const issued = join(issuerFolder(cwd), 'issued');
    const month = join(issued, readdirSync(issued)[0] ?? '');
    const [a = '', b = ''] = readdirSync(month);
    copyFileSync(join(month, a), join(month, '10.pem'));
    copyFileSync(join(month, b), join(month, '0a.pem'));
    const report = await revoke(cwd, ['10']);
    expect(report).toMatchObject({ code: 2, error: { code: 'usage' } });
    expect(report.error.hint).toContain('name one of them');
  });

  it('must be of that CA', async () => {
    const cwd = await folderWith('a.internal');
    await succeed(['ca', 'init', '--ca', 'other'], { cwd });
    const report = await revoke(cwd, ['a.internal', '--ca', 'other']);
    expect(report).toMatchObject({ code: 2, error: { code: 'bad-input' } });
    expect(await revoke(cwd, ['0x1234'])).toMatchObject({ code: 2, error: { code: 'not-found' } });
    expect(await revoke(cwd, ['nobody.internal'])).toMatchObject({ code: 2, error: { code: 'not-found' } });
  });
});

describe('the CRL of a CA with revocations', () => {
  it('drops what has ended, after one more CRL', async () => {
    const cwd = await folderWith();
    await succeed(['issue', 'short.internal', '--lifetime', '2d'], { cwd });
    await succeed(['issue', 'long.internal'], { cwd });
    const { serial: short } = await revoke(cwd, ['short.internal']);
    const later = Date.now() + 3 * day;
    const { serial: long } = await revoke(cwd, ['long.internal', '--hold'], at(later));
    expect(Object.keys(listed(cwd)).sort()).toEqual([short, long].sort());
    await revoke(cwd, ['long.internal'], at(later + 60_000));
    expect(Object.keys(listed(cwd))).toEqual([long]);
    // It stays on record, and a repeat knows it.
    expect(await revoke(cwd, ['short.internal'], at(later + 120_000))).toMatchObject({
      code: 0,
      state: 'already-revoked',
    });
    expect(Object.keys(listed(cwd))).toEqual([long]);
  });

  it('is signed by the next command where a run did not live to do it', async () => {
    const cwd = await folderWith('a.internal', 'b.internal');
    const { serial } = await revoke(cwd, ['a.internal']);
    // As a run leaves it that died between the fact and its CRL.
    const other = serialOf(join(cwd, 'certs/b.internal/current/cert.pem'));
    const facts = join(issuerFolder(cwd), 'revoked');
    const fact = readFileSync(join(facts, `${serial}.1.json`), 'utf8');
    writeFileSync(join(facts, `${other}.1.json`), fact.replaceAll(serial, other));
    await succeed(['issue', 'c.internal'], { cwd });
    expect(Object.keys(listed(cwd)).sort()).toEqual([serial, other].sort());
    const bundle = readFileSync(join(cwd, 'certs/_trust/default/current/crl.pem'), 'utf8');
    expect(bundle).toContain(readFileSync(join(issuerFolder(cwd), 'crl/current/crl.pem'), 'utf8'));
  });

  it('is not signed over a fact that cannot be read', async () => {
    const cwd = await folderWith('a.internal', 'b.internal');
    const facts = join(issuerFolder(cwd), 'revoked');
    mkdirSync(facts, { mode: 0o700 });
    writeFileSync(join(facts, '1234.1.json'), '{ "schema": 1, "event": "revok');
    expect(await revoke(cwd, ['a.internal'])).toMatchObject({ code: 2, error: { code: 'malformed' } });
    writeFileSync(join(facts, '1234.1.json'), '{ "schema": 2 }');
    expect(await revoke(cwd, ['a.internal'])).toMatchObject({ code: 2, error: { code: 'unsupported' } });
  });

  it('lives as long as --crl-lifetime says', async () => {
    const cwd = temporaryFolder();
    await succeed(['ca', 'init', '--crl-lifetime', '7d'], { cwd });
    await succeed(['issue', 'a.internal'], { cwd });
    const { crl } = await revoke(cwd, ['a.internal']);
    const life = Date.parse(crl.nextUpdate) - Date.parse(crl.thisUpdate);
    expect(Math.abs(life - 7 * day)).toBeLessThan(120_000);
  });

  it('of the root lists an issuing CA', async () => {
    const cwd = await folderWith('a.internal');
    const report = await revoke(cwd, [join(issuerFolder(cwd), 'cert.pem'), '--reason', 'cACompromise']);
    expect(report).toMatchObject({ code: 0, state: 'revoked' });
    const crl = readCrl(readFileSync(report.crl.path.replace(/pem$/, 'der')));
    expect(formatName(crl.issuerName)).toBe('CN=Test Root CA');
    expect([...revokedCertificates(crl)].map(reasonOf)).toEqual(['cACompromise']);
  });
});

describe('a fact that was lost', () => {
  async function lost(): Promise<string> {
    const cwd = await folderWith('a.internal', 'b.internal');
    await succeed(['revoke', 'a.internal', '--yes', '--reason', 'keyCompromise'], { cwd });
    rmSync(join(issuerFolder(cwd), 'revoked'), { recursive: true });
    return cwd;
  }
  const listed = (cwd: string): string[] =>
    [...revokedCertificates(readCrl(readFileSync(join(cwd, 'ca/active/crl/current/crl.der'))))].map(reasonOf);

  it('is told of by ca doctor, whose fix lists it still', async () => {
    const cwd = await lost();
    const { code, stdout } = await run(['ca', 'doctor'], { cwd });
    expect({ code, stdout }).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('lists 1 that is not on record') as string,
    });
    expect((await run(['ca', 'doctor', '--fix'], { cwd })).code).toBe(0);
    expect(listed(cwd)).toEqual(['keyCompromise']);
    expect((await run(['ca', 'doctor'], { cwd })).code).toBe(0);
  });

  it('is taken up again by the next CRL: what was listed stays revoked', async () => {
    const cwd = await lost();
    await succeed(['revoke', 'b.internal', '--yes', '--reason', 'superseded'], { cwd });
    expect(listed(cwd).sort()).toEqual(['keyCompromise', 'superseded']);
    const again = await run(['revoke', 'a.internal', '--yes'], { cwd });
    expect(again.stdout).toContain('revoked already');
  });
});

it('says that what is on record is not replaced by what is asked for now', async () => {
  const cwd = await folderWith('a.internal');
  await succeed(['revoke', 'a.internal', '--yes'], { cwd });
  const again = await run(['revoke', 'a.internal', '--yes', '--reason', 'keyCompromise'], { cwd });
  expect(again).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('its record stays as it is: unspecified') as string,
  });
  expect((await run(['revoke', 'a.internal', '--yes'], { cwd })).stderr).not.toContain('record stays');
});

it('refuses in a dry run, too, where the key of the CA is away', async () => {
  const cwd = await folderWith('a.internal');
  rmSync(join(issuerFolder(cwd), 'key.pem'));
  const { code, stderr } = await run(['revoke', 'a.internal', '--dry-run'], { cwd });
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('key of the CA is not there') as string,
  });
});

describe('an issuing CA that was revoked', () => {
  const authority = (cwd: string): string => join(issuerFolder(cwd), 'cert.pem');
  async function revoked(reason = 'cACompromise'): Promise<string> {
    const cwd = await folderWith('a.internal');
    const hold = reason === 'certificateHold';
    const { stdout } = await run(
      ['revoke', authority(cwd), '--yes', ...(hold ? ['--hold'] : ['--reason', reason])],
      { cwd },
    );
    expect(stdout.includes('next: certwright ca init --ca DIR')).toBe(!hold);
    return cwd;
  }

  it('signs nothing any more', async () => {
    const cwd = await revoked();
    for (const argv of [
      ['issue', 'b.internal'],
      ['issue', 'b.internal', '--dry-run'],
      ['issue', 'a.internal', '--force'],
    ]) {
      const { code, stderr } = await run(argv, { cwd });
      expect({ argv, code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(
          /the CA certificate ".+" was revoked .+ \(cACompromise\).+cert\.pem/,
        ) as string,
      });
      expect(stderr).toContain('certwright ca init --ca DIR');
    }
  });

  it('makes due what it has signed, which cannot be replaced from there', async () => {
    const cwd = await revoked();
    const { code, stdout } = await run(['rotate', '--json'], { cwd });
    expect(schemaErrors(stdout)).toEqual([]);
    expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({
      code: 2,
      certificates: [{ state: 'failed', reason: 'issuer-revoked', error: { code: 'not-valid' } }],
    });
    await succeed(['ca', 'init', '--ca', 'next'], { cwd });
    writeFileSync(join(cwd, 'certwright.yaml'), 'certificates: { a.internal: { ca: ./next } }\n');
    expect(await run(['rotate'], { cwd })).toMatchObject({ code: 0 });
    expect((await run(['rotate'], { cwd })).stdout).toContain('not due');
  });

  it('is told of by ca doctor and ca show', async () => {
    const cwd = await revoked();
    const doctor = await run(['ca', 'doctor'], { cwd });
    expect(doctor.code).toBe(3);
    expect(doctor.stdout).toMatch(/was revoked .* \(cACompromise\)/);
    expect((await run(['ca', 'show'], { cwd })).stdout).toContain('(issuing, revoked)');
  });

  it('signs again once its hold is taken back', async () => {
    const cwd = await revoked('certificateHold');
    expect(await run(['issue', 'b.internal'], { cwd })).toMatchObject({ code: 2 });
    await succeed(['revoke', authority(cwd), '--release', '--yes'], { cwd });
    await succeed(['issue', 'b.internal'], { cwd });
    expect((await run(['rotate'], { cwd })).code).toBe(0);
  });
});

it('refuses to revoke a root, which no CRL takes trust from', async () => {
  const cwd = await folderWith('a.internal');
  const { code, stderr } = await run(['revoke', 'certs/a.internal/current/ca.pem', '--yes'], { cwd });
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('is a root') as string });
});

describe('what is asked before', () => {
  it.each([
    [['a.internal', '--hold'], 'peers refuse it until it is released'],
    [['a.internal', '--release'], 'it counts again for everybody'],
    [['a.internal'], 'a revocation is for good'],
  ])('%j: %s', async (argv, why) => {
    const cwd = await folderWith('a.internal');
    const { code, stderr } = await run(['revoke', ...argv], { cwd });
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(why) as string });
  });
});

describe('a successor first', () => {
  const generation = (cwd: string): string =>
    readlinkSync(join(cwd, 'certs/a.internal/current')).split('/').at(-1) ?? '';
  const unfinished = (cwd: string): string => join(cwd, 'certs/a.internal/revoking.json');
  const replace = ['a.internal', '--replace', '--reason', 'superseded'];
  /** As a run that was killed leaves it. */
  const begun = (cwd: string): void => {
    writeFileSync(unfinished(cwd), '{"schema":1,"generation":1}');
  };
  async function started(): Promise<{ cwd: string; serial: string }> {
    const cwd = await folderWith('a.internal');
    return { cwd, serial: serialOf(join(cwd, 'certs/a.internal/current/cert.pem')) };
  }

  it('is in use and told before the other is revoked', async () => {
    const { cwd, serial } = await started();
    const crl = 'ca/active/crl/current/crl.der';
    const run = `["/bin/sh", "-c", "test $(wc -c < ${join(cwd, crl)}) -eq ${readFileSync(join(cwd, crl)).length}"]`;
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      `certificates: { a.internal: { deploy: { run: ${run} } } }\n`,
    );
    expect(await revoke(cwd, replace)).toMatchObject({
      code: 0,
      serial,
      generation: 1,
      inUse: false,
      successor: 2,
    });
    expect(listed(cwd)).toEqual({ [serial]: 'superseded' });
    expect(generation(cwd)).toBe('000002');
    expect(existsSync(unfinished(cwd))).toBe(false);
  });

  it('is made by the same command where a run was killed before the switch', async () => {
    const { cwd, serial } = await started();
    begun(cwd);
    expect(await revoke(cwd, replace)).toMatchObject({ code: 0, serial, successor: 2 });
    expect(listed(cwd)).toEqual({ [serial]: 'superseded' });
  });

  it('is not taken for what is meant where a run was killed before it could revoke', async () => {
    const { cwd, serial } = await started();
    begun(cwd);
    const { stderr } = await run(['rotate', 'a.internal', '--force'], { cwd });
    expect(stderr).toContain(
      'generation 1 is still to be revoked: "certwright revoke a.internal --replace" goes on',
    );
    expect(await revoke(cwd, ['a.internal'])).toMatchObject({
      code: 2,
      error: { code: 'usage', hint: 'go on with --replace, or say which one is meant: --generation 1' },
    });
    expect(factsIn(cwd)).toEqual([]);
    expect(await revoke(cwd, replace)).toMatchObject({
      code: 0,
      serial,
      generation: 1,
      inUse: false,
      successor: 2,
    });
    expect(generation(cwd)).toBe('000002');
    // The next is an order of its own; and whoever names the generation ends it, too.
    begun(cwd);
    expect(await revoke(cwd, ['a.internal', '--generation', '1'])).toMatchObject({ code: 0, serial });
    expect(existsSync(unfinished(cwd))).toBe(false);
  });

  it.each([
    ['run: ["/bin/false"]', 'hook-failed', '/bin/false ended with 1', '000002'],
    [
      'run: ["/bin/true"], confirm: { servers: ["127.0.0.1:1"], timeout: 1s }',
      'confirm-failed',
      'generation 1 is in use again',
      '000001',
    ],
  ])(
    'whose service fails (%s) leaves the other as it is, and says so',
    async (deploy, code, words, inUse) => {
      const { cwd, serial } = await started();
      const file = join(cwd, 'certwright.yaml');
      writeFileSync(file, `certificates: { a.internal: { deploy: { ${deploy} } } }\n`);
      const refused = await revoke(cwd, replace);
      expect(refused).toMatchObject({ code: 1, error: { code } });
      expect(refused.error.message).toMatch(
        /^nothing was revoked: the service of a.internal did not take generation 2/,
      );
      expect(refused.error.message).toContain(words);
      expect([factsIn(cwd), generation(cwd)]).toEqual([[], inUse]);
      writeFileSync(file, 'certificates: { a.internal: { deploy: { run: ["/bin/true"] } } }\n');
      expect(await revoke(cwd, replace)).toMatchObject({ code: 0, serial, generation: 1 });
      expect(listed(cwd)).toEqual({ [serial]: 'superseded' });
    },
  );
});

describe('a CRL that lapses', () => {
  interface Warned {
    stderr: string;
    states: string[];
  }
  async function warned(cwd: string, days: number, ...argv: string[]): Promise<Warned> {
    const later = at(Date.now() + days * day);
    const { stdout } = await run([...argv, '--json'], { cwd, ...later });
    expect(schemaErrors(stdout)).toEqual([]);
    const { crls, stored } = JSON.parse(stdout) as Record<'crls' | 'stored', unknown>;
    const all = (crls ?? (stored as { crls: unknown }).crls) as { state: string }[];
    const { stderr } = await run(argv, { cwd, ...later });
    return { stderr, states: [...new Set(all.map(({ state }) => state))].sort() };
  }

  it('is warned of by inspect, and by rotate where it cannot have the next one made', async () => {
    const cwd = await folderWith('a.internal');
    expect(await warned(cwd, 1, 'inspect', 'a.internal')).toEqual({ stderr: '', states: ['fresh'] });
    const lapsing = await warned(cwd, 25, 'inspect', 'a.internal');
    expect(lapsing.states).toEqual(['fresh', 'lapsing']);
    expect(lapsing.stderr).toMatch(/^warning: the CRL of \.\.\/ca .* lapses in .* "certwright rotate"/);
    expect((await warned(cwd, 31, 'inspect', 'a.internal')).stderr).toContain(' lapsed 1 day ago, ');
    // Whoever names a certificate has that one rotated, and no CRL signed.
    expect((await warned(cwd, 25, 'rotate', 'a.internal', '--dry-run')).stderr).toContain(' lapses in ');
    // Somebody else has the CA.
    renameSync(join(cwd, 'ca'), join(cwd, 'elsewhere'));
    const elsewhere = await warned(cwd, 25, 'rotate');
    expect(elsewhere.states).toEqual(['fresh', 'lapsing']);
    expect(elsewhere.stderr).toContain(' lapses in ');
    renameSync(join(cwd, 'elsewhere'), join(cwd, 'ca'));
    expect(await warned(cwd, 25, 'rotate')).toMatchObject({ states: ['fresh'] });
  });

  it('is seen in its file, and in bundles that are declared', async () => {
    const cwd = await folderWith('a.internal');
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      'authorities: { corp: ./ca }\ntrust: { peers: { authorities: [corp] } }\n',
    );
    await succeed(['trust'], { cwd });
    const { stderr } = await warned(cwd, 25, 'list');
    expect(stderr).toContain('_trust/peers/current/crl.pem) lapses in');
    const file = join(issuerFolder(cwd), 'crl/current/crl.pem');
    const lapsing = async (days: number): Promise<unknown> => {
      const { stdout } = await run(['inspect', file, '--json'], { cwd, ...at(Date.now() + days * day) });
      expect(schemaErrors(stdout)).toEqual([]);
      const [{ state, lapsing } = {}] = (JSON.parse(stdout) as { items: Record<string, unknown>[] }).items;
      return [state, lapsing];
    };
    expect(await lapsing(1)).toEqual(['current', false]);
    expect(await lapsing(25)).toEqual(['current', true]);
    expect(await lapsing(31)).toEqual(['outdated', false]);
  });
});

describe('copies of a CRL', () => {
  it('are named, since only rotate writes them and tells their services', async () => {
    const cwd = await folderWith('a.internal', 'b.internal');
    const [copy, other] = [join(cwd, 'crl.pem'), join(cwd, 'other.pem')];
    const outputs = [copy, other].map((path) => ({ path, content: 'crl' }));
    const certificates = { 'web.internal': { ca: './ca', outputs }, 'plain.internal': { ca: './ca' } };
    writeFileSync(join(cwd, 'certwright.yaml'), JSON.stringify({ certificates }));
    await succeed(['issue', '--all'], { cwd });
    const before = readFileSync(copy, 'utf8');
    const { stdout } = await succeed(['revoke', 'a.internal', '--yes'], { cwd });
    expect(stdout).toContain(`next: certwright rotate, which writes the CRL to ${copy} and 1 more too\n`);
    expect(readFileSync(copy, 'utf8')).toBe(before);
    const report = await revoke(cwd, ['b.internal']);
    expect(report.copies).toEqual([copy, other].map((path) => ({ name: 'web.internal', path })));
    await succeed(['rotate'], { cwd });
    expect(readFileSync(copy, 'utf8')).not.toBe(before);
    expect(await revoke(await folderWith('c.internal'), ['c.internal'])).toMatchObject({ copies: [] });
  });
});

describe('what was revoked', () => {
  interface Row {
    name: string;
    state: string;
    reason: string | null;
    revoked: { reason: string } | null;
  }
  const rows = async (cwd: string, ...argv: string[]): Promise<{ code: Ran['code']; rows: Row[] }> => {
    const { code, stdout } = await run([...argv, '--json'], { cwd });
    expect(schemaErrors(stdout)).toEqual([]);
    return { code, rows: (JSON.parse(stdout) as { certificates: Row[] }).certificates };
  };

  it('is due at once, and list and inspect say so', async () => {
    const cwd = await folderWith('a.internal', 'b.internal');
    await revoke(cwd, ['a.internal', '--reason', 'superseded']);
    const listed = await rows(cwd, 'list');
    expect(Object.fromEntries(listed.rows.map(({ name, state }) => [name, state]))).toEqual({
      'a.internal': 'revoked',
      'b.internal': 'fine',
    });
    const inspected = await run(['inspect', 'a.internal'], { cwd });
    expect(inspected.stdout).toMatch(/revoked since .*, superseded/);
    const checked = await run(['inspect', 'a.internal', '--check', '--json'], { cwd });
    expect(schemaErrors(checked.stdout)).toEqual([]);
    expect(checked.code).toBe(3);
    expect(JSON.parse(checked.stdout)).toMatchObject({
      check: { met: false, failures: [{ item: 0, reason: 'revoked' }] },
    });
    expect((await run(['inspect', 'a.internal', '--check'], { cwd })).stdout).toContain('is revoked');
    const judged = await run(['inspect', 'a.internal', '--trust', 'certs/a.internal/current/ca.pem'], {
      cwd,
    });
    expect(judged).toMatchObject({ code: 3 });
    expect(judged.stdout).toMatch(/a\.internal is on record as revoked on \S+: superseded: issue a new one/);
    expect(
      await run(['inspect', 'b.internal', '--trust', 'certs/a.internal/current/ca.pem'], { cwd }),
    ).toMatchObject({
      code: 0,
    });
    expect(await run(['inspect', 'b.internal', '--check'], { cwd })).toMatchObject({ code: 0 });
    const rotated = await rows(cwd, 'rotate');
    expect(rotated.rows.map(({ name, state, reason }) => [name, state, reason])).toEqual([
      ['a.internal', 'rotated', 'revoked'],
      ['b.internal', 'not-due', null],
    ]);
    expect((await rows(cwd, 'rotate')).rows.map(({ state }) => state)).toEqual(['not-due', 'not-due']);
    expect((await rows(cwd, 'list')).rows.map(({ state }) => state)).toEqual(['fine', 'fine']);
  });

  it('is told where another CA is asked for by now, and of the CA above as well', async () => {
    const cwd = await folderWith('a.internal', 'b.internal');
    const trust = ['--trust', 'certs/b.internal/current/ca.pem'];
    await succeed(['ca', 'init', '--ca', 'next'], { cwd });
    await succeed(['issue', 'a.internal', '--ca', 'next', '--force'], { cwd });
    await succeed(['rotate', 'a.internal', '--rollback'], { cwd });
    await revoke(cwd, ['a.internal', '--reason', 'superseded']);
    expect((await run(['inspect', 'a.internal', '--check'], { cwd })).code).toBe(3);
    expect((await run(['inspect', 'a.internal', ...trust], { cwd })).code).toBe(3);
    expect((await rows(cwd, 'list')).rows.find(({ name }) => name === 'a.internal')?.state).toBe('revoked');

    expect((await run(['inspect', 'b.internal', '--check', ...trust], { cwd })).code).toBe(0);
    await revoke(cwd, ['ca/active/cert.pem', '--reason', 'cACompromise']);
    const { code, stdout } = await run(['inspect', 'b.internal', '--check', '--json'], { cwd });
    expect(schemaErrors(stdout)).toEqual([]);
    expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({
      ...{ code: 3, stored: { revoked: null } },
      check: { met: false, failures: [{ item: 1, reason: 'revoked' }] },
    });
    expect((await run(['inspect', 'b.internal', ...trust], { cwd })).stdout).toContain(
      'Test Issuing CA is on record as revoked',
    );
  });

  it('is not due while it is only on hold', async () => {
    const cwd = await folderWith('a.internal');
    await revoke(cwd, ['a.internal', '--hold']);
    expect((await rows(cwd, 'rotate')).rows).toMatchObject([{ state: 'not-due' }]);
    expect((await rows(cwd, 'list')).rows).toMatchObject([
      { state: 'revoked', revoked: { reason: 'certificateHold' } },
    ]);
    await revoke(cwd, ['a.internal', '--release']);
    expect((await rows(cwd, 'list')).rows).toMatchObject([{ state: 'fine', revoked: null }]);
  });

  it('gets another key where its own is in wrong hands, whatever was asked for', async () => {
    const cwd = temporaryFolder();
    await succeed(['ca', 'init'], { cwd });
    await succeed(['issue', 'a.internal', '--reuse-key'], { cwd });
    const key = (): string => readFileSync(join(cwd, 'certs/a.internal/current/key.pem'), 'utf8');
    const first = key();
    await revoke(cwd, ['a.internal', '--reason', 'superseded']);
    await succeed(['rotate'], { cwd });
    expect(key()).toBe(first);
    await revoke(cwd, ['a.internal', '--reason', 'keyCompromise']);
    await succeed(['rotate'], { cwd });
    expect(key()).not.toBe(first);
  });

  it('is not rolled back to without --force', async () => {
    const cwd = await folderWith('a.internal');
    await succeed(['issue', 'a.internal', '--force'], { cwd });
    await revoke(cwd, ['a.internal', '--generation', '1']);
    const { code, stderr } = await run(['rotate', 'a.internal', '--rollback'], { cwd });
    expect(code).toBe(2);
    expect(stderr).toContain('generation 1 of a.internal was revoked');
    await succeed(['rotate', 'a.internal', '--rollback', '--force'], { cwd });
  });
});
