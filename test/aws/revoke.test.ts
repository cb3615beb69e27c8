import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { emulatorForFile } from '../support/aws/lent.ts';
import { run, temporaryFolder, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

const day = 86_400_000;
const emulator = emulatorForFile({ crlDelay: 0, ocspDelay: 0 });
const crl = { CrlConfiguration: { Enabled: true, ExpirationInDays: 7, S3BucketName: 'crls' } };
let ca = '';
let silent = '';
let withOcsp = '';

beforeAll(async () => {
  const root = await emulator().createCa();
  ca = await emulator().createCa({ parent: root, name: 'Issuing', revocation: crl, grantsAcm: true });
  withOcsp = await emulator().createCa({
    parent: root,
    name: 'With OCSP',
    revocation: { OcspConfiguration: { Enabled: true } },
  });
  silent = await emulator().createCa({ parent: root, name: 'Silent' });
});

interface Report {
  code: Ran['code'];
  state: string;
  name: string | null;
  serial: string;
  visibleBy: string | null;
  urls: { crl: string[]; ocsp: string[] };
  seen: { url: string } | null;
  successor: number | null;
  warnings: string[];
  error: { code: string; message: string; hint: string };
}

const lent = (cwd: string): Parameters<typeof run>[1] => ({
  cwd,
  now: () => emulator().clock.now(),
  env: { ...emulator().environment, AWS_MAX_ATTEMPTS: '1' },
});

async function revoke(cwd: string, ...args: string[]): Promise<Report> {
  const { code, stdout } = await run(['revoke', ...args, '--yes', '--json'], lent(cwd));
  expect(schemaErrors(stdout)).toEqual([]);
  return { ...(JSON.parse(stdout) as Report), code };
}

async function issued(name: string, authority: string, ...args: string[]): Promise<string> {
  const cwd = temporaryFolder();
  const ran = await run(['issue', name, '--ca', authority, ...args], lent(cwd));
  expect({ code: ran.code, stderr: ran.code === 0 ? '' : ran.stderr }).toEqual({ code: 0, stderr: '' });
  return cwd;
}

const certificateOf = (cwd: string, name: string): X509Certificate =>
  new X509Certificate(readFileSync(join(cwd, 'certs', name, 'current/cert.pem')));
const serialOf = (cwd: string, name: string): string => certificateOf(cwd, name).serialNumber.toLowerCase();
const revokedAt = (arn: string): string[] =>
  [...(emulator().cloud.cas.get(arn)?.revoked.values() ?? [])].map(({ reason }) => reason);

describe('a certificate of AWS Private CA', () => {
  it('is revoked by its serial number, and says when that is visible', async () => {
    const cwd = await issued('a.internal', ca);
    const report = await revoke(cwd, 'a.internal', '--reason', 'cACompromise');
    expect(report).toMatchObject({
      code: 0,
      state: 'revoked',
      name: 'a.internal',
      serial: serialOf(cwd, 'a.internal'),
    });
    expect(Date.parse(report.visibleBy ?? '') - emulator().clock.now().getTime()).toBeGreaterThan(
      29 * 60_000,
    );
    expect(report.urls.crl).toHaveLength(1);
    expect(revokedAt(ca)).toContain('cACompromise');
    expect(await revoke(cwd, 'a.internal')).toMatchObject({ code: 0, state: 'already-revoked' });
  });

  it('is due at once, from what is written down beside its request', async () => {
    const cwd = await issued('due.internal', ca);
    await revoke(cwd, 'due.internal', '--reason', 'superseded');
    const { stdout } = await run(['rotate', '--json'], lent(cwd));
    expect(JSON.parse(stdout)).toMatchObject({
      certificates: [{ name: 'due.internal', state: 'rotated', reason: 'revoked' }],
    });
    const again = await run(['rotate', '--json'], lent(cwd));
    expect(JSON.parse(again.stdout)).toMatchObject({ certificates: [{ state: 'not-due' }] });
  });

  it('is seen in the CRL that it names, and only then --wait ends with 0', async () => {
    const cwd = await issued('seen.internal', ca);
    emulator().pace.crlDelay = 3_600_000;
    const early = await revoke(cwd, 'seen.internal', '--wait', '1s');
    expect(early).toMatchObject({ code: 75, state: 'revoked', seen: null });
    emulator().pace.crlDelay = 0;
    const later = await revoke(cwd, 'seen.internal', '--wait', '20s');
    expect(later).toMatchObject({ code: 0, state: 'already-revoked', seen: { url: later.urls.crl[0] } });
  });

  it('is seen at the OCSP responder that it names, where its CA has no CRL', async () => {
    const cwd = await issued('ocsp.internal', withOcsp);
    emulator().pace.ocspDelay = 3_600_000;
    const early = await revoke(cwd, 'ocsp.internal', '--wait', '1s');
    expect(early).toMatchObject({ code: 75, state: 'revoked', seen: null, urls: { crl: [] } });
    emulator().pace.ocspDelay = 0;
    const later = await revoke(cwd, 'ocsp.internal', '--wait', '20s');
    expect(later).toMatchObject({ code: 0, state: 'already-revoked', seen: { url: later.urls.ocsp[0] } });
    // Who may not ask for the CA's certificate has it from the store.
    emulator().refuse('GetCertificateAuthorityCertificate', 'AccessDeniedException', 'no');
    expect(await revoke(cwd, 'ocsp.internal', '--wait', '20s')).toMatchObject({ code: 0 });
  });

  it('is not waited for where only its number is known, or where it names nothing, which is said', async () => {
    const cwd = await issued('number.internal', silent);
    const number = await revoke(
      temporaryFolder(),
      `0x${serialOf(cwd, 'number.internal')}`,
      '--ca',
      silent,
      '--wait',
    );
    expect(number).toMatchObject({ code: 0, seen: null });
    expect(number.warnings.join('\n')).toContain('--wait needs its file or its ARN');
    const nowhere = await revoke(cwd, 'number.internal', '--wait');
    expect(nowhere.warnings.join('\n')).toContain('no CRL and no OCSP responder to wait for');
  });

  it('is named by its ARN, its file, or a serial number that only AWS knows', async () => {
    const cwd = await issued('by.internal', ca);
    const serial = serialOf(cwd, 'by.internal');
    const arn = [...(emulator().cloud.cas.get(ca)?.issued.keys() ?? [])].at(-1) ?? '';
    const byArn = await revoke(cwd, arn);
    expect(byArn).toMatchObject({ code: 0, state: 'revoked', name: 'by.internal', serial });
    // The ARN is none of ACM's.
    expect(byArn.warnings.join('\n')).not.toContain('stays in ACM');
    const elsewhere = temporaryFolder();
    expect(await revoke(elsewhere, `0x${serial}`, '--ca', ca)).toMatchObject({
      code: 0,
      state: 'already-revoked',
      name: null,
      serial,
    });
    expect(await revoke(elsewhere, '0x1234', '--ca', ca)).toMatchObject({
      code: 1,
      error: { code: 'refused', hint: expect.stringContaining('issued no such certificate') as string },
    });
  });

  it('is asked for again while AWS is busy with the CA', async () => {
    const cwd = await issued('busy.internal', ca);
    emulator().refuse('RevokeCertificate', 'RequestInProgressException', 'in progress');
    emulator().refuse('RevokeCertificate', 'ConcurrentModificationException', 'concurrent', 2);
    expect(await revoke(cwd, 'busy.internal')).toMatchObject({ code: 0, state: 'revoked' });
  });

  it('is revoked once where the answer was lost', async () => {
    const cwd = await issued('lost.internal', ca);
    emulator().script('RevokeCertificate', { kind: 'reset', afterEffect: true });
    expect(await revoke(cwd, 'lost.internal')).toMatchObject({ code: 75, error: { code: 'unreachable' } });
    expect(await revoke(cwd, 'lost.internal')).toMatchObject({ code: 0, state: 'already-revoked' });
  });

  it.each(['500', 'expired-token'] as const)(
    'is on record, and rotated, although its CA cannot be looked at then (%s)',
    async (kind) => {
      const cwd = await issued('record.internal', ca);
      emulator().script('DescribeCertificateAuthority', { kind, afterEffect: false });
      const report = await revoke(cwd, 'record.internal');
      expect(report).toMatchObject({ code: 0, state: 'revoked' });
      expect(report.warnings.join('\n')).toContain('how the CA tells of it is not known');
      const rotated = await run(['rotate', '--json'], lent(cwd));
      expect(JSON.parse(rotated.stdout)).toMatchObject({
        certificates: [{ state: 'rotated', reason: 'revoked' }],
      });
    },
  );

  it('knows no hold and no invalidity date, which is said before anything is asked', async () => {
    const cwd = await issued('hold.internal', ca);
    const before = emulator().stats.calls['RevokeCertificate'] ?? 0;
    for (const flags of [['--hold'], ['--release'], ['--invalidity-date', '2026-01-01']]) {
      expect(await revoke(cwd, 'hold.internal', ...flags)).toMatchObject({
        code: 2,
        error: { code: 'unsupported' },
      });
    }
    const billed = emulator().stats.billed;
    expect(await revoke(cwd, 'hold.internal', '--hold', '--replace')).toMatchObject({ code: 2 });
    expect(emulator().stats.billed).toBe(billed);
    expect(emulator().stats.calls['RevokeCertificate'] ?? 0).toBe(before);
  });

  it('is warned of where its CA tells nobody', async () => {
    const cwd = await issued('silent.internal', silent);
    const { warnings, visibleBy } = await revoke(cwd, 'silent.internal');
    expect(warnings.join('\n')).toContain('neither a CRL nor OCSP');
    expect(visibleBy).toBeNull();
  });

  it('is told apart by AWS saying no', async () => {
    const cwd = await issued('denied.internal', ca);
    emulator().refuse('RevokeCertificate', 'AccessDeniedException', 'no');
    expect(await revoke(cwd, 'denied.internal')).toMatchObject({
      code: 1,
      error: { code: 'refused', hint: expect.stringContaining('acm-pca:RevokeCertificate') as string },
    });
    expect(existsSync(join(cwd, 'certs/denied.internal/revoked.json'))).toBe(false);
  });

  it('is replaced first with --replace', async () => {
    const cwd = await issued('replaced.internal', ca);
    const serial = serialOf(cwd, 'replaced.internal');
    expect(await revoke(cwd, 'replaced.internal', '--replace', '--reason', 'superseded')).toMatchObject({
      code: 0,
      serial,
      successor: 2,
    });
    expect(serialOf(cwd, 'replaced.internal')).not.toBe(serial);
  });
});

describe('a certificate of ACM', () => {
  it('that is private is revoked by its CA, and said to stay in ACM', async () => {
    const cwd = await issued('acm.internal', `acm:${ca}`);
    const report = await revoke(cwd, 'acm.internal', '--reason', 'superseded');
    expect(report).toMatchObject({ code: 0, state: 'revoked', serial: serialOf(cwd, 'acm.internal') });
    expect(report.warnings.join('\n')).toContain('stays in ACM');
    expect(revokedAt(ca)).toContain('superseded');
  });

  const requested = (): number => emulator().stats.calls['RequestCertificate'] ?? 0;

  it('that is replaced first, since its key is in wrong hands, gets another key, although a renewal was begun', async () => {
    const name = 'stolen.internal';
    const cwd = await issued(name, `acm:${ca}`);
    emulator().refuse('RenewCertificate', 'RequestInProgressException', 'in progress');
    expect(await run(['rotate', name, '--force', '--wait', '1s'], lent(cwd))).toMatchObject({ code: 75 });
    const before = requested();
    const report = await revoke(cwd, name, '--replace', '--reason', 'keyCompromise');
    expect(report).toMatchObject({ code: 0, state: 'revoked', successor: 2 });
    expect(requested() - before).toBe(1);
    // The successor stands under another ARN.
    expect(report.warnings.join('\n')).toContain('stays in ACM');
  });

  it('that is replaced first by what ACM renews under the same ARN is not to be deleted there', async () => {
    const name = 'renewed.internal';
    const cwd = await issued(name, `acm:${ca}`);
    const before = requested();
    const report = await revoke(cwd, name, '--replace', '--reason', 'superseded');
    expect(report).toMatchObject({ code: 0, state: 'revoked', successor: 2 });
    expect(requested()).toBe(before);
    expect(report.warnings.join('\n')).not.toContain('delete-certificate');
  });

  it('that is private, revoked and due gets another one, not the renewed one', async () => {
    const name = 'due.internal';
    const cwd = await issued(name, `acm:${ca}`);
    expect(await revoke(cwd, name, '--reason', 'keyCompromise')).toMatchObject({ code: 0 });
    emulator().clock.advance(300 * day);
    const looked = await run(['rotate', name, '--dry-run', '--json'], lent(cwd));
    expect(JSON.parse(looked.stdout)).toMatchObject({
      certificates: [{ reason: 'due', plan: 'requests another one, which is billed' }],
    });
    const before = requested();
    expect((await run(['rotate', name, '--force'], lent(cwd))).code).toBe(0);
    emulator().clock.advance(-300 * day);
    expect(requested() - before).toBe(1);
  });

  /** @returns its ARN */
  async function issuedPublic(cwd: string, name: string, ...flags: string[]): Promise<string> {
    const argv = ['issue', name, '--ca', 'acm', '--usage', 'server', ...flags];
    await run(argv, lent(cwd));
    const arn = [...emulator().cloud.certificates.keys()].at(-1) ?? '';
    emulator().approve(arn);
    expect(await run(argv, lent(cwd))).toMatchObject({ code: 0 });
    return arn;
  }

  it('that is public and whose key never left ACM is not revoked, which a dry run says too', async () => {
    const cwd = temporaryFolder();
    await issuedPublic(cwd, 'kept.example.com');
    const before = requested();
    for (const flags of [['--dry-run'], [], ['--replace']]) {
      expect(await revoke(cwd, 'kept.example.com', ...flags)).toMatchObject({
        code: 2,
        error: { code: 'not-permitted' },
      });
    }
    expect(requested()).toBe(before);
  });

  it('that is public, exported and revoked is bought anew with --force only', async () => {
    const cwd = temporaryFolder();
    const name = 'bought.example.com';
    const arn = await issuedPublic(cwd, name, '--exportable');
    expect(await revoke(cwd, name)).toMatchObject({ code: 0, state: 'revoked' });
    const before = requested();
    const left = await run(['rotate', '--json'], lent(cwd));
    expect(left.code).toBe(3);
    expect(JSON.parse(left.stdout)).toMatchObject({
      certificates: [
        {
          state: 'due',
          reason: 'revoked',
          renewedBy: 'owner',
          hint: `${arn} is REVOKED in ACM, and another one is billed: --force requests it`,
        },
      ],
    });
    expect(requested()).toBe(before);
    expect((await run(['rotate', '--force'], lent(cwd))).code).toBe(75);
    expect(requested() - before).toBe(1);
  });

  it('that is public and exported is revoked by ACM', async () => {
    const cwd = temporaryFolder();
    const arn = await issuedPublic(cwd, 'www.example.com', '--exportable');
    const serial = serialOf(cwd, 'www.example.com');
    expect(await revoke(cwd, arn, '--reason', 'keyCompromise')).toMatchObject({
      code: 0,
      state: 'revoked',
      name: 'www.example.com',
      serial,
    });
    expect(emulator().cloud.certificates.get(arn)?.revoked).toMatchObject({ reason: 'KEY_COMPROMISE' });
    expect(await revoke(cwd, 'www.example.com')).toMatchObject({ code: 0, state: 'already-revoked' });
  });
});
