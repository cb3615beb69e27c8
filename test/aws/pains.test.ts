import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { csrPem } from '../support/aws/csr-pem.ts';
import { PkiError } from '../../src/pki/errors.ts';
import { openAuthority } from '../../src/pki/authorities/open.ts';
import { generateKey, publicKeyDer } from '../../src/pki/x509/key.ts';
import type { Profile } from '../../src/pki/x509/profile.ts';
import { parseName } from '../../src/pki/x509/subject-alternative-name.ts';
import { awsOptions, emulatorForFile } from '../support/aws/lent.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import { checkPair, leftovers } from '../support/invariants.ts';
import { run, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';

/*
 * What has hurt users of AWS's certificates elsewhere, each as a test that shows why it cannot happen here.
 * The threads are named by their repository and number.
 */

const emulator = emulatorForFile();
let root = '';
let ca = '';
beforeAll(async () => {
  root = await emulator().createCa();
  ca = await emulator().createCa({ parent: root, name: 'Issuing' });
});

const lent = (cwd: string, more: Partial<Lent> = {}): Lent => ({
  cwd,
  now: () => emulator().clock.now(),
  ...more,
  env: { ...emulator().environment, ...more.env },
});

const issue = (cwd: string, args: readonly string[] = [], more: Partial<Lent> = {}): Promise<Ran> =>
  run(['issue', 'orders.internal', '--ca', ca, '--json', ...args], lent(cwd, more));

/** One attempt for each call: what a retry would do is not looked at. */
const once = { env: { AWS_MAX_ATTEMPTS: '1' } };

interface Document {
  state: string;
  certificate: { notAfter: string; pem: string };
  error: { code: string; message: string; hint: string };
}
const documentOf = (ran: Ran): Document => JSON.parse(ran.stdout) as Document;
const errorOf = (ran: Ran): Document['error'] => documentOf(ran).error;

const folderOf = (cwd: string): string => join(cwd, 'certs/orders.internal');
const leafIn = (cwd: string): X509Certificate =>
  new X509Certificate(readFileSync(join(folderOf(cwd), 'current/cert.pem')));
const journalIn = (cwd: string): { certificateArn?: string; order: Record<string, unknown> } =>
  JSON.parse(readFileSync(join(folderOf(cwd), 'pending/000001/journal.json'), 'utf8')) as ReturnType<
    typeof journalIn
  >;
const pendingIn = (cwd: string): string[] =>
  existsSync(join(folderOf(cwd), 'pending')) ? readdirSync(join(folderOf(cwd), 'pending')) : [];

/** Calls of an operation, and certificates billed, since this was called. */
function meter(): { calls: (operation: string) => number; billed: () => number } {
  const { calls, billed } = emulator().stats;
  const before = { ...calls };
  return {
    calls: (operation) => (emulator().stats.calls[operation] ?? 0) - (before[operation] ?? 0),
    billed: () => emulator().stats.billed - billed,
  };
}

async function keyAndProfile(): Promise<{ key: KeyObject; profile: Profile }> {
  const key = await generateKey('ec-p256');
  const seconds = Math.floor(emulator().clock.now().getTime() / 1000) * 1000;
  const profile: Profile = {
    ...{ names: [parseName('orders.internal')], usage: 'mtls', subject: undefined, keyType: 'ec-p256' },
    ...{ notBefore: new Date(seconds), notAfter: new Date(seconds + 3_600_000) },
    ...{ publicKey: publicKeyDer(key), crlUrls: [], ocspUrls: [], issuerUrls: [] },
  };
  return { key, profile };
}

describe('issuing from AWS Private CA', () => {
  it('throttling never turns one request into many (aws-privateca-issuer #479)', async () => {
    const cwd = temporaryFolder();
    const { calls, billed } = meter();
    // Fetching fails for as long as one looks; that is no reason to order again.
    for (let runs = 0; runs < 3; runs++) {
      emulator().script('GetCertificate', { kind: 'throttling', afterEffect: false });
      const ran = await issue(cwd, [], once);
      expect(ran.code).toBe(75);
      expect(errorOf(ran).code).toBe('unreachable');
    }
    expect(journalIn(cwd).certificateArn).toContain(ca);
    expect(await issue(cwd)).toMatchObject({ code: 0 });
    expect([calls('IssueCertificate'), billed()]).toEqual([1, 1]);
    expect(checkPair(join(folderOf(cwd), 'current'))).toEqual([]);
  });

  it('throttled orders are sent again as they were, and are billed once (aws-privateca-issuer #479)', async () => {
    const cwd = temporaryFolder();
    const { billed } = meter();
    for (let runs = 0; runs < 3; runs++) {
      emulator().script('IssueCertificate', { kind: runs === 1 ? '500' : 'reset', afterEffect: true });
      expect(await issue(cwd, [], once)).toMatchObject({ code: 75 });
    }
    expect(await issue(cwd)).toMatchObject({ code: 0 });
    expect(billed()).toBe(1);
  });

  it('a run that sleeps between two attempts does not buy twice (aws-privateca-issuer #479)', async () => {
    const { calls } = meter();
    // The machine is asleep for ten minutes as soon as the first attempt has got no answer.
    const now = (): Date =>
      new Date(emulator().clock.now().getTime() + (calls('IssueCertificate') > 0 ? 600_000 : 0));
    const cwd = temporaryFolder();
    emulator().script('IssueCertificate', { kind: 'reset', afterEffect: true });
    const ran = await issue(cwd, [], { now });
    expect({ code: ran.code, error: errorOf(ran).code }).toEqual({ code: 75, error: 'in-doubt' });
    expect(calls('IssueCertificate')).toBe(1);
  });

  it('an order that was throttled, and no more, is in no doubt an hour later', async () => {
    const cwd = temporaryFolder();
    emulator().script('IssueCertificate', { kind: 'throttling', afterEffect: false });
    expect(await issue(cwd, [], once)).toMatchObject({ code: 75 });
    const { billed } = meter();
    emulator().clock.advance(3_600_000);
    const ran = await issue(cwd, []);
    emulator().clock.advance(-3_600_000);
    expect(ran).toMatchObject({ code: 0 });
    expect(billed()).toBe(1);
  });

  it('an answer that cannot be written down is told, and goes on while AWS knows the order', async () => {
    const authority = await openAuthority(ca, {
      ask: () => Promise.reject(new Error('no passphrase is asked for')),
      now: () => emulator().clock.now(),
      aws: awsOptions(emulator()),
    });
    const { key, profile } = await keyAndProfile();
    const journal = new MemoryJournal();
    const { billed } = meter();
    const full = vi.spyOn(journal, 'write').mockImplementation((entry, options) => {
      if ('certificateArn' in entry) throw new PkiError('io', 'cannot write the journal');
      MemoryJournal.prototype.write.call(journal, entry, options);
    });
    await expect(authority.issue(profile, { kind: 'own', key }, journal)).rejects.toMatchObject({
      code: 'io',
      message: expect.stringMatching(/journal; AWS has answered, with arn:.*\/certificate\//) as string,
      hint: expect.stringContaining('within 4 minutes') as string,
    });
    full.mockRestore();
    expect(await authority.issue(profile, { kind: 'own', key }, journal)).toMatchObject({ state: 'issued' });
    expect(billed()).toBe(1);
  });

  it('an order that is interrupted before it is sent leaves no doubt', async () => {
    const { calls } = meter();
    const interrupt = new AbortController();
    const authority = await openAuthority(ca, {
      ask: () => Promise.reject(new Error('no passphrase is asked for')),
      now: () => emulator().clock.now(),
      aws: awsOptions(emulator(), {
        signal: interrupt.signal,
        say: (line) => {
          if (line.includes('which is billed')) interrupt.abort(new Error('interrupted'));
        },
      }),
    });
    const { key, profile } = await keyAndProfile();
    const journal = new MemoryJournal();
    await expect(authority.issue(profile, { kind: 'own', key }, journal)).rejects.toThrow('interrupted');
    expect(journal.states.length).toBe(3);
    expect(journal.read()).toBeUndefined();
    expect(calls('IssueCertificate')).toBe(0);
  });

  it('an error page in HTML is tried again like any other error of a server', async () => {
    const { calls, billed } = meter();
    emulator().script('IssueCertificate', { kind: 'html', afterEffect: true });
    expect(await issue(temporaryFolder())).toMatchObject({ code: 0 });
    expect([calls('IssueCertificate'), billed()]).toEqual([2, 1]);
  });

  it('a certificate in progress is waited for (aws-privateca-issuer #329, #372)', async () => {
    const cwd = temporaryFolder();
    const { calls, billed } = meter();
    emulator().pace.certificatePolls = 1;
    const ran = await issue(cwd);
    emulator().pace.certificatePolls = 0;
    expect(ran).toMatchObject({ code: 0 });
    expect([calls('GetCertificate'), calls('IssueCertificate'), billed()]).toEqual([2, 1, 1]);
  });

  it('the token of an order fits, however long its name (aws-privateca-issuer #30)', async () => {
    const cwd = temporaryFolder();
    const name = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.internal`;
    emulator().script('GetCertificate', { kind: 'throttling', afterEffect: false });
    expect(await issue(cwd, [name], once)).toMatchObject({ code: 75 });
    expect(String(journalIn(cwd).order['token'])).toMatch(/^[0-9a-f]{36}$/);
    expect(await issue(cwd, [name])).toMatchObject({ code: 0 });
  });

  it.each([
    ['EC_prime256v1', 'rsa-2048'],
    ['RSA_2048', 'ec-p256'],
  ] as const)(
    "the signing algorithm is that of the CA's key, %s, not of the request's, %s (aws-privateca-issuer #22)",
    async (keyAlgorithm, keyType) => {
      const cwd = temporaryFolder();
      const other = await emulator().createCa({ keyAlgorithm });
      const args = ['issue', 'orders.internal', '--ca', other, '--key-type', keyType];
      expect(await run(args, lent(cwd))).toMatchObject({ code: 0 });
      const key = createPrivateKey(readFileSync(join(folderOf(cwd), 'current/key.pem')));
      expect(leafIn(cwd).checkPrivateKey(key)).toBe(true);
    },
  );

  it('a lifetime below a day is not rounded to none (aws-privateca-issuer #71)', async () => {
    const cwd = temporaryFolder();
    expect(await issue(cwd, ['--lifetime', '45m'])).toMatchObject({ code: 0 });
    const { validTo } = leafIn(cwd);
    expect(Math.abs(Date.parse(validTo) - emulator().clock.now().getTime() - 45 * 60_000)).toBeLessThan(
      5_000,
    );
  });

  it('the end is the one that was asked for, to the second (aws-privateca-issuer #121)', async () => {
    const cwd = temporaryFolder();
    const end = new Date(Math.floor(emulator().clock.now().getTime() / 1000) * 1000 + 90_000_000);
    const ran = await issue(cwd, ['--not-after', end.toISOString().replace('.000', '')]);
    expect(ran).toMatchObject({ code: 0 });
    expect(documentOf(ran).certificate.notAfter).toBe(end.toISOString());
  });

  it('what AWS makes otherwise is not installed, and its template and the way out are named (#121, #460)', async () => {
    const cwd = temporaryFolder();
    const { calls } = meter();
    // Somebody else's certificate stands where ours should be.
    emulator().script('GetCertificate', { kind: 'throttling', afterEffect: false });
    expect(await issue(cwd, [], once)).toMatchObject({ code: 75 });
    const { certificateArn = '' } = journalIn(cwd);
    const { issued } = emulator().cloud.cas.get(ca)!;
    const other = temporaryFolder();
    expect(await issue(other, ['--usage', 'client'])).toMatchObject({ code: 0 });
    issued.get(certificateArn)!.certificate = [...issued.values()].at(-1)!.certificate;
    for (let runs = 0; runs < 2; runs++) {
      const ran = await issue(cwd);
      expect(ran.code).toBe(1);
      const { code, message, hint } = errorOf(ran);
      expect(code).toBe('issued-differs');
      expect(message).toMatch(/extended key usage.*key: the certificate is for another key/);
      expect(hint).toContain('EndEntityCertificate/V1');
      expect(hint).toContain(`certwright revoke ${certificateArn}`);
    }
    expect(existsSync(join(folderOf(cwd), 'current'))).toBe(false);
    expect(calls('IssueCertificate')).toBe(2);
    expect(await issue(cwd, ['--discard-pending'])).toMatchObject({ code: 0 });
    expect(calls('IssueCertificate')).toBe(3);
  });

  it.each(['reset', '500', '503', 'timeout', 'html'] as const)(
    'a network that fails (%s) leaves what the next run goes on with (aws-privateca-issuer #424)',
    async (kind) => {
      const cwd = temporaryFolder();
      const { billed } = meter();
      emulator().setFaults({ timeoutMs: 50 });
      for (const afterEffect of [false, true]) {
        emulator().script('IssueCertificate', { kind, afterEffect });
        const ran = await issue(cwd, [], once);
        expect({ code: ran.code, error: errorOf(ran).code }).toEqual({ code: 75, error: 'unreachable' });
        expect(pendingIn(cwd)).toEqual(['000001']);
      }
      expect(await issue(cwd)).toMatchObject({ code: 0 });
      expect(billed()).toBe(1);
    },
  );

  it('credentials that expire on the way are said to, and nothing is left behind (#37723)', async () => {
    const cwd = temporaryFolder();
    emulator().script('IssueCertificate', { kind: 'expired-token', afterEffect: false });
    const ran = await issue(cwd);
    expect({ code: ran.code, error: errorOf(ran).code }).toEqual({ code: 1, error: 'credentials' });
    expect(pendingIn(cwd)).toEqual([]);
  });

  it('a refusal for the template names it (aws-privateca-issuer #460)', async () => {
    const cwd = temporaryFolder();
    emulator().refuse(
      'IssueCertificate',
      'AccessDeniedException',
      'User: arn:aws:iam::123456789012:user/ci is not authorized to perform: acm-pca:IssueCertificate',
    );
    const ran = await issue(cwd, ['--usage', 'client']);
    const { code, message, hint } = errorOf(ran);
    expect({ code, exit: ran.code }).toEqual({ code: 'refused', exit: 1 });
    expect(message).toContain('EndEntityClientAuthCertificate/V1');
    expect(hint).toContain('template');
    expect(pendingIn(cwd)).toEqual([]);
  });

  it('leaf and intermediates, and the root, each in its file, each PEM on its own lines (#10, #14, #16)', async () => {
    const cwd = temporaryFolder();
    expect(await issue(cwd)).toMatchObject({ code: 0 });
    const folder = join(folderOf(cwd), 'current');
    const certificates = (file: string): X509Certificate[] =>
      readFileSync(join(folder, file), 'utf8')
        .split(/(?<=-----END CERTIFICATE-----\n)(?=-----BEGIN CERTIFICATE-----\n)/)
        .map((pem) => new X509Certificate(pem));
    const [leaf, issuing, ...rest] = certificates('fullchain.pem');
    const [anchor, ...others] = certificates('ca.pem');
    expect([rest, others]).toEqual([[], []]);
    expect(leaf!.checkIssued(issuing!) && issuing!.checkIssued(anchor!)).toBe(true);
    expect(anchor!.checkIssued(anchor!)).toBe(true);
    expect(certificates('chain.pem').map(String)).toEqual([String(issuing)]);
    expect(checkPair(folder)).toEqual([]);
  });

  it('a template can be named, and one that would make something else is not paid for (#220, #98)', async () => {
    const { calls } = meter();
    const named = ['--template', 'EndEntityClientAuthCertificate', '--usage', 'client'];
    const arn = ['--template', 'arn:aws:acm-pca:::template/BlankEndEntityCertificate_APIPassthrough/V1'];
    for (const args of [named, arn]) expect(await issue(temporaryFolder(), args)).toMatchObject({ code: 0 });
    expect(calls('IssueCertificate')).toBe(2);
    for (const template of [
      'EndEntityServerAuthCertificate',
      'CodeSigningCertificate',
      'SubordinateCACertificate_PathLen0',
      'BlankEndEntityCertificate_CSRPassthrough',
    ]) {
      const cwd = temporaryFolder();
      const ran = await issue(cwd, ['--template', template]);
      expect({ template, code: ran.code, error: errorOf(ran).code }).toEqual({
        template,
        code: 2,
        error: 'unsupported',
      });
      expect(readdirSync(cwd)).toEqual([]);
    }
    expect(calls('IssueCertificate')).toBe(2);
  });

  it('a request arrives as it was written, encoded once (aws-cli #5011, #4978)', async () => {
    const cwd = temporaryFolder();
    emulator().script('GetCertificate', { kind: 'throttling', afterEffect: false });
    expect(await issue(cwd, [], once)).toMatchObject({ code: 75 });
    expect(String(journalIn(cwd).order['request'])).toMatch(/^-----BEGIN CERTIFICATE REQUEST-----\nMII/);
    expect(await issue(cwd)).toMatchObject({ code: 0 });
    const key = createPrivateKey(readFileSync(join(folderOf(cwd), 'current/key.pem')));
    expect(leafIn(cwd).checkPrivateKey(key)).toBe(true);
  });

  it('a NEW CERTIFICATE REQUEST is sent under the name that AWS takes (aws-cli #9613)', async () => {
    const cwd = temporaryFolder();
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const pem = csrPem(key, 'orders.internal').replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST');
    writeFileSync(join(cwd, 'request.csr'), pem);
    expect(await issue(cwd, ['--csr', 'request.csr', '--cert-out', 'orders.pem'])).toMatchObject({ code: 0 });
    expect(new X509Certificate(readFileSync(join(cwd, 'orders.pem'))).checkPrivateKey(key)).toBe(true);
  });

  it('a hard quota is not asked for again (terraform-provider-aws #37723)', async () => {
    const cwd = temporaryFolder();
    const { calls } = meter();
    emulator().refuse('IssueCertificate', 'LimitExceededException', 'The certificate quota is exhausted');
    const ran = await issue(cwd);
    expect({ code: ran.code, error: errorOf(ran).code }).toEqual({ code: 1, error: 'refused' });
    expect(errorOf(ran).message).toContain('The certificate quota is exhausted');
    expect(errorOf(ran).hint).toContain('quota');
    expect(calls('IssueCertificate')).toBe(1);
    expect(leftovers(cwd)).toEqual([]);
  });

  it('a CA without its certificate is said to be so at once (terraform-provider-aws #37592)', async () => {
    const cwd = temporaryFolder();
    const waiting = await emulator().createCa();
    emulator().cloud.cas.get(waiting)!.state = 'PENDING_CERTIFICATE';
    const ran = await run(['issue', 'orders.internal', '--ca', waiting], lent(cwd));
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('the CA is PENDING_CERTIFICATE: install its certificate first');
    expect(ran.stderr).toContain('InvalidStateException');
    expect(leftovers(cwd)).toEqual([]);
  });

  it('the region is found where people put it, and one that contradicts is refused (aws-sdk-js-v3 #5743)', async () => {
    const { environment } = emulator();
    const { AWS_REGION: _, ...elsewhere } = environment;
    const args = ['issue', 'orders.internal', '--ca', ca, '--json'];
    const as = (env: Record<string, string>, more: string[] = []): Promise<Ran> =>
      run([...args, ...more], { cwd: temporaryFolder(), env, now: () => emulator().clock.now() });
    expect(await as(elsewhere)).toMatchObject({ code: 0 });
    expect(await as({ ...elsewhere, AWS_DEFAULT_REGION: 'eu-west-1' })).toMatchObject({ code: 0 });
    for (const ran of [
      await as({ ...elsewhere, AWS_DEFAULT_REGION: 'us-east-1' }),
      await as({ ...elsewhere, AWS_REGION: 'us-east-1' }),
      await as(environment, ['--region', 'us-east-1']),
    ]) {
      expect(ran.code).toBe(2);
      expect(errorOf(ran).message).toMatch(/is "us-east-1", and the ARN is of eu-west-1/);
    }
  });
});
