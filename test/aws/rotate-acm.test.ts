import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RenewCertificateCommand } from '@aws-sdk/client-acm';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acmRun } from '../support/aws/acm-run.ts';
import type { AcmCertificate } from '../support/aws/acm/certificate.ts';
import { emulatorForFile } from '../support/aws/lent.ts';
import { acmClient } from '../support/aws/sdk.ts';
import { temporaryFolder, type Ran } from '../support/cli.ts';
import { leftovers } from '../support/invariants.ts';
import { schemaErrors } from '../support/schemas.ts';

const emulator = emulatorForFile();
const day = 86_400_000;

let cwd = '';
let name = '';
const { certwright, counting, inAcm, serialInAcm, current, serial, isPair } = acmRun(emulator, () => ({
  cwd,
  name,
}));
beforeEach(() => {
  cwd = temporaryFolder();
  emulator().cloud.certificates.clear();
  emulator().pace.describePolls = 0;
  emulator().clock.set(new Date());
  name = 'orders.internal';
});

interface Row {
  name: string;
  state: string;
  reason: string;
  exitCode: number;
  hint?: string;
  plan?: string;
  renewedBy?: string;
  waitingFor?: string;
  records?: { domain: string; name: string; value: string }[];
  acm?: { arn: string; status: string; renewal: { status: string } | null; inUseBy: string[] };
  error?: { code: string; message: string; hint?: string };
}

async function issue(...argv: string[]): Promise<void> {
  const { code, stderr } = await certwright('issue', ...argv);
  expect({ code, stderr }).toMatchObject({ code: 0 });
}

/** A run over the one certificate of the store. */
async function rotate(...flags: string[]): Promise<Row> {
  const { code, stdout } = await certwright('rotate', '--json', ...flags);
  expect(schemaErrors(stdout)).toEqual([]);
  const [row] = (JSON.parse(stdout) as { certificates: Row[] }).certificates;
  expect(code).toBe(row?.exitCode);
  return row!;
}

const due = (): void => emulator().clock.advance(280 * day);

describe('a private certificate of ACM', () => {
  let ca = '';
  beforeAll(async () => {
    ca = await emulator().createCa({ grantsAcm: true });
  });
  beforeEach(async () => {
    await issue(name, '--ca', `acm:${ca}`);
  });

  it('is renewed under its ARN and exported, for the price of one', async () => {
    const [before, { arn }] = [serial(), inAcm()];
    expect(JSON.parse(readFileSync(current('version.json'), 'utf8'))).toMatchObject({ arn });
    due();
    const since = counting();
    const looked = await rotate('--dry-run');
    expect(looked).toMatchObject({ state: 'to-rotate', plan: `has ACM renew ${arn}, which is billed` });
    expect(since()).toEqual({ requested: 0, renewed: 0, exported: 0, billed: 0 });
    expect(await rotate()).toMatchObject({ state: 'rotated', reason: 'due' });
    expect(since()).toEqual({ requested: 0, renewed: 1, exported: 1, billed: 1 });
    expect([serial() === before, serial(), isPair()]).toEqual([false, serialInAcm(), true]);
    expect(JSON.parse(readFileSync(current('version.json'), 'utf8'))).toMatchObject({ arn });
    expect(leftovers(cwd)).toEqual([]);
    expect(await rotate()).toMatchObject({ state: 'not-due' });
    expect(since().renewed).toBe(1);
  });

  it('that somebody has renewed already is only exported', async () => {
    due();
    await acmClient(emulator().endpoint).send(new RenewCertificateCommand({ CertificateArn: inAcm().arn }));
    const since = counting();
    expect(await rotate()).toMatchObject({ state: 'rotated' });
    expect(since()).toEqual({ requested: 0, renewed: 0, exported: 1, billed: 1 });
    expect(serial()).toBe(serialInAcm());
  });

  it('is renewed at once with --force', async () => {
    const since = counting();
    expect(await rotate('--force')).toMatchObject({ state: 'rotated', reason: 'forced' });
    expect(since()).toEqual({ requested: 0, renewed: 1, exported: 1, billed: 1 });
  });

  it('whose files are torn is exported once more, which costs nothing', async () => {
    const before = serial();
    rmSync(current('key.pem'));
    const since = counting();
    expect(await rotate()).toMatchObject({ state: 'rotated', reason: 'broken' });
    expect(since()).toEqual({ requested: 0, renewed: 0, exported: 1, billed: 0 });
    expect([serial(), isPair()]).toEqual([before, true]);
  });

  it('for other names is another one', async () => {
    writeFileSync(
      join(cwd, 'certwright.yaml'),
      `certificates: { ${name}: { ca: "acm:${ca}", names: [${name}, www.${name}] } }\n`,
    );
    const [before] = emulator().cloud.certificates.keys();
    const since = counting();
    // What takes its place has another ARN, and nobody else knows what stays behind.
    expect(await rotate()).toMatchObject({
      ...{ state: 'rotated', reason: 'changed' },
      warnings: [expect.stringContaining(`--certificate-arn ${before}`)],
    });
    expect(since()).toEqual({ requested: 1, renewed: 0, exported: 1, billed: 1 });
    expect(await rotate('--force')).toMatchObject({ state: 'rotated', warnings: [] });
  });

  it('of which something else is asked by now is another one, forced or not', async () => {
    const other = await emulator().createCa({ grantsAcm: true });
    const [held] = emulator().cloud.certificates.keys();
    const declare = (what: string): void => {
      writeFileSync(join(cwd, 'certwright.yaml'), `certificates: { ${name}: { ${what} } }\n`);
    };
    declare(`ca: "acm:${other}"`);
    const since = counting();
    expect(await rotate('--force')).toMatchObject({ state: 'rotated', reason: 'forced' });
    const { arn } = JSON.parse(readFileSync(current('version.json'), 'utf8')) as { arn: string };
    expect(arn).not.toBe(held);
    expect(emulator().cloud.certificates.get(arn)?.caArn).toBe(other);
    declare(`ca: "acm:${other}", names: [${name}, www.${name}]`);
    expect(await rotate('--force')).toMatchObject({ state: 'rotated' });
    expect(since()).toEqual({ requested: 2, renewed: 0, exported: 2, billed: 2 });
  });

  it('takes the place of one of the CA itself, forced or not', async () => {
    name = 'billing.internal';
    await issue(name, '--ca', ca);
    writeFileSync(join(cwd, 'certwright.yaml'), `certificates: { ${name}: { ca: "acm:${ca}" } }\n`);
    expect(await rotate(name, '--force')).toMatchObject({ state: 'rotated', reason: 'forced' });
    expect(isPair()).toBe(true);
  });

  it('that takes its time is waited for by the next run, and renewed once', async () => {
    due();
    emulator().pace.describePolls = 6;
    const since = counting();
    const first = await rotate('--wait', '1s');
    expect(first).toMatchObject({
      state: 'pending',
      waitingFor: `ACM to renew ${inAcm().arn}`,
      exitCode: 75,
    });
    expect(await rotate('--wait', '1s')).toMatchObject({ state: 'pending' });
    expect(await rotate()).toMatchObject({ state: 'rotated' });
    expect(since()).toEqual({ requested: 0, renewed: 1, exported: 1, billed: 1 });
    expect([serial(), leftovers(cwd)]).toEqual([serialInAcm(), []]);
  });

  it.each([
    ['RenewCertificate', true],
    ['RenewCertificate', false],
    ['ExportCertificate', true],
    ['ExportCertificate', false],
    ['GetCertificate', false],
    ['DescribeCertificate', false],
  ])(
    'loses an answer of %s (after it took effect: %s), and is paid for once',
    async (operation, afterEffect) => {
      due();
      const since = counting();
      emulator().script(operation, { kind: 'reset', afterEffect });
      const first = await rotate('--wait', '1s');
      if (first.state !== 'rotated') {
        expect(first).toMatchObject({ exitCode: 75 });
        expect(await rotate(name)).toMatchObject({ state: 'rotated' });
      }
      expect(since()).toMatchObject({ requested: 0, billed: 1 });
      expect([serial(), isPair(), leftovers(cwd)]).toEqual([serialInAcm(), true, []]);
    },
  );

  it('is paid for once in a storm of faults', async () => {
    const others = ['a', 'b', 'c'].map((letter) => `${letter}.internal`);
    for (const other of others) await issue(other, '--ca', `acm:${ca}`);
    due();
    const since = counting();
    const kinds = ['throttling', '500', '503', 'reset', 'html', 'expired-token'] as const;
    emulator().setFaults({ rate: 0.25, afterEffect: 0.5, kinds, seed: 11 });
    let code: Ran['code'] = 75;
    for (let runs = 0; code !== 0 && runs < 40; runs += 1) {
      ({ code } = await certwright('rotate', name, ...others, '--wait', '1s'));
    }
    emulator().setFaults({});
    expect(code).toBe(0);
    expect(since()).toMatchObject({ requested: 0, billed: 4 });
    expect(leftovers(cwd).filter((path) => !path.endsWith('.lock'))).toEqual([]);
  });

  it('that ACM may not renew leaves nothing begun, and says why', async () => {
    due();
    emulator().refuse('RenewCertificate', 'AccessDeniedException', 'not for you');
    const ran = await rotate();
    expect(ran).toMatchObject({ state: 'failed', error: { code: 'refused' }, exitCode: 1 });
    expect(leftovers(cwd)).toEqual([]);
    expect(await rotate()).toMatchObject({ state: 'waiting' });
    expect(await rotate(name)).toMatchObject({ state: 'rotated' });
  });

  it('whose CA does not let ACM issue any more says what helps', async () => {
    due();
    const { permissions } = emulator().cloud.cas.get(ca)!;
    const granted = permissions.splice(0);
    const ran = await rotate();
    permissions.push(...granted);
    expect(ran).toMatchObject({ state: 'failed', error: { code: 'refused' } });
    expect(ran.error?.message).toContain('PCA_ACCESS_DENIED');
    expect(ran.error?.hint).toContain('aws acm-pca create-permission');
    expect(leftovers(cwd)).toEqual([]);
  });

  it('that is expired or revoked is requested anew', async () => {
    inAcm().status = 'REVOKED';
    due();
    const { arn } = inAcm();
    expect(await rotate('--dry-run')).toMatchObject({
      plan: `requests another one, which is billed, since ${arn} is REVOKED`,
    });
    const since = counting();
    expect(await rotate()).toMatchObject({ state: 'rotated' });
    expect(since()).toEqual({ requested: 1, renewed: 0, exported: 1, billed: 1 });
  });

  it('of which the ARN was not kept is found among others that were never issued', async () => {
    const argv = ['issue', 'shop.example.com', '--ca', 'acm', '--usage', 'server', '--store', 'others'];
    expect((await certwright(...argv)).code).toBe(75);
    const made = [...emulator().cloud.certificates.values()];
    const [ours, waiting] = made;
    for (const status of ['FAILED', 'VALIDATION_TIMED_OUT'] as const) {
      const arn = `${waiting!.arn.slice(0, -2)}${status.length}`;
      emulator().cloud.certificates.set(arn, { ...waiting!, type: 'PRIVATE', arn, status });
    }
    // The list tells them in the order in which they were made.
    emulator().cloud.certificates.delete(ours!.arn);
    emulator().cloud.certificates.set(ours!.arn, ours!);
    const { arn: _, ...version } = JSON.parse(readFileSync(current('version.json'), 'utf8')) as {
      arn: string;
    };
    writeFileSync(current('version.json'), JSON.stringify(version));
    expect(await rotate('--dry-run', '--force')).toMatchObject({
      plan: `has ACM renew ${ours!.arn}, which is billed`,
    });
  });

  it('that is gone, or is looked for in another account, is bought anew with --force only', async () => {
    due();
    emulator().cloud.certificates.clear();
    const since = counting();
    const ran = await rotate();
    expect(ran).toMatchObject({ state: 'failed', error: { code: 'not-found' } });
    expect(ran.error?.hint).toContain('--force');
    expect(since().requested).toBe(0);
    expect(await rotate('--force')).toMatchObject({ state: 'rotated' });
    expect(since()).toMatchObject({ requested: 1, billed: 1 });
  });

  it('of which the ARN was not kept is looked for in the list', async () => {
    const { arn: _, ...version } = JSON.parse(readFileSync(current('version.json'), 'utf8')) as {
      arn: string;
    };
    writeFileSync(current('version.json'), JSON.stringify(version));
    due();
    const since = counting();
    expect(await rotate()).toMatchObject({ state: 'rotated' });
    expect(since()).toEqual({ requested: 0, renewed: 1, exported: 1, billed: 1 });
  });

  it('of which the record is damaged is looked for in the list, too, and can be forced', async () => {
    writeFileSync(current('version.json'), '{');
    due();
    const since = counting();
    expect(await rotate()).toMatchObject({ state: 'rotated' });
    expect(since()).toEqual({ requested: 0, renewed: 1, exported: 1, billed: 1 });
    writeFileSync(current('version.json'), '{');
    await issue(name, '--ca', `acm:${ca}`, '--force');
    expect(since()).toMatchObject({ requested: 1 });
  });
});

describe('a public certificate of ACM', () => {
  beforeEach(() => {
    name = 'shop.example.com';
  });
  const get = async (...flags: string[]): Promise<AcmCertificate> => {
    const argv = ['issue', name, '--ca', 'acm', '--usage', 'server', ...flags];
    expect((await certwright(...argv)).code).toBe(75);
    emulator().approve(inAcm().arn);
    await issue(...argv.slice(1));
    return inAcm();
  };
  const balancer = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/1';

  it('is looked for, and another one requested, in its own region, whatever the environment says', async () => {
    const { arn } = await get('--region', 'us-east-1');
    expect(await rotate('--dry-run', '--force')).toMatchObject({ plan: 'requests another one in us-east-1' });
    emulator().associate(arn, balancer);
    emulator().clock.advance(140 * day);
    expect(await rotate()).toMatchObject({ state: 'due', renewedBy: 'acm', acm: { arn } });
    const other = await rotate('--region', 'eu-west-1');
    expect(other).toMatchObject({ state: 'failed', exitCode: 2, error: { code: 'usage' } });
    expect(other.error?.message).toBe(`--region is eu-west-1, and ${arn} is of us-east-1`);
    expect(await rotate('--force')).toMatchObject({ state: 'pending' });
    const arns = [...emulator().cloud.certificates.keys()];
    expect(arns.map((one) => one.split(':')[3])).toEqual(['us-east-1', 'us-east-1']);
  });

  it('that stays in ACM and is in use is renewed by ACM, whose state is told; its copy follows', async () => {
    const { arn } = await get();
    emulator().associate(arn, balancer);
    emulator().clock.advance(140 * day);
    const since = counting();
    const waits = await rotate();
    expect(waits).toMatchObject({
      state: 'due',
      renewedBy: 'acm',
      exitCode: 0,
      hint: `ACM renews ${arn} itself, used by ${balancer}`,
      acm: { arn, status: 'ISSUED', eligibility: 'ELIGIBLE', renewal: null, inUseBy: [balancer] },
    });
    expect(await rotate('--dry-run')).toEqual(waits);
    emulator().clock.advance(20 * day);
    const before = serial();
    // ACM renews when it is looked at, in the emulator.
    emulator().pace.describePolls = 2;
    expect(await rotate()).toMatchObject({
      state: 'due',
      acm: { renewal: { status: 'PENDING_AUTO_RENEWAL' } },
    });
    for (let times = 0; times < 3; times += 1) await rotate('--dry-run');
    expect(await rotate()).toMatchObject({ state: 'rotated' });
    expect(since()).toEqual({ requested: 0, renewed: 0, exported: 0, billed: 0 });
    expect([serial() === before, serial()]).toEqual([false, serialInAcm()]);
  });

  it('that nothing uses is not renewed by ACM: its owner is told', async () => {
    const { arn } = await get();
    emulator().clock.advance(140 * day);
    expect(await rotate()).toMatchObject({
      state: 'due',
      renewedBy: 'owner',
      exitCode: 3,
      hint: `ACM does not renew ${arn}, since nothing uses it: --force requests another one`,
    });
  });

  it('whose renewal waits for a DNS record that is gone tells which', async () => {
    const { arn } = await get();
    emulator().associate(arn, balancer);
    emulator().clock.advance(160 * day);
    inAcm().approved = false;
    for (let times = 0; times < 2; times += 1) await rotate('--dry-run');
    const ran = await rotate();
    expect(ran).toMatchObject({
      state: 'pending',
      exitCode: 75,
      waitingFor: `the validation of shop.example.com, which the renewal of ${arn} needs`,
      acm: { arn, renewal: { status: 'PENDING_VALIDATION' } },
    });
    expect(ran.records).toMatchObject([{ domain: 'shop.example.com', type: 'CNAME' }]);
    const { name: record, value } = ran.records![0]!;
    emulator().publish(record, value);
    await rotate('--dry-run');
    expect(await rotate()).toMatchObject({ state: 'rotated' });
    emulator().cloud.dns.clear();
  });

  it('whose renewal failed is a matter of its owner', async () => {
    const { arn } = await get();
    emulator().associate(arn, balancer);
    emulator().clock.advance(140 * day);
    Object.assign(inAcm(), {
      renewal: { status: 'FAILED', reason: 'CAA_ERROR', updatedAt: new Date(), polls: 0 },
    });
    const ran = await rotate();
    expect(ran).toMatchObject({ state: 'due', renewedBy: 'owner', exitCode: 3 });
    expect(ran.hint).toContain('CAA_ERROR: a CAA record of the domain forbids Amazon');
  });

  it('with its key is left to ACM, and exported once ACM has renewed it; another is never bought unasked', async () => {
    const { arn } = await get('--exportable');
    const since = counting();
    emulator().clock.advance(140 * day);
    expect(await rotate()).toMatchObject({ state: 'due', renewedBy: 'acm', exitCode: 0 });
    emulator().clock.advance(20 * day);
    // ACM bills its own renewal.
    for (let times = 0; times < 3; times += 1) await rotate('--dry-run');
    expect(await rotate()).toMatchObject({ state: 'rotated' });
    expect(since()).toEqual({ requested: 0, renewed: 0, exported: 1, billed: 1 });
    expect([serial(), isPair()]).toEqual([serialInAcm(), true]);
    expect(inAcm().arn).toBe(arn);
  });

  it('with its key that AWS has revoked is bought anew with --force only', async () => {
    const { arn } = await get('--exportable');
    emulator().clock.advance(140 * day);
    inAcm().status = 'REVOKED';
    const since = counting();
    const ran = await rotate();
    expect(ran).toMatchObject({ state: 'due', renewedBy: 'owner', exitCode: 3, acm: { status: 'REVOKED' } });
    expect(ran.hint).toBe(`${arn} is REVOKED in ACM, and another one is billed: --force requests it`);
    expect(since().requested).toBe(0);
    expect(await rotate('--force')).toMatchObject({ state: 'pending' });
    expect(since()).toMatchObject({ requested: 1, billed: 0 });
  });
});
