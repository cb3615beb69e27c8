import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreatePermissionCommand } from '@aws-sdk/client-acm-pca';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { emulatorForFile } from '../support/aws/lent.ts';
import { pcaClient } from '../support/aws/sdk.ts';
import { leftovers } from '../support/invariants.ts';
import { run, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

const emulator = emulatorForFile();
let ca = '';

/** A CA that ACM may issue from. */
async function permit(arn: string): Promise<string> {
  await pcaClient(emulator().endpoint).send(
    new CreatePermissionCommand({
      CertificateAuthorityArn: arn,
      Principal: 'acm.amazonaws.com',
      Actions: ['IssueCertificate', 'GetCertificate', 'ListPermissions'],
    }),
  );
  return arn;
}

beforeAll(async () => {
  const root = await emulator().createCa();
  ca = await permit(await emulator().createCa({ parent: root, name: 'Issuing' }));
});

const hour = 3_600_000;

const command = (cwd: string, args: readonly string[], at = 0): Promise<Ran> => {
  const lent: Lent = {
    cwd,
    now: () => new Date(emulator().clock.now().getTime() + at),
    env: { ...emulator().environment, AWS_MAX_ATTEMPTS: '1' },
  };
  return run(['issue', ...args], lent);
};
const issue = (cwd: string, args: readonly string[], at = 0): Promise<Ran> =>
  command(cwd, [...args, '--json'], at);

interface Document {
  state: string;
  waitingFor: string;
  arn: string;
  warnings: string[];
  records: { domain: string; name: string; type: string; value: string }[];
  error: { code: string; message: string; hint: string };
}
const documentOf = (ran: Ran): Document => JSON.parse(ran.stdout) as Document;
const verdict = (ran: Ran): { exit: Ran['code']; what: string } => {
  const { error, state } = documentOf(ran);
  return { exit: ran.code, what: (error as Document['error'] | undefined)?.code ?? state };
};
const done = { exit: 0, what: 'issued' };
const pending = { exit: 75, what: 'pending' };
const calls = (operation: string): number => emulator().stats.calls[operation] ?? 0;
const newest = (): string => [...emulator().cloud.certificates.keys()].at(-1) ?? '';

/** The leaf in use, and whether the key beside it is its own. */
function pairIn(cwd: string, name: string): { leaf: X509Certificate; own: boolean } {
  const folder = join(cwd, 'certs', name, 'current');
  const leaf = new X509Certificate(readFileSync(join(folder, 'cert.pem')));
  return { leaf, own: leaf.checkPrivateKey(createPrivateKey(readFileSync(join(folder, 'key.pem')))) };
}

describe('private certificates', () => {
  const args = (): string[] => ['orders.internal', '--ca', `acm:${ca}`];

  it("come with ACM's key, and their passphrase is nowhere", async () => {
    const cwd = temporaryFolder();
    const ran = await command(cwd, args());
    expect(ran.code).toBe(0);
    expect(ran.stderr).toMatch(/exporting arn:aws:acm:.*which is billed the first time/);
    const { leaf, own } = pairIn(cwd, 'orders.internal');
    expect([leaf.subjectAltName, own]).toEqual(['DNS:orders.internal', true]);
    const files = readdirSync(cwd, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    for (const { parentPath, name } of files) {
      const text = readFileSync(join(parentPath, name), 'latin1');
      expect([name, text.includes('ENCRYPTED'), /\b[0-9a-f]{72}\b/.test(text)]).toEqual([name, false, false]);
    }
    expect(`${ran.stdout}${ran.stderr}`).not.toMatch(/ENCRYPTED|PRIVATE KEY|[0-9a-f]{72}/);
    expect(leftovers(cwd)).toEqual([]);
  });

  it('are whole in plain files too', async () => {
    const cwd = temporaryFolder();
    expect(verdict(await issue(cwd, [...args(), '--out', 'tls']))).toEqual(done);
    const leaf = new X509Certificate(readFileSync(join(cwd, 'tls/cert.pem')));
    expect(leaf.checkPrivateKey(createPrivateKey(readFileSync(join(cwd, 'tls/key.pem'))))).toBe(true);
    expect(leftovers(cwd)).toEqual([]);
  });

  it.each(['RequestCertificate', 'DescribeCertificate', 'ExportCertificate'])(
    'an answer of %s that is lost leaves what the same command goes on with',
    async (operation) => {
      const cwd = temporaryFolder();
      const [requested, paid] = [calls('RequestCertificate'), emulator().stats.billed];
      emulator().script(operation, { kind: 'reset', afterEffect: true });
      expect(verdict(await issue(cwd, args()))).toEqual({ exit: 75, what: 'unreachable' });
      expect(verdict(await issue(cwd, args(), 0.5 * hour))).toEqual(done);
      expect(calls('RequestCertificate') - requested).toBe(operation === 'RequestCertificate' ? 2 : 1);
      expect(emulator().stats.billed - paid).toBe(1);
      expect([...emulator().cloud.certificates.values()].filter(({ paid }) => !paid)).toEqual([]);
      expect(pairIn(cwd, 'orders.internal').own).toBe(true);
    },
  );

  it('past the hour that ACM remembers it stops, until --reissue', async () => {
    const cwd = temporaryFolder();
    emulator().script('RequestCertificate', { kind: 'reset', afterEffect: true });
    expect(verdict(await issue(cwd, args())).exit).toBe(75);
    emulator().clock.advance(hour);
    expect(verdict(await issue(cwd, args()))).toEqual({ exit: 75, what: 'in-doubt' });
    expect(verdict(await issue(cwd, [...args(), '--reissue']))).toEqual(done);
    emulator().clock.advance(-hour);
    emulator().cloud.certificates.forEach(({ paid }, arn, all) => paid || all.delete(arn));
  });

  it('the validity waiter of the SDK, wrong for them, is not used (boto3 #2483, aws-sdk-js #2920)', async () => {
    const cwd = temporaryFolder();
    Object.assign(emulator().pace, { describePolls: 1, hiddenCalls: 1 });
    const ran = await issue(cwd, args());
    Object.assign(emulator().pace, { describePolls: 0, hiddenCalls: 0 });
    expect(verdict(ran)).toEqual(done);
  });

  it('a new generation within the hour is another certificate, since the token is another (#6666)', async () => {
    const cwd = temporaryFolder();
    expect(verdict(await issue(cwd, args()))).toEqual(done);
    const first = pairIn(cwd, 'orders.internal').leaf.serialNumber;
    const { arn } = documentOf(await issue(cwd, [...args(), '--if-due']));
    const forced = await issue(cwd, [...args(), '--force']);
    expect(verdict(forced)).toEqual(done);
    expect(pairIn(cwd, 'orders.internal').leaf.serialNumber).not.toBe(first);
    // Nobody else knows of the former.
    expect(documentOf(forced).warnings).toEqual([expect.stringContaining(`--certificate-arn ${arn}`)]);
    const other = await permit(await emulator().createCa({ name: 'Other' }));
    expect(verdict(await issue(cwd, ['orders.internal', '--ca', `acm:${other}`, '--force']))).toEqual(done);
    expect(pairIn(cwd, 'orders.internal').leaf.issuer).toContain('CN=Other');
  });

  it('a failure says what to do, leaves nothing pending, and is asked for anew by the next run', async () => {
    const cwd = temporaryFolder();
    const closed = await emulator().createCa();
    const closedArgs = ['orders.internal', '--ca', `acm:${closed}`];
    const ran = await issue(cwd, closedArgs);
    expect(verdict(ran)).toEqual({ exit: 1, what: 'refused' });
    expect(documentOf(ran).error.message).toContain('PCA_ACCESS_DENIED');
    expect(documentOf(ran).error.hint).toContain(
      `aws acm-pca create-permission --certificate-authority-arn ${closed} `,
    );
    expect(leftovers(cwd)).toEqual([]);
    await permit(closed);
    expect(verdict(await issue(cwd, closedArgs))).toEqual(done);
  });

  it('a key that cannot be opened is told with its ARN, and exported again', async () => {
    const cwd = temporaryFolder();
    emulator().script('ExportCertificate', { kind: 'reset', afterEffect: true });
    expect(verdict(await issue(cwd, args())).exit).toBe(75);
    const found = emulator().cloud.certificates.get(newest())!;
    const { key } = found;
    const text = '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n';
    Object.assign(found, { key: { export: () => text } });
    const ran = await issue(cwd, args());
    expect(verdict(ran)).toEqual({ exit: 75, what: 'unreachable' });
    expect(documentOf(ran).error.message).toBe(`ACM exported ${newest()} with a key that cannot be opened`);
    Object.assign(found, { key });
    expect(verdict(await issue(cwd, args()))).toEqual(done);
  });

  it('a missing permission that hides as an expired CA is found (terraform-provider-aws #46693)', async () => {
    const expired = 'The signing certificate for the CA you specified in the request has expired.';
    const closed = await emulator().createCa();
    emulator().refuse('RequestCertificate', 'ValidationException', expired);
    const hidden = await issue(temporaryFolder(), ['orders.internal', '--ca', `acm:${closed}`]);
    expect(verdict(hidden)).toEqual({ exit: 1, what: 'refused' });
    expect(documentOf(hidden).error.message).toContain('in truth the CA has not permitted ACM');
    expect(documentOf(hidden).error.hint).toContain('aws acm-pca create-permission');
    emulator().refuse('RequestCertificate', 'ValidationException', expired);
    const real = await issue(temporaryFolder(), args());
    expect(documentOf(real).error.message).not.toContain('in truth');
  });

  it('a quota of names is not asked for again and again (terraform-provider-aws #37723)', async () => {
    const cwd = temporaryFolder();
    const before = calls('RequestCertificate');
    emulator().refuse(
      'RequestCertificate',
      'LimitExceededException',
      'Error: the certificate has too many domains',
    );
    const lent = { cwd, env: { ...emulator().environment } };
    const ran = await run(['issue', ...args(), '--json'], lent);
    expect(verdict(ran)).toEqual({ exit: 1, what: 'refused' });
    expect(calls('RequestCertificate') - before).toBe(1);
  });

  it('what is likely to fail is said, and what ACM never does is refused before it is asked', async () => {
    const before = calls('RequestCertificate');
    const short = await emulator().createCa({ usageMode: 'SHORT_LIVED_CERTIFICATE' });
    const ran = await issue(temporaryFolder(), ['orders.internal', '--ca', `acm:${short}`]);
    expect(verdict(ran)).toEqual({ exit: 2, what: 'unsupported' });
    expect(documentOf(ran).error.hint).toContain(`--ca ${short}`);
    const rsa = await emulator().createCa({ keyAlgorithm: 'RSA_2048', years: 1 });
    const plan = await issue(temporaryFolder(), ['orders.internal', '--ca', `acm:${rsa}`, '--dry-run']);
    const { warnings } = JSON.parse(plan.stdout) as { warnings: string[] };
    expect(warnings.join('\n')).toMatch(/13 months outlive[^]*--key-type rsa-2048/);
    expect(calls('RequestCertificate')).toBe(before);
  });
});

describe('public certificates', () => {
  const names = ['shop.example.com', '*.shop.example.com', 'www.shop.example.com'];
  const args = [...names, '--ca', 'acm', '--usage', 'server'];

  it('wait for DNS, with each record once, and go on when they are published', async () => {
    const cwd = temporaryFolder();
    emulator().pace.describePolls = 1;
    const first = await issue(cwd, [...args, '--exportable']);
    emulator().pace.describePolls = 0;
    expect(verdict(first)).toEqual(pending);
    const { records, waitingFor } = documentOf(first);
    expect(waitingFor).toContain('arn:aws:acm:');
    // The wildcard shares the record of the name below it.
    expect(records.map(({ type }) => type)).toEqual(['CNAME', 'CNAME']);
    const text = await command(cwd, [...args, '--exportable']);
    expect(text.code).toBe(75);
    for (const { name, value } of records) {
      // As a line of a zone file.
      expect(text.stdout).toMatch(
        new RegExp(`^ *${name.replaceAll('.', '\\.')} +\\d+ +IN +CNAME +${value}$`, 'm'),
      );
    }
    const requested = calls('RequestCertificate');
    for (const { name, value } of records) emulator().publish(name, value);
    expect(verdict(await issue(cwd, [...args, '--exportable'], 48 * hour))).toEqual(done);
    expect(calls('RequestCertificate')).toBe(requested);
    const { leaf, own } = pairIn(cwd, 'shop.example.com');
    expect([leaf.subjectAltName, own]).toEqual([names.map((name) => `DNS:${name}`).join(', '), true]);
    emulator().cloud.dns.clear();
  });

  it('that were deleted since are not waited for without end', async () => {
    const cwd = temporaryFolder();
    const { waitingFor } = documentOf(await issue(cwd, args));
    const [arn = ''] = /arn:aws:acm:[^)]*/.exec(waitingFor) ?? [];
    emulator().cloud.certificates.delete(arn);
    // ACM may not have heard of it yet.
    expect(verdict(await issue(cwd, [...args, '--wait', '1s']))).toEqual(pending);
    emulator().clock.advance(0.5 * hour);
    const gone = await issue(cwd, [...args, '--wait', '1s']);
    expect(verdict(gone)).toEqual({ exit: 2, what: 'not-found' });
    expect(documentOf(gone).error.message).toContain(arn);
    expect(verdict(await issue(cwd, [...args, '--discard-pending']))).toEqual(pending);
    emulator().clock.advance(-0.5 * hour);
  });

  it('stay without their key where they are not exportable', async () => {
    const cwd = temporaryFolder();
    const paid = emulator().stats.billed;
    expect(verdict(await issue(cwd, args))).toEqual(pending);
    emulator().approve(newest());
    expect(verdict(await issue(cwd, args))).toEqual(done);
    const files = readdirSync(join(cwd, 'certs/shop.example.com/current'));
    expect([files.includes('cert.pem'), files.includes('key.pem')]).toEqual([true, false]);
    expect(emulator().stats.billed).toBe(paid);
    expect(verdict(await issue(cwd, [...args, '--if-due']))).toEqual({ exit: 0, what: 'unchanged' });
  });

  it('point nobody at a key that stays with ACM', async () => {
    const cwd = temporaryFolder();
    expect(verdict(await issue(cwd, args))).toEqual(pending);
    emulator().approve(newest());
    for (const flags of [[], ['--if-due']]) {
      const { code, stdout } = await command(cwd, [...args, ...flags]);
      expect(code).toBe(0);
      expect(stdout).not.toContain('key.pem');
      expect(stdout).toContain(`its key stays in ACM: ${newest()}`);
    }
    const { stdout } = await issue(cwd, [...args, '--if-due']);
    expect([schemaErrors(stdout), JSON.parse(stdout)]).toMatchObject([[], { arn: newest() }]);
    const out = [...args, '--out', 'tls'];
    expect(verdict(await issue(cwd, out))).toEqual(pending);
    emulator().approve(newest());
    expect(verdict(await issue(cwd, out))).toEqual(done);
    expect(readdirSync(join(cwd, 'tls'))).toEqual(['ca.pem', 'cert.pem', 'chain.pem', 'fullchain.pem']);
    const requested = calls('RequestCertificate');
    const files = await issue(cwd, [...args, '--key-out', 'a.key', '--cert-out', 'a.pem']);
    expect(verdict(files)).toEqual({ exit: 2, what: 'usage' });
    expect(calls('RequestCertificate')).toBe(requested);
  });

  describe('stay in the region that they were begun in', () => {
    const here = ['shop.example.com', '--ca', 'acm', '--usage', 'server'];
    const there = [...here, '--region', 'us-east-1'];
    const regions = (): string[] =>
      [...emulator().cloud.certificates.keys()].map((arn) => arn.split(':')[3] ?? '');
    const nameOf = (cwd: string): unknown =>
      (
        JSON.parse(readFileSync(join(cwd, 'certs/shop.example.com/current/version.json'), 'utf8')) as {
          arn?: string;
        }
      ).arn;
    beforeEach(() => {
      emulator().cloud.certificates.clear();
    });

    it('and are not requested in another one after an answer was lost', async () => {
      const cwd = temporaryFolder();
      emulator().script('RequestCertificate', { kind: 'reset', afterEffect: true });
      expect(verdict(await issue(cwd, there))).toEqual({ exit: 75, what: 'unreachable' });
      const before = calls('RequestCertificate');
      const other = await issue(cwd, [...here, '--region', 'eu-west-1']);
      expect(verdict(other)).toEqual({ exit: 2, what: 'pending-differs' });
      expect(documentOf(other).error).toMatchObject({
        message: 'an earlier run requested it in us-east-1, and --region is eu-west-1',
        hint: expect.stringContaining('--discard-pending') as string,
      });
      expect(calls('RequestCertificate')).toBe(before);
      // The environment names eu-west-1.
      expect(verdict(await issue(cwd, here))).toEqual(pending);
      expect(regions()).toEqual(['us-east-1']);
    });

    it('and are fetched there, whatever the environment says', async () => {
      const cwd = temporaryFolder();
      expect(verdict(await issue(cwd, there))).toEqual(pending);
      emulator().approve(newest());
      const other = await issue(cwd, [...here, '--region', 'eu-west-1']);
      expect(verdict(other)).toEqual({ exit: 2, what: 'pending-differs' });
      vi.stubEnv('AWS_REGION', undefined);
      const { AWS_REGION: _, ...env } = emulator().environment;
      const nowhere = await run(['issue', ...here, '--json'], { cwd, env });
      vi.unstubAllEnvs();
      expect(verdict(nowhere)).toEqual(done);
      expect(nameOf(cwd)).toBe(newest());
    });

    it('and so does what takes their place, unless --region says otherwise', async () => {
      const cwd = temporaryFolder();
      await issue(cwd, there);
      emulator().approve(newest());
      expect(verdict(await issue(cwd, there))).toEqual(done);
      expect(verdict(await issue(cwd, [...here, '--force']))).toEqual(pending);
      expect(regions()).toEqual(['us-east-1', 'us-east-1']);
      const moved = [...here, '--force', '--discard-pending', '--region', 'eu-west-1'];
      expect(verdict(await issue(cwd, moved))).toEqual(pending);
      expect(newest()).toMatch(/^arn:aws:acm:eu-west-1:/);
    });
  });

  it('are waited for with --wait', async () => {
    const cwd = temporaryFolder();
    const before = new Set(emulator().cloud.certificates.keys());
    const waiting = issue(cwd, [...args, '--wait', '10s']);
    const timer = setInterval(() => {
      if (!before.has(newest())) emulator().approve(newest());
    }, 50);
    expect(verdict(await waiting)).toEqual(done);
    clearInterval(timer);
  });

  it('by e-mail say whom ACM has written to', async () => {
    const ran = await issue(temporaryFolder(), [...args, '--validation', 'email']);
    expect(verdict(ran)).toEqual(pending);
    expect(documentOf(ran).records).toEqual([]);
    expect(documentOf(ran).waitingFor).toContain('admin@shop.example.com');
  });

  it.each([
    ['CAA_ERROR', 'FAILED', 'amazonaws.com'],
    [undefined, 'VALIDATION_TIMED_OUT', '72 hours'],
  ] as const)('that fail (%s, %s) say what to do', async (failure, status, hint) => {
    const cwd = temporaryFolder();
    expect(verdict(await issue(cwd, args))).toEqual(pending);
    Object.assign(emulator().cloud.certificates.get(newest())!, { failure, status });
    const ran = await issue(cwd, args);
    expect(verdict(ran)).toEqual({ exit: 1, what: 'refused' });
    expect(documentOf(ran).error.hint).toContain(hint);
    expect(leftovers(cwd)).toEqual([]);
  });
});

describe('what ACM cannot do is refused before it is asked, naming who can', () => {
  it.each([
    ['a URI', ['spiffe://corp/orders'], /CA in a folder/],
    ['an IP address', ['a.example.com', '10.0.0.7'], /CA in a folder/],
    ['an e-mail address', ['a.example.com', 'ops@example.com'], /CA in a folder/],
    ['a lifetime', ['a.example.com', '--lifetime', '7d'], /CA in a folder/],
    ['an end', ['a.example.com', '--not-after', '2030-01-01T00:00:00Z'], /CA in a folder/],
    ['clients', ['a.example.com', '--usage', 'client'], /acm:arn/],
    ['clients and servers', ['a.example.com'], /--usage server/],
    ['an elliptic curve of its own', ['a.example.com', '--key-type', 'ed25519'], /CA in a folder/],
    ['eleven names', Array.from('abcdefghijk').map((letter) => `${letter}.example.com`), /CA in a folder/],
    ['a subject', ['a.example.com', '--subject', 'CN=a,O=b'], /CA in a folder/],
    ['its own key', ['a.example.com', '--reuse-key'], /take keys/],
  ])('%s', async (_what, words, hint) => {
    const usage = words.includes('--usage') || hint.source === '--usage server' ? [] : ['--usage', 'server'];
    const before = calls('RequestCertificate');
    for (const more of [[], ['--dry-run']]) {
      const cwd = temporaryFolder();
      const ran = await issue(cwd, [...words, ...usage, ...more, '--ca', 'acm']);
      expect(verdict(ran)).toEqual({ exit: 2, what: 'unsupported' });
      expect(documentOf(ran).error.hint).toMatch(hint);
      expect(readdirSync(cwd)).toEqual([]);
    }
    expect(calls('RequestCertificate')).toBe(before);
  });
});
