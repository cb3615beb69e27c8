import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { acmRun } from '../support/aws/acm-run.ts';
import { emulatorForFile } from '../support/aws/lent.ts';
import { temporaryFolder } from '../support/cli.ts';
import { leftovers } from '../support/invariants.ts';
import { schemaErrors } from '../support/schemas.ts';

const emulator = emulatorForFile();
const day = 86_400_000;
const name = 'shop.example.com';

let cwd = '';
let ca = '';

const { certwright, counting, inAcm, serialInAcm, current, serial, isPair } = acmRun(emulator, () => ({
  cwd,
  name,
}));

interface Row {
  state: string;
  reason?: string;
  exitCode: number;
  renewedBy?: string;
  plan?: string | null;
  hint?: string;
  acm?: { arn: string; status: string };
  waitingFor?: string;
  error?: { code: string };
}

/** `issue --all` over the one certificate that is declared. */
async function issueAll(...flags: string[]): Promise<Row> {
  const { code, stdout } = await certwright('issue', '--all', '--json', ...flags);
  expect(schemaErrors(stdout)).toEqual([]);
  const [row] = (JSON.parse(stdout) as { certificates: Row[] }).certificates;
  expect(code).toBe(row?.exitCode);
  return row!;
}

/** `issue NAME --if-due`. */
async function ifDue(...flags: string[]): Promise<Row> {
  const { code, stdout } = await certwright('issue', name, '--if-due', '--json', ...flags);
  expect(schemaErrors(stdout)).toEqual([]);
  return { ...(JSON.parse(stdout) as Row), exitCode: Number(code) };
}

const declare = (settings: string): void =>
  writeFileSync(join(cwd, 'certwright.yaml'), `certificates: { ${name}: { ${settings} } }\n`);

beforeEach(async () => {
  cwd = temporaryFolder();
  emulator().cloud.certificates.clear();
  emulator().pace.describePolls = 0;
  emulator().clock.set(new Date());
  ca = await emulator().createCa({ grantsAcm: true });
});

describe.each([
  ['issue --all', issueAll],
  ['issue --if-due', ifDue],
] as const)('%s, of a certificate of ACM that is due', (_, issue) => {
  it('has a private one renewed under its ARN, and exports it', async () => {
    declare(`ca: "acm:${ca}"`);
    expect(await issue()).toMatchObject({ state: 'issued' });
    const { arn } = inAcm();
    expect(await issue()).toMatchObject({ state: 'unchanged' });
    emulator().clock.advance(280 * day);
    const since = counting();
    expect(await issue()).toMatchObject({ state: 'issued', exitCode: 0 });
    expect(since()).toEqual({ requested: 0, renewed: 1, exported: 1, billed: 1 });
    expect([inAcm().arn, serial(), isPair(), leftovers(cwd)]).toEqual([arn, serialInAcm(), true, []]);
    expect(await issue()).toMatchObject({ state: 'unchanged' });
  });

  it('exports one once more whose files are torn', async () => {
    declare(`ca: "acm:${ca}"`);
    await issue();
    const before = serial();
    rmSync(current('key.pem'));
    const since = counting();
    expect(await issue()).toMatchObject({ state: 'issued' });
    expect(since()).toEqual({ requested: 0, renewed: 0, exported: 1, billed: 0 });
    expect([serial(), isPair()]).toEqual([before, true]);
  });

  it('leaves a public one to ACM, and requests none', async () => {
    declare('ca: acm, usage: server');
    expect(await issue()).toMatchObject({ state: 'pending' });
    const { arn } = inAcm();
    emulator().approve(arn);
    expect(await issue()).toMatchObject({ state: 'issued' });
    emulator().clock.advance(140 * day);
    const since = counting();
    expect(await issue()).toMatchObject({
      state: 'due',
      renewedBy: 'owner',
      exitCode: 3,
      hint: `ACM does not renew ${arn}, since nothing uses it: --force requests another one`,
      acm: { arn, status: 'ISSUED' },
    });
    const user = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/1';
    emulator().associate(arn, user);
    expect(await issue()).toMatchObject({
      state: 'due',
      renewedBy: 'acm',
      exitCode: 0,
      hint: `ACM renews ${arn} itself, used by ${user}`,
    });
    const { stdout } = await certwright('issue', name, '--if-due');
    expect(stdout).toBe(`due ${name}: ACM renews ${arn} itself, used by ${user}\n`);
    emulator().clock.advance(20 * day);
    inAcm().approved = false;
    for (let times = 0; times < 2; times += 1) await issue();
    expect(await issue()).toMatchObject({ state: 'pending', exitCode: 75 });
    expect(since()).toEqual({ requested: 0, renewed: 0, exported: 0, billed: 0 });
  });
});

describe('issue --all', () => {
  it('goes on with a renewal that takes its time, and pays once', async () => {
    declare(`ca: "acm:${ca}"`);
    await issueAll();
    emulator().clock.advance(280 * day);
    emulator().pace.describePolls = 6;
    const since = counting();
    expect(await issueAll('--wait', '1s')).toMatchObject({ state: 'pending', exitCode: 75 });
    expect(await issueAll()).toMatchObject({ state: 'issued' });
    expect(since()).toEqual({ requested: 0, renewed: 1, exported: 1, billed: 1 });
    expect(leftovers(cwd)).toEqual([]);
  });

  it('says with --dry-run what would become of one at ACM', async () => {
    declare(`ca: "acm:${ca}"`);
    await issueAll();
    const { arn } = inAcm();
    emulator().clock.advance(280 * day);
    const since = counting();
    expect(await issueAll('--dry-run')).toMatchObject({
      state: 'to-issue',
      reason: 'due',
      plan: `has ACM renew ${arn}, which is billed`,
    });
    const { stdout } = await certwright('issue', '--all', '--dry-run');
    expect(stdout).toContain(`would issue ${name}: due; has ACM renew ${arn}, which is billed\n`);
    expect(await issueAll('--check')).toMatchObject({ state: 'to-issue', plan: null, exitCode: 3 });
    expect(since()).toEqual({ requested: 0, renewed: 0, exported: 0, billed: 0 });
  });
});
