import { createHash } from 'node:crypto';
import {
  ACMPCAClient,
  CreatePermissionCommand,
  GetCertificateAuthorityCertificateCommand,
  IssueCertificateCommand,
} from '@aws-sdk/client-acm-pca';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { spawnProgram, type Ran } from '../support/cli.ts';
import { csrPem } from '../support/aws/csr-pem.ts';
import { startEmulator, type Emulator } from '../support/aws/emulator.ts';
import { schemaErrors } from '../support/schemas.ts';

let emulator: Emulator;
let client: ACMPCAClient;
let root: string;

beforeAll(async () => {
  emulator = await startEmulator();
  root = await emulator.createCa();
  client = new ACMPCAClient({
    endpoint: emulator.endpoint,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
});

afterAll(async () => {
  await emulator.close();
});

const inspect = (...argv: string[]): Promise<Ran> =>
  spawnProgram(['inspect', ...argv], { env: { ...process.env, ...emulator.environment } });

interface Document {
  items: { kind: string; sha256: string }[];
  aws: Record<string, unknown>;
}

async function documentOf(...argv: string[]): Promise<Document> {
  const { code, stdout, stderr } = await inspect(...argv, '--json');
  const said = code === 0 ? '' : stderr;
  expect({ code, said, errors: schemaErrors(stdout) }).toEqual({ code: 0, said: '', errors: [] });
  return JSON.parse(stdout) as Document;
}

const fingerprint = (pem: string): string =>
  createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');

describe('a CA of AWS Private CA', () => {
  test("AWS's facts stand beside the certificate's own", async () => {
    await client.send(
      new CreatePermissionCommand({
        CertificateAuthorityArn: root,
        Principal: 'acm.amazonaws.com',
        Actions: ['IssueCertificate', 'GetCertificate', 'ListPermissions'],
      }),
    );
    const { Certificate = '' } = await client.send(
      new GetCertificateAuthorityCertificateCommand({ CertificateAuthorityArn: root }),
    );
    const { aws, items } = await documentOf(root);
    expect(aws).toMatchObject({
      kind: 'acm-pca-authority',
      arn: root,
      type: 'ROOT',
      status: 'ACTIVE',
      mode: 'GENERAL_PURPOSE',
      crl: { enabled: false },
      permissions: [{ principal: 'acm.amazonaws.com' }],
    });
    expect(items.map(({ kind, sha256 }) => [kind, sha256])).toEqual([
      ['certificate', fingerprint(Certificate)],
    ]);
    const { stdout, code } = await inspect(root);
    expect(code).toBe(0);
    expect(stdout).toMatch(/status +ACTIVE/);
    expect(stdout).toMatch(/permissions +acm.amazonaws.com: IssueCertificate/);
    expect(stdout).toMatch(/subject +/);
  });

  test('that is not there is a refusal, and one of another region is bad usage', async () => {
    const missing = root.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    expect(await inspect(missing)).toMatchObject({ code: 1, stdout: '' });
    const elsewhere = await inspect(root, '--region', 'us-east-1');
    expect(elsewhere.code).toBe(2);
    expect(elsewhere.stderr).toContain('eu-west-1');
  });
});

describe('a certificate of AWS Private CA', () => {
  test('is shown with its chain, once it is made', async () => {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const { CertificateArn = '' } = await client.send(
      new IssueCertificateCommand({
        CertificateAuthorityArn: root,
        Csr: Buffer.from(csrPem(key, 'orders.internal')),
        SigningAlgorithm: 'SHA256WITHECDSA',
        Validity: { Type: 'DAYS', Value: 2 },
      }),
    );
    const { aws, items } = await documentOf(CertificateArn);
    expect(aws).toEqual({ kind: 'acm-pca-certificate', arn: CertificateArn, authority: root });
    expect(items).toHaveLength(2);
    const { code, stdout } = await inspect(CertificateArn, '--check', '--expires-within', '30d');
    expect(code).toBe(3);
    expect(stdout).toContain('ends too soon');
    expect((await inspect(CertificateArn, '--pem')).stdout).toMatch(/^-----BEGIN CERTIFICATE-----/);
  });
});

test.each([
  ['--trust', ['--trust', 'ca.pem']],
  ['--servername', ['--servername', 'a.internal']],
])('%s is not for an ARN', async (flag, flags) => {
  const { code, stderr } = await inspect(root, ...flags);
  expect(code).toBe(2);
  expect(stderr).toContain(flag);
});

test('an ARN of another service is refused before anything is asked', async () => {
  const { code, stderr } = await inspect('arn:aws:s3:::bucket');
  expect(code).toBe(2);
  expect(stderr).toContain('is not such an ARN');
});
