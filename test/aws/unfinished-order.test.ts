import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { run, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
import { emulatorForFile } from '../support/aws/lent.ts';
import { schemaErrors } from '../support/schemas.ts';

const emulator = emulatorForFile();
let ca = '';
beforeAll(async () => {
  ca = await emulator().createCa();
});

const command = (cwd: string, ...argv: string[]): Promise<Ran> => {
  const env = { ...emulator().environment, AWS_MAX_ATTEMPTS: '1' };
  return run(argv, { cwd, env, now: () => emulator().clock.now() } satisfies Lent);
};

const order = (cwd: string, ...flags: string[]): Promise<Ran> =>
  command(cwd, 'issue', 'p1.internal', '--ca', ca, ...flags);

/** Ordered, and not fetched; or without an answer. */
async function begun(lose: 'GetCertificate' | 'IssueCertificate' = 'GetCertificate'): Promise<string> {
  const cwd = temporaryFolder();
  emulator().script(lose, { kind: 'reset', afterEffect: true }, 1);
  expect((await order(cwd)).code).toBe(75);
  return cwd;
}

const documentOf = async (
  ran: Promise<Ran>,
): Promise<{ orders: { name: string; authority: string; arn: string | null }[]; warnings: string[] }> => {
  const { code, stdout } = await ran;
  expect({ code, errors: schemaErrors(stdout) }).toEqual({ code: 0, errors: [] });
  return JSON.parse(stdout) as never;
};

it.each(['p1.internal', '*.p1.internal'])(
  'the first order of %s is listed, and rotate names it',
  async (name) => {
    const cwd = temporaryFolder();
    emulator().script('GetCertificate', { kind: 'reset', afterEffect: true }, 1);
    expect((await command(cwd, 'issue', name, '--ca', ca)).code).toBe(75);
    const { orders } = await documentOf(command(cwd, 'list', '--json'));
    expect(orders).toMatchObject([{ name, authority: ca }]);
    const arn = orders[0]?.arn ?? '';
    expect(arn).toContain(`${ca}/certificate/`);
    const { stdout } = await command(cwd, 'list');
    expect(stdout).toMatch(/p1\.internal +pending/);
    expect(stdout).toContain(`${arn}; "certwright issue ${name}" with the flags of then goes on with it`);
    const line = (await command(cwd, 'list', '--json-lines')).stdout;
    expect([schemaErrors(line), JSON.parse(line)]).toMatchObject([[], { order: { arn } }]);
    expect((await command(cwd, 'list', '--ca', ca)).stdout).toContain(arn);
    const told = await command(cwd, 'rotate');
    expect([told.code, told.stderr]).toEqual([0, expect.stringContaining(arn)]);
    expect((await documentOf(command(cwd, 'rotate', '--json'))).orders).toEqual(orders);
    const named = await command(cwd, 'rotate', name);
    expect(named.code).toBe(2);
    expect(named.stderr).toContain(`"certwright issue ${name}"`);
  },
);

it('remove says how it goes on, and names what it drops', async () => {
  const cwd = await begun();
  const refused = await command(cwd, 'remove', 'p1.internal', '--yes');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('"certwright issue p1.internal" with the flags of then goes on with it');
  const arn = (await documentOf(command(cwd, 'list', '--json'))).orders[0]?.arn ?? '';
  const dropped = await command(cwd, 'remove', 'p1.internal', '--yes', '--discard-pending');
  expect(dropped.stdout).toContain(`"certwright revoke ${arn}" revokes it`);
});

it('issue names what it drops before another is ordered, in JSON too', async () => {
  for (const flags of [['--json'], ['--quiet']]) {
    const cwd = await begun();
    const arn = (await documentOf(command(cwd, 'list', '--json'))).orders[0]?.arn ?? '';
    emulator().refuse('IssueCertificate', 'AccessDeniedException', 'not authorized');
    const { code, stderr } = await order(cwd, '--discard-pending', ...flags);
    expect(code).toBe(1);
    expect(stderr).toContain(`"certwright revoke ${arn}" revokes it`);
  }
});

it('another kind of authority does not drop it unasked', async () => {
  const cwd = await begun();
  await command(cwd, 'ca', 'init');
  const { code, stderr } = await command(cwd, 'issue', 'p1.internal', '--ca', './ca');
  expect(code).toBe(2);
  expect(stderr).toContain('may have been bought');
  expect((await order(cwd)).code).toBe(0);
});

it('--dry-run says what it would go on with', async () => {
  const fetched = await documentOf(order(await begun(), '--dry-run', '--json'));
  expect(fetched.warnings.join()).toContain('the same flags fetch it');
  const lost = await documentOf(order(await begun('IssueCertificate'), '--dry-run', '--json'));
  expect(lost.warnings.join()).toMatch(/no answer came; .*--reissue/);
});

it('of a successor is not dropped where another one is declared since, which a dry run says too', async () => {
  const cwd = temporaryFolder();
  expect((await order(cwd)).code).toBe(0);
  emulator().script('GetCertificate', { kind: 'reset', afterEffect: true }, 1);
  expect((await command(cwd, 'rotate', '--force')).code).toBe(75);
  writeFileSync(join(cwd, 'certwright.yaml'), 'certificates: { p1.internal: { usage: server } }\n');
  for (const how of [['--dry-run'], []]) {
    const { code, stderr } = await command(cwd, 'rotate', 'p1.internal', ...how);
    expect([code, stderr]).toEqual([2, expect.stringContaining('may have been bought')]);
  }
  const dry = await command(cwd, 'rotate', 'p1.internal', '--dry-run', '--discard-pending');
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringContaining('would rotate')]);
});
