import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { run, temporaryFolder, type Ran } from '../support/cli.ts';
import { emulatorForFile } from '../support/aws/lent.ts';
import { schemaErrors } from '../support/schemas.ts';

const emulator = emulatorForFile();
let cwd: string;

beforeEach(async () => {
  cwd = temporaryFolder();
  emulator().cloud.certificates.clear();
  await issue();
});

const certwright = (...argv: string[]): Promise<Ran> =>
  run(argv, { cwd, env: { ...emulator().environment } });

async function issue(...flags: string[]): Promise<void> {
  const { code, stderr } = await certwright('issue', 'orders.internal', '--create-ca', '--force', ...flags);
  expect({ code, stderr }).toMatchObject({ code: 0 });
}

interface Document {
  arn: string | null;
  action: string;
  kept: string | null;
  generation: number;
  inUseBy: string[];
}

const toAcm = (...flags: string[]): Promise<Ran> =>
  certwright('import', 'orders.internal', '--to', 'acm', ...flags);

async function imported(...flags: string[]): Promise<Document> {
  const { code, stdout } = await toAcm(...flags, '--json');
  expect({ code, errors: schemaErrors(stdout) }).toEqual({ code: 0, errors: [] });
  return JSON.parse(stdout) as Document;
}

const calls = (operation: string): number => emulator().stats.calls[operation] ?? 0;
const stored = (): X509Certificate =>
  new X509Certificate(readFileSync(join(cwd, 'certs/orders.internal/current/cert.pem')));
/** What ACM holds, by ARN. */
const inAcm = (): Map<string, string | undefined> =>
  new Map(
    [...emulator().cloud.certificates].map(([arn, { certificate }]) => [
      arn,
      certificate && new X509Certificate(certificate.der).fingerprint256,
    ]),
  );

describe('into ACM', () => {
  test('a certificate goes once, and the next one takes its place', async () => {
    const first = await imported();
    expect(first).toMatchObject({ action: 'imported', generation: 1, kept: null });
    expect(inAcm()).toEqual(new Map([[first.arn, stored().fingerprint256]]));

    const before = calls('ImportCertificate');
    expect(await imported()).toMatchObject({ action: 'unchanged', arn: first.arn });
    expect(calls('ImportCertificate')).toBe(before);

    const replaced = stored();
    await issue();
    emulator().associate(first.arn ?? '', 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:lb');
    const second = await imported();
    expect(second).toMatchObject({ action: 'replaced', arn: first.arn, generation: 2 });
    expect(second.inUseBy).toHaveLength(1);
    expect(inAcm()).toEqual(new Map([[first.arn, stored().fingerprint256]]));
    const kept = JSON.parse(readFileSync(second.kept ?? '', 'utf8')) as { arn: string; certificate: string };
    expect(kept.arn).toBe(first.arn);
    expect(new X509Certificate(kept.certificate).fingerprint256).toBe(replaced.fingerprint256);
    expect(JSON.stringify(kept)).not.toContain('PRIVATE KEY');
  });

  test('a dry run says what it would do, and does nothing', async () => {
    const before = calls('ImportCertificate');
    expect(await imported('--dry-run')).toMatchObject({ action: 'imported', arn: null });
    expect(calls('ImportCertificate')).toBe(before);
  });

  test.each(['reset', 'timeout'] as const)(
    'an answer lost by a %s is looked for, not imported twice',
    async (kind) => {
      emulator().setFaults({ timeoutMs: 300 });
      emulator().script('ImportCertificate', { kind, afterEffect: true });
      const { arn } = await imported();
      expect([...inAcm().keys()]).toEqual([arn]);
    },
  );

  test('of which ACM has not heard yet, a moment after it has taken it, is waited for', async () => {
    emulator().refuse('GetCertificate', 'ResourceNotFoundException', 'there is none');
    const { arn } = await imported();
    expect([...inAcm().keys()]).toEqual([arn]);
  });

  test('where it cannot be looked for either, the next run finds it', async () => {
    emulator().script('ImportCertificate', { kind: 'reset', afterEffect: true });
    // The first list is what comes before an import.
    emulator().refuse('ListCertificates', 'AccessDeniedException', 'not now', 2);
    const { code, stderr } = await toAcm();
    expect(code).toBe(75);
    expect(stderr).toContain('the same command looks for it');
    expect(await imported()).toMatchObject({ action: 'unchanged', arn: [...inAcm().keys()][0] });
    expect(inAcm().size).toBe(1);
  });

  describe('anew, beside the same certificate under another ARN', () => {
    let old: string;
    beforeEach(async () => {
      old = (await imported()).arn ?? '';
    });
    const lose = (afterEffect: boolean): void => {
      emulator().script('ImportCertificate', { kind: 'reset', afterEffect });
    };
    const denyList = (nth: number): void => {
      emulator().refuse('ListCertificates', 'AccessDeniedException', 'not now', nth);
    };

    test('an answer that is lost is not taken for the one that was there', async () => {
      lose(true);
      const { arn } = await imported('--anew');
      expect([...inAcm().keys()]).toEqual([old, arn]);
    });

    test.each([['--anew'], []])(
      'the next run finds it, where it could not be looked for (%s)',
      async (...flags) => {
        lose(true);
        denyList(2);
        expect((await toAcm('--anew')).code).toBe(75);
        const made = [...inAcm().keys()][1];
        // Nothing is imported before it can be told what is there.
        denyList(1);
        expect((await toAcm('--anew')).code).toBe(1);
        expect(await imported(...flags)).toMatchObject({ action: 'unchanged', arn: made });
        expect(inAcm().size).toBe(2);
        expect(await imported()).toMatchObject({ action: 'unchanged', arn: made });
      },
    );

    test('what was lost before it took effect is imported by the next run', async () => {
      lose(false);
      expect((await toAcm('--anew')).code).toBe(75);
      const { arn } = await imported('--anew');
      expect([...inAcm().keys()]).toEqual([old, arn]);
    });
  });

  test('what was lost before it took effect is imported by the next run', async () => {
    emulator().script('ImportCertificate', { kind: 'reset', afterEffect: false });
    expect((await toAcm()).code).toBe(75);
    expect(await imported()).toMatchObject({ action: 'imported' });
    expect(inAcm().size).toBe(1);
  });
});

describe('refused before ACM is asked to import', () => {
  const refused = async (...flags: string[]): Promise<string> => {
    const before = calls('ImportCertificate');
    const { code, stderr } = await toAcm(...flags);
    expect({ code, calls: calls('ImportCertificate') }).toEqual({ code: 2, calls: before });
    return stderr;
  };

  test('another kind of key under the same ARN; anew, it goes', async () => {
    const { arn } = await imported();
    await issue('--key-type', 'ec-p384');
    expect(await refused()).toContain('its key is EC-P-256 and cannot become EC-P-384');
    expect((await imported('--anew')).arn).not.toBe(arn);
    expect(inAcm().size).toBe(2);
  });

  test('fewer purposes; clientAuth may go', async () => {
    await imported();
    await issue('--usage', 'client');
    expect(await refused()).toContain('serverAuth cannot be removed');
    await issue('--usage', 'server');
    expect(await imported()).toMatchObject({ action: 'replaced' });
  });

  test('a key that ACM does not take', async () => {
    await issue('--key-type', 'ed25519');
    expect(await refused()).toContain('ACM takes no Ed25519');
  });

  test.each([
    [['--for', 'cloudfront', '--region', 'eu-west-1'], 'us-east-1 only'],
    [
      ['--arn', 'arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012'],
      'holds no',
    ],
    [['--arn', 'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/1'], 'not the ARN'],
  ])('%j', async (flags, words) => {
    expect(await refused(...flags)).toContain(words);
  });

  test('a key that CloudFront does not take', async () => {
    await issue('--key-type', 'ec-p384');
    expect(await refused('--for', 'cloudfront', '--region', 'us-east-1')).toContain('not EC-P-384');
  });

  test('a certificate that is not there', async () => {
    const { code, stderr } = await certwright('import', 'nobody.internal', '--to', 'acm');
    expect(code).toBe(2);
    expect(stderr).toContain('there is no certificate "nobody.internal"');
  });
});

test('inspect and list show what is in ACM', async () => {
  const { arn } = await imported();
  await issue('--key-type', 'ec-p384');
  const { arn: other } = await imported('--anew');
  emulator().associate(other ?? '', 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:lb');

  const shown = await certwright('inspect', arn ?? '', '--json');
  expect({ code: shown.code, errors: schemaErrors(shown.stdout) }).toEqual({ code: 0, errors: [] });
  const { aws, items } = JSON.parse(shown.stdout) as { aws: object; items: object[] };
  expect(aws).toMatchObject({ kind: 'acm-certificate', type: 'IMPORTED', status: 'ISSUED', inUseBy: [] });
  expect(items.length).toBeGreaterThanOrEqual(2);

  const listed = await certwright('list', '--ca', 'acm', '--json');
  expect({ code: listed.code, errors: schemaErrors(listed.stdout) }).toEqual({ code: 0, errors: [] });
  const { certificates } = JSON.parse(listed.stdout) as {
    certificates: { arn: string; inUseBy: string[] }[];
  };
  expect(new Map(certificates.map((one) => [one.arn, one.inUseBy.length]))).toEqual(
    new Map([
      [arn, 0],
      [other, 1],
    ]),
  );
  const text = await certwright('list', '--ca', 'acm', '--fail-expiring', '31d');
  expect(text.code).toBe(3);
  expect(text.stdout).toContain('used by arn:aws:elasticloadbalancing');
});
