import { X509Certificate } from 'node:crypto';
import { readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AddTagsToCertificateCommand } from '@aws-sdk/client-acm';
import { beforeEach, describe, expect, it } from 'vitest';
import { emulatorForFile } from '../support/aws/lent.ts';
import { acmClient } from '../support/aws/sdk.ts';
import { run, temporaryFolder, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

const emulator = emulatorForFile();
const name = 'orders.internal';
let cwd = '';
let arn = '';

const certwright = (...argv: string[]): Promise<Ran> =>
  run(argv, { cwd, env: { ...emulator().environment, AWS_MAX_ATTEMPTS: '1' } });

interface Row {
  state: string;
  exitCode: number;
  generation: number;
  deploy: { state: string; note?: string | null; error?: { code: string; message: string } };
}

async function rotate(...flags: string[]): Promise<Row> {
  const { code, stdout } = await certwright('rotate', '--json', ...flags);
  expect(schemaErrors(stdout)).toEqual([]);
  const [row] = (JSON.parse(stdout) as { certificates: Row[] }).certificates;
  expect(code).toBe(row?.exitCode);
  return row!;
}

const calls = (operation: string): number => emulator().stats.calls[operation] ?? 0;
const generation = (): string => readlinkSync(join(cwd, 'certs', name, 'current'));
/** Whether ACM holds what is in use. */
const isInAcm = (): boolean =>
  emulator()
    .cloud.certificates.get(arn)!
    .certificate!.der.equals(
      new X509Certificate(readFileSync(join(cwd, 'certs', name, 'current/cert.pem'))).raw,
    );

async function begin(...flags: string[]): Promise<void> {
  expect((await certwright('issue', name, '--create-ca')).code).toBe(0);
  const imported = await certwright('import', name, '--to', 'acm', '--json', ...flags);
  ({ arn } = JSON.parse(imported.stdout) as { arn: string });
  writeFileSync(join(cwd, 'certwright.yaml'), `certificates: { ${name}: { deploy: { acm: "${arn}" } } }\n`);
}

beforeEach(async () => {
  cwd = temporaryFolder();
  emulator().cloud.certificates.clear();
  await begin();
});

describe('deploy.acm', () => {
  it('brings what is in use under its ARN, and nothing where it is there', async () => {
    const before = calls('ImportCertificate');
    expect(await rotate()).toMatchObject({
      state: 'deployed',
      deploy: { state: 'done', note: `${arn} holds it already` },
    });
    expect(calls('ImportCertificate')).toBe(before);
    await acmClient(emulator().endpoint).send(
      new AddTagsToCertificateCommand({ CertificateArn: arn, Tags: [{ Key: 'team', Value: 'shop' }] }),
    );
    expect(await rotate('--force')).toMatchObject({ state: 'rotated', generation: 2, exitCode: 0 });
    expect(isInAcm()).toBe(true);
    expect([...emulator().cloud.certificates.values()].map(({ tags }) => [...tags])).toEqual([
      [['team', 'shop']],
    ]);
    expect(await rotate()).toMatchObject({ state: 'not-due' });
    expect(calls('ImportCertificate')).toBe(before + 1);
  });

  it.each([
    ['a lost answer', () => emulator().script('ImportCertificate', { kind: 'reset', afterEffect: true }), 75],
    ['a lost order', () => emulator().script('ImportCertificate', { kind: 'reset', afterEffect: false }), 75],
    [
      'throttling',
      () => emulator().script('ImportCertificate', { kind: 'throttling', afterEffect: false }),
      75,
    ],
    ['a denied one', () => emulator().refuse('ImportCertificate', 'AccessDeniedException', 'not for you'), 1],
    [
      'an expired token',
      () => emulator().script('GetCertificate', { kind: 'expired-token', afterEffect: false }),
      1,
    ],
  ])('is tried again after %s, without issuing again', async (_what, fail, exitCode) => {
    await rotate();
    fail();
    const failed = await rotate('--force');
    expect(failed).toMatchObject({ state: 'deploy-pending', deploy: { state: 'pending' } });
    expect(failed.exitCode).toBe(exitCode);
    expect(generation()).toBe('versions/000002');
    expect(await rotate()).toMatchObject({ state: 'deployed', exitCode: 0 });
    expect([generation(), isInAcm()]).toEqual(['versions/000002', true]);
  });

  it('names what ACM will not replace, before it is asked', async () => {
    await rotate();
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      `certificates: { ${name}: { keyType: ec-p384, deploy: { acm: "${arn}" } } }\n`,
    );
    const before = calls('ImportCertificate');
    const ran = await rotate();
    expect(ran).toMatchObject({ state: 'deploy-pending', deploy: { error: { code: 'not-permitted' } } });
    expect(ran.deploy.error?.message).toContain('its key is EC-P-256 and cannot become EC-P-384');
    expect(calls('ImportCertificate')).toBe(before);
  });

  it("goes to the ARN's region, whatever the environment says", async () => {
    cwd = temporaryFolder();
    await begin('--for', 'cloudfront', '--region', 'us-east-1');
    expect(arn).toContain(':us-east-1:');
    expect(await rotate('--force')).toMatchObject({ state: 'rotated', deploy: { state: 'done' } });
    expect(isInAcm()).toBe(true);
  });

  it('takes back what a rollback has put in use', async () => {
    await rotate('--force');
    expect((await certwright('rotate', name, '--rollback')).code).toBe(0);
    await rotate();
    expect([generation(), isInAcm()]).toEqual(['versions/000001', true]);
  });

  it('is told by a dry run', async () => {
    expect(await rotate('--dry-run')).toMatchObject({ state: 'to-deploy', deploys: [`import to ${arn}`] });
  });
});

describe('a certificate that was imported', () => {
  beforeEach(() => rmSync(join(cwd, 'certwright.yaml')));

  const all = (): Record<string, number> => ({ ...emulator().stats.calls });

  it('is brought under its ARN with every rotation, without being told; until then ACM is not asked', async () => {
    const before = all();
    expect(await rotate()).toMatchObject({ state: 'not-due', deploy: null });
    expect(all()).toEqual(before);
    expect(await rotate('--force', '--dry-run')).toMatchObject({ deploys: [`import to ${arn}`] });
    expect(await rotate('--force')).toMatchObject({ state: 'rotated', deploy: { state: 'done' } });
    expect([generation(), isInAcm()]).toEqual(['versions/000002', true]);
    expect(emulator().cloud.certificates.size).toBe(1);
    const after = all();
    expect(await rotate()).toMatchObject({ state: 'not-due', deploy: null });
    expect(all()).toEqual(after);
  });

  it('is tried again until ACM has it, and is listed as pending until then', async () => {
    emulator().script('ImportCertificate', { kind: 'reset', afterEffect: false });
    const failed = await rotate('--force');
    expect(failed).toMatchObject({ state: 'deploy-pending', exitCode: 75 });
    const listed = await certwright('list', '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject({
      certificates: [{ deploy: { state: 'pending', attempts: 1 } }],
    });
    expect(await rotate()).toMatchObject({ state: 'deployed', exitCode: 0 });
    expect([generation(), isInAcm()]).toEqual(['versions/000002', true]);
  });

  it('is told of by issue, and brought there by the next rotate, as by a rollback', async () => {
    const issued = await certwright('issue', name, '--force', '--json');
    expect(JSON.parse(issued.stdout)).toMatchObject({ deployPending: true });
    expect(isInAcm()).toBe(false);
    expect(await rotate()).toMatchObject({ state: 'deployed' });
    expect(isInAcm()).toBe(true);
    expect((await certwright('rotate', name, '--rollback')).code).toBe(0);
    expect([generation(), isInAcm()]).toEqual(['versions/000001', true]);
  });

  it('is tried again also where most others of the store are in peace', async () => {
    expect((await certwright('issue', 'another.internal')).code).toBe(0);
    emulator().script('ImportCertificate', { kind: 'reset', afterEffect: false });
    expect((await certwright('rotate', name, '--force')).code).toBe(75);
    // One at a time: what the first has shown of users and groups spares the second a closer look.
    const { code } = await certwright('rotate', '--jobs', '1');
    expect([code, isInAcm()]).toEqual([0, true]);
  });

  it('and is gone from ACM says so, and how to end it', async () => {
    emulator().cloud.certificates.clear();
    const ran = await rotate('--force');
    expect(ran).toMatchObject({ state: 'deploy-pending', deploy: { error: { code: 'not-found' } } });
    rmSync(join(cwd, `certs/${name}/imports/acm-eu-west-1.json`));
    expect(await rotate()).toMatchObject({ state: 'not-due', exitCode: 0 });
  });

  it('with a record that somebody has damaged is not brought anywhere', async () => {
    const file = join(cwd, `certs/${name}/imports/acm-eu-west-1.json`);
    writeFileSync(file, JSON.stringify({ schema: 1, region: 'eu-west-1', arn: 'arn:aws:s3:::bucket' }));
    const { code, stderr } = await certwright('rotate', '--force');
    expect([code, generation()]).toEqual([2, 'versions/000001']);
    expect(stderr).toContain(`${file}: arn "arn:aws:s3:::bucket" is not the ARN of a certificate in ACM`);
  });
});
