import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { run, temporaryFolder, type Ran } from '../support/cli.ts';
import { emulatorForFile } from '../support/aws/lent.ts';
import { schemaErrors } from '../support/schemas.ts';

const emulator = emulatorForFile();
let cwd: string;

beforeEach(() => {
  cwd = temporaryFolder();
  emulator().cloud.cas.clear();
  // The SDK sends again what is refused while its clock and AWS's differ.
  emulator().clock.set(new Date());
});

const certwright = (...argv: string[]): Promise<Ran> =>
  run(argv, { cwd, env: { ...emulator().environment }, now: () => emulator().clock.now() });

/** Whose first attempt is the only one. */
const createOnce = (...flags: string[]): Promise<Ran> =>
  run(['ca', 'create', '--on', 'acm-pca', '--yes', ...flags], {
    cwd,
    env: { ...emulator().environment, AWS_MAX_ATTEMPTS: '1' },
    now: () => emulator().clock.now(),
  });

/** Lets time pass with the next call of an operation. */
function passing(operation: string, milliseconds: number): void {
  emulator().cloud.observe = (target) => {
    if (!target.endsWith(`.${operation}`)) return;
    emulator().cloud.observe = undefined;
    emulator().clock.advance(milliseconds);
  };
}

const create = (...flags: string[]): Promise<Ran> =>
  certwright('ca', 'create', '--on', 'acm-pca', '--yes', ...flags);
const root = ['--type', 'root', '--name', 'Corp Root'];
const issuing = ['--type', 'subordinate', '--name', 'Issuing'];
const year = 365 * 86_400_000;

/** The ARN of a CA that was made. */
async function made(...flags: string[]): Promise<string> {
  const { code, stdout, stderr } = await create(...flags, '--json');
  const said = code === 0 ? '' : stderr;
  expect({ code, said, errors: schemaErrors(stdout) }).toEqual({ code: 0, said: '', errors: [] });
  return (JSON.parse(stdout) as { arn: string }).arn;
}

const ca = (arn: string) => {
  const found = emulator().cloud.cas.get(arn);
  if (!found?.certificate) throw new Error(`${arn} has no certificate`);
  return { ...found, own: new X509Certificate(found.certificate.der) };
};
const calls = (operation: string): number => emulator().stats.calls[operation] ?? 0;

describe('a CA of AWS Private CA', () => {
  test('a root signs itself, and issues at once', async () => {
    const arn = await made(...root, '--permit-acm');
    const { own, state, keyAlgorithm, permissions } = ca(arn);
    expect({ state, keyAlgorithm }).toEqual({ state: 'ACTIVE', keyAlgorithm: 'EC_secp384r1' });
    expect(own.verify(own.publicKey)).toBe(true);
    expect(own.subject).toBe('CN=Corp Root');
    expect(permissions.map(({ principal }) => principal)).toEqual(['acm.amazonaws.com']);
    const issued = await certwright('issue', 'orders.internal', '--ca', arn);
    expect(issued).toMatchObject({ code: 0 });
  });

  test('a subordinate one is signed by another CA there', async () => {
    const parent = await made(...root);
    const arn = await made(
      '--type',
      'subordinate',
      '--name',
      'Issuing',
      '--parent',
      parent,
      '--key-type',
      'rsa-2048',
    );
    const { own, chain } = ca(arn);
    expect(own.verify(ca(parent).own.publicKey)).toBe(true);
    expect(chain).toHaveLength(1);
  });

  test('a subordinate one is signed by the root of a folder, which writes it down', async () => {
    await certwright('ca', 'init', '--name', 'Shop');
    const arn = await made('--type', 'subordinate', '--name', 'Issuing', '--parent', './ca');
    const { own, chain } = ca(arn);
    expect(chain).toHaveLength(1);
    expect(own.issuer).toBe('CN=Shop Root CA');
    const shown = await certwright('ca', 'show', '--json');
    expect(shown.stdout).toContain('"issued": 2');
    const issued = await certwright('issue', 'orders.internal', '--ca', arn, '--lifetime', '2d');
    expect(issued).toMatchObject({ code: 0 });
  });

  test('has a CRL, OCSP and a mode', async () => {
    await certwright('ca', 'init', '--name', 'Shop');
    const below = ['--type', 'subordinate', '--name', 'Builds', '--parent', './ca'];
    const flags = [
      '--mode',
      'short-lived',
      '--crl-bucket',
      'crl-bucket',
      '--crl-cname',
      'crl.example.com',
      '--ocsp',
    ];
    const { crl, ocsp, usageMode } = ca(await made(...below, ...flags));
    expect(usageMode).toBe('SHORT_LIVED_CERTIFICATE');
    expect(crl?.given).toMatchObject({
      S3ObjectAcl: 'BUCKET_OWNER_FULL_CONTROL',
      CustomCname: 'crl.example.com',
    });
    expect(ocsp).toMatchObject({ Enabled: true });
  });

  test('a root for short-lived certificates lives long itself', async () => {
    const { own } = ca(await made(...root, '--mode', 'short-lived'));
    expect(new Date(own.validTo).getTime() - emulator().clock.now().getTime()).toBeGreaterThan(9 * year);
  });

  test('one below a CA for short-lived certificates lives as short as they do', async () => {
    const parent = await emulator().createCa({ usageMode: 'SHORT_LIVED_CERTIFICATE' });
    await made(...issuing, '--parent', parent, '--lifetime', '6d');
  });

  test('is made where nobody may look at the certificate of its parent', async () => {
    const parent = await emulator().createCa();
    emulator().refuse('GetCertificateAuthorityCertificate', 'AccessDeniedException', 'no');
    await made(...issuing, '--parent', parent);
  });

  test('made once is there already', async () => {
    const arn = await made(...root);
    const before = calls('CreateCertificateAuthority');
    expect(await made(...root)).toBe(arn);
    expect(calls('CreateCertificateAuthority')).toBe(before);
    const { code, stderr } = await create(...root, '--key-type', 'rsa-2048');
    expect(code).toBe(2);
    expect(stderr).toContain('another CA named "Corp Root"');
    expect(stderr).toContain(arn);
    // Without its journal, a second one would be made.
    expect(stderr).not.toContain('remove');
  });

  test('made once, ends when it ends', async () => {
    await made(...root);
    const { code, stderr } = await create(...root, '--lifetime', '1y');
    expect(code).toBe(2);
    expect(stderr).toContain('another CA named "Corp Root"');
  });

  test('made once in another region, is not made there', async () => {
    const arn = await made(...root);
    const { code, stderr } = await create(...root, '--region', 'us-east-1');
    expect(code).toBe(2);
    expect(stderr).toContain('in eu-west-1, not in us-east-1');
    expect(stderr).toContain(arn);
    expect(emulator().cloud.cas.size).toBe(1);
  });

  test('made once and deleted, is not there', async () => {
    const arn = await made(...root);
    emulator().cloud.cas.get(arn)!.state = 'DELETED';
    const { code, stderr } = await create(...root);
    expect(code).toBe(2);
    expect(stderr).toContain(`DELETED: ${arn}`);
    expect(stderr).not.toContain('billed until');
  });

  test('made once, is permitted to ACM later', async () => {
    const arn = await made(...root);
    expect(await made(...root, '--permit-acm')).toBe(arn);
    expect(ca(arn).permissions).toHaveLength(1);
    expect(await made(...root)).toBe(arn);
  });

  test('says when its certificate ends, which need not be what was asked for', async () => {
    emulator().refuse('GetCertificate', 'ExpiredTokenException', 'the token has expired');
    await create(...root);
    const [file = ''] = readdirSync(join(cwd, 'certs/.aws'));
    const journal = join(cwd, 'certs/.aws', file);
    const progress = JSON.parse(readFileSync(journal, 'utf8')) as object;
    writeFileSync(journal, JSON.stringify({ ...progress, notAfter: '2099-01-01T00:00:00.000Z' }));
    const { stderr } = await create(...root);
    const { stdout } = await create(...root, '--json');
    const { arn, notAfter } = JSON.parse(stdout) as { arn: string; notAfter: string };
    expect(notAfter).toBe(new Date(ca(arn).own.validTo).toISOString());
    expect(stderr).toContain('and not 2099-01-01T00:00:00.000Z as was asked');
  });
});

describe('a run that failed is gone on with', () => {
  test.each([
    'CreateCertificateAuthority',
    'GetCertificateAuthorityCsr',
    'IssueCertificate',
    'GetCertificate',
    'ImportCertificateAuthorityCertificate',
    'CreatePermission',
  ])('after %s', async (operation) => {
    const billed = emulator().stats.billed;
    emulator().refuse(operation, 'ExpiredTokenException', 'the token has expired');
    const first = await create(...root, '--permit-acm');
    expect(first).toMatchObject({ code: 1 });
    const arn = await made(...root, '--permit-acm');
    expect([...emulator().cloud.cas.keys()]).toEqual([arn]);
    expect(ca(arn).permissions).toHaveLength(1);
    expect(emulator().stats.billed - billed).toBe(1);
  });

  test('a CA whose answer was lost is found again, even after AWS has forgotten the token', async () => {
    emulator().script('CreateCertificateAuthority', { kind: 'reset', afterEffect: true });
    expect((await createOnce(...root)).code).toBe(75);
    expect(emulator().cloud.cas.size).toBe(1);
    emulator().clock.advance(10 * 60_000);
    expect([...emulator().cloud.cas.keys()]).toEqual([await made(...root)]);
  });

  test('a CA whose answer was lost is not made in another account beside', async () => {
    emulator().script('CreateCertificateAuthority', { kind: 'reset', afterEffect: true });
    // https://github.com/trufflesecurity/trufflehog and others read the account from a key as well.
    const [theirs, other] = ['ASIAQNZGKIQY56JQ7WML', 'ASIAY34FZKBOKMUTVV7A'];
    const as = async (key: string, flags: readonly string[] = root): Promise<Ran> => {
      const before = process.env['AWS_ACCESS_KEY_ID'];
      process.env['AWS_ACCESS_KEY_ID'] = key;
      return createOnce(...flags).finally(() => (process.env['AWS_ACCESS_KEY_ID'] = before));
    };
    expect((await as(theirs)).code).toBe(75);
    const asked = calls('CreateCertificateAuthority');
    const { code, stderr } = await as(other);
    expect(code).toBe(2);
    expect(stderr).toContain('in account 029608264753, and these credentials are of 609629065308');
    expect(calls('CreateCertificateAuthority')).toBe(asked);
    expect((await as(theirs)).code).toBe(0);
    expect(emulator().cloud.cas.size).toBe(1);
  });

  test('a certificate whose answer was lost is not ordered twice without a word', async () => {
    emulator().script('IssueCertificate', { kind: 'reset', afterEffect: true });
    expect((await createOnce(...root)).code).toBe(75);
    emulator().clock.advance(10 * 60_000);
    const { code, stderr } = await create(...root);
    expect(code).toBe(75);
    expect(stderr).toContain('--reissue');
    await made(...root, '--reissue');
  });

  test('a refusal after an attempt whose answer was lost makes no second CA', async () => {
    emulator().script('CreateCertificateAuthority', { kind: 'reset', afterEffect: true });
    emulator().refuse('CreateCertificateAuthority', 'AccessDeniedException', 'no', 2);
    const { code, stderr } = await create(...root);
    expect(code).toBe(75);
    expect(stderr).toContain('may have been carried out');
    expect(stderr).not.toContain('--discard-pending');
    expect([...emulator().cloud.cas.keys()]).toEqual([await made(...root)]);
  });

  test('a refusal to look for a CA whose answer was lost leaves it in doubt', async () => {
    emulator().script('CreateCertificateAuthority', { kind: 'reset', afterEffect: true });
    expect((await createOnce(...root)).code).toBe(75);
    emulator().clock.advance(10 * 60_000);
    emulator().refuse('ListCertificateAuthorities', 'AccessDeniedException', 'no');
    expect((await createOnce(...root)).code).toBe(75);
    expect([...emulator().cloud.cas.keys()]).toEqual([await made(...root)]);
  });

  test('a CA is looked for, and not asked for again, once AWS may have forgotten its token', async () => {
    emulator().script('CreateCertificateAuthority', { kind: 'reset', afterEffect: true });
    passing('CreateCertificateAuthority', 6 * 60_000);
    const arn = await made(...root);
    expect([...emulator().cloud.cas.keys()]).toEqual([arn]);
  });

  test('a CA that AWS does not list by then is not ordered anew by the same run', async () => {
    emulator().script('CreateCertificateAuthority', { kind: '500', afterEffect: false });
    passing('CreateCertificateAuthority', 6 * 60_000);
    const { code, stderr } = await create(...root);
    expect(code).toBe(75);
    expect(stderr).toContain('lists no such CA');
    expect(emulator().cloud.cas.size).toBe(0);
    await made(...root);
    expect(emulator().cloud.cas.size).toBe(1);
  });

  test('a CA is found although the clock was set back since it was ordered', async () => {
    emulator().script('CreateCertificateAuthority', { kind: 'reset', afterEffect: true });
    const late = (): Date => new Date(emulator().clock.now().getTime() + 20 * 60_000);
    const env = { ...emulator().environment, AWS_MAX_ATTEMPTS: '1' };
    const first = await run(['ca', 'create', '--on', 'acm-pca', '--yes', ...root], { cwd, env, now: late });
    expect(first.code).toBe(75);
    emulator().clock.advance(10 * 60_000);
    expect([...emulator().cloud.cas.keys()]).toEqual([await made(...root)]);
  });

  test('its certificate is not ordered again once AWS may have forgotten the token', async () => {
    const billed = emulator().stats.billed;
    emulator().script('IssueCertificate', { kind: 'reset', afterEffect: true });
    passing('IssueCertificate', 6 * 60_000);
    const { code, stderr } = await create(...root);
    expect(code).toBe(75);
    expect(stderr).toContain('--reissue');
    expect(emulator().stats.billed - billed).toBe(1);
  });

  test('a refusal after an order for its certificate whose answer was lost does not pay twice', async () => {
    const billed = emulator().stats.billed;
    emulator().script('IssueCertificate', { kind: 'reset', afterEffect: true });
    emulator().refuse('IssueCertificate', 'AccessDeniedException', 'no', 2);
    expect((await create(...root)).code).toBe(75);
    await made(...root);
    expect(emulator().stats.billed - billed).toBe(1);
  });

  test('a plain refusal to sign leaves no order in doubt', async () => {
    emulator().refuse('IssueCertificate', 'AccessDeniedException', 'no');
    expect((await create(...root)).code).toBe(1);
    emulator().clock.advance(10 * 60_000);
    await made(...root);
  });

  test('a certificate that AWS fails to make is ordered anew', async () => {
    const billed = emulator().stats.billed;
    emulator().refuse('GetCertificate', 'RequestFailedException', 'it failed');
    expect((await create(...root)).code).toBe(1);
    await made(...root);
    expect(emulator().stats.billed - billed).toBe(2);
  });

  test('until its certificate is ordered, its end can be chosen anew', async () => {
    emulator().refuse('GetCertificateAuthorityCsr', 'ExpiredTokenException', 'the token has expired');
    await create(...root);
    const { own } = ca(await made(...root, '--lifetime', '1y'));
    expect(new Date(own.validTo).getTime() - emulator().clock.now().getTime()).toBeLessThan(2 * year);
  });

  test('what fails then says that there is a CA, and that it is billed', async () => {
    emulator().refuse('IssueCertificate', 'AccessDeniedException', 'no');
    const { code, stderr } = await create(...root);
    const [arn = ''] = emulator().cloud.cas.keys();
    expect(code).toBe(1);
    expect(stderr).toContain(`${arn} exists and is billed`);
  });

  test('a CA that was deleted meanwhile is not made', async () => {
    emulator().refuse('IssueCertificate', 'AccessDeniedException', 'no');
    await create(...root);
    for (const one of emulator().cloud.cas.values()) one.state = 'DELETED';
    const { code, stderr } = await create(...root);
    expect(code).toBe(2);
    expect(stderr).toContain('DELETED');
    expect(emulator().cloud.cas.size).toBe(1);
  });

  test('another run at the same time has no time-out to name', async () => {
    const both = await Promise.all([create(...root), create(...root)]);
    expect(both.map(({ code }) => code).sort()).toEqual([0, 75]);
    expect(both.map(({ stderr }) => stderr).join('')).not.toContain('--lock-timeout');
    expect(emulator().cloud.cas.size).toBe(1);
  });

  test('what AWS refuses leaves nothing behind', async () => {
    emulator().refuse('CreateCertificateAuthority', 'InvalidPolicyException', 'the bucket does not allow it');
    expect((await create(...root, '--crl-bucket', 'crl-bucket')).code).toBe(1);
    expect(readdirSync(join(cwd, 'certs/.aws')).filter((name) => name.endsWith('.json'))).toEqual([]);
    await made(...root);
  });
});

describe('refused before anything is made', () => {
  test.each([
    [['--type', 'subordinate', '--name', 'A'], '--parent'],
    [[...root, '--parent', './ca'], 'signs itself'],
    [[...root, '--mode', 'short-lived', '--permit-acm'], 'short-lived'],
    [[...root, '--key-type', 'ed25519'], 'no ed25519 keys'],
    [[...root, '--path-length', '9'], '--path-length'],
    [[...root, '--crl-cname', 'a.example'], '--crl-bucket'],
  ])('%j', async (flags, words) => {
    const before = calls('CreateCertificateAuthority');
    const { code, stderr } = await create(...flags);
    expect({ code, calls: calls('CreateCertificateAuthority') }).toEqual({ code: 2, calls: before });
    expect(stderr).toContain(words);
  });

  test('a life beyond the parent', async () => {
    await certwright('ca', 'init', '--name', 'Shop', '--lifetime', '1y');
    const { code, stderr } = await create('--type', 'subordinate', '--name', 'Issuing', '--parent', './ca');
    expect(code).toBe(2);
    expect(stderr).toContain('outlive its parent');
  });

  test('a parent in another region', async () => {
    const parent = await emulator().createCa();
    const refused = await create(...issuing, '--parent', parent, '--region', 'us-east-1');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('eu-west-1');
    expect(emulator().cloud.cas.size).toBe(1);
  });

  test('a parent that no CA may stand below', async () => {
    const parent = await emulator().createCa({ parent: await emulator().createCa(), pathLength: 0 });
    const { code, stderr } = await create(...issuing, '--parent', parent);
    expect(code).toBe(2);
    expect(stderr).toContain('path length 0');
    expect(emulator().cloud.cas.size).toBe(2);
  });

  test('a parent that signs for 7 days at most', async () => {
    const parent = await emulator().createCa({ usageMode: 'SHORT_LIVED_CERTIFICATE' });
    const { code, stderr } = await create(...issuing, '--parent', parent);
    expect(code).toBe(2);
    expect(stderr).toContain('--lifetime 7d');
    expect(emulator().cloud.cas.size).toBe(1);
  });

  test('a parent that is not there', async () => {
    const { code, stdout } = await create(...issuing, '--parent', './nope', '--json');
    expect({ code, errors: schemaErrors(stdout) }).toEqual({ code: 2, errors: [] });
    expect(stdout).toContain('"not-found"');
  });

  test('a parent whose key does not open', async () => {
    writeFileSync(join(cwd, 'right'), 'right\n');
    writeFileSync(join(cwd, 'wrong'), 'wrong\n');
    await certwright('ca', 'init', '--name', 'Shop', '--passphrase-file', 'right');
    for (const flags of [[], ['--passphrase-file', 'wrong']]) {
      const { code, stdout } = await create(...issuing, '--parent', './ca', '--json', ...flags);
      expect(code).toBe(2);
      expect(stdout).toContain('"passphrase"');
    }
    expect(emulator().cloud.cas.size).toBe(0);
    await made(...issuing, '--parent', './ca', '--passphrase-file', 'right');
  });

  test('without --yes and without a terminal, after saying what it costs', async () => {
    const { code, stderr } = await certwright('ca', 'create', '--on', 'acm-pca', ...root);
    expect(code).toBe(2);
    expect(stderr).toContain('https://aws.amazon.com/private-ca/pricing');
    expect(stderr).toContain('--yes');
    expect(emulator().cloud.cas.size).toBe(0);
    expect(existsSync(join(cwd, 'certs'))).toBe(false);
  });
});

test('the journal holds no key', async () => {
  const { stdout } = await create(...root, '--json');
  const { journal } = JSON.parse(stdout) as { journal: string };
  expect(readFileSync(journal, 'utf8')).not.toContain('PRIVATE KEY');
});
