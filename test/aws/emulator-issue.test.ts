import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import {
  DescribeCertificateAuthorityCommand,
  GetCertificateAuthorityCertificateCommand,
  GetCertificateCommand,
  IssueCertificateCommand,
  type ACMPCAClient,
  type IssueCertificateCommandInput,
} from '@aws-sdk/client-acm-pca';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCertificate, extension } from '../../src/pki/x509/certificate.ts';
import { readBasicConstraints, readExtendedKeyUsage, readKeyUsage } from '../../src/pki/x509/extensions.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { csrPem } from '../support/aws/csr-pem.ts';
import { startEmulator, type Emulator } from '../support/aws/emulator.ts';
import { pcaClient, refusalOf } from '../support/aws/sdk.ts';

let emulator: Emulator;
let client: ACMPCAClient;
let root: string;

beforeAll(async () => {
  emulator = await startEmulator();
  client = pcaClient(emulator.endpoint);
  root = await emulator.createCa();
});

afterAll(async () => {
  await emulator.close();
});

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const inAnHour = (): number => Math.floor(emulator.clock.now().getTime() / 1000) + 3600;

type Wishes = Partial<IssueCertificateCommandInput>;

const order = (wishes: Wishes = {}): IssueCertificateCommandInput => ({
  CertificateAuthorityArn: root,
  Csr: Buffer.from(csrPem(key, 'orders.internal')),
  SigningAlgorithm: 'SHA256WITHECDSA',
  Validity: { Type: 'ABSOLUTE', Value: inAnHour() },
  ...wishes,
});

const issue = async (wishes: Wishes = {}): Promise<string> =>
  (await client.send(new IssueCertificateCommand(order(wishes)))).CertificateArn!;

const get = async (CertificateArn: string, CertificateAuthorityArn = root) =>
  client.send(new GetCertificateCommand({ CertificateAuthorityArn, CertificateArn }));

async function collect(arn: string, ca = root): Promise<{ leaf: X509Certificate; chain: string }> {
  await expect(get(arn, ca)).rejects.toMatchObject({ name: 'RequestInProgressException' });
  const { Certificate, CertificateChain = '' } = await get(arn, ca);
  return { leaf: new X509Certificate(Certificate!), chain: CertificateChain };
}

const refusal = async (wishes: Wishes): Promise<string> => (await refusalOf(issue(wishes))) ?? 'issued';

const template = (name: string): string => `arn:aws:acm-pca:::template/${name}/V1`;

describe('issuing', () => {
  test('a certificate is signed by the CA and is in progress at first', async () => {
    const arn = await issue();
    const { leaf, chain } = await collect(arn);
    const ca = new X509Certificate(chain);
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(leaf.checkIssued(ca)).toBe(true);
    expect(leaf.subjectAltName).toBe('DNS:orders.internal');
    expect(arn.toLowerCase().split('/').at(-1)).toBe(leaf.serialNumber.toLowerCase().padStart(32, '0'));
    expect(Date.parse(leaf.validTo)).toBe(Math.floor(Date.parse(leaf.validTo) / 1000) * 1000);
    expect((inAnHour() - 3600) * 1000 - Date.parse(leaf.validFrom)).toBeLessThanOrEqual(3_610_000);
  });

  test('the CA is described and hands out its own certificate', async () => {
    const { CertificateAuthority: ca } = await client.send(
      new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn: root }),
    );
    expect(ca).toMatchObject({ Arn: root, Status: 'ACTIVE', Type: 'ROOT', UsageMode: 'GENERAL_PURPOSE' });
    expect(ca?.CertificateAuthorityConfiguration?.SigningAlgorithm).toBe('SHA256WITHECDSA');
    expect(ca?.NotAfter?.getUTCFullYear()).toBe(new Date().getUTCFullYear() + 10);
    const own = await client.send(
      new GetCertificateAuthorityCertificateCommand({ CertificateAuthorityArn: root }),
    );
    expect(new X509Certificate(own.Certificate!).ca).toBe(true);
    expect(own.CertificateChain).toBeUndefined();
  });

  test.each([
    ['EndEntityCertificate', [oid.serverAuth, oid.clientAuth]],
    ['EndEntityClientAuthCertificate', [oid.clientAuth]],
    ['EndEntityServerAuthCertificate', [oid.serverAuth]],
    ['CodeSigningCertificate', [oid.codeSigning]],
    ['OCSPSigningCertificate', [oid.ocspSigning]],
  ])('%s sets the key purposes', async (name, purposes) => {
    const { leaf } = await collect(await issue({ TemplateArn: template(name) }));
    const certificate = readCertificate(leaf.raw);
    expect(readExtendedKeyUsage(extension(certificate, oid.extendedKeyUsage)!.value)).toEqual(purposes);
    expect(readBasicConstraints(extension(certificate, oid.basicConstraints)!.value).ca).toBe(false);
    expect(extension(certificate, oid.keyUsage)!.critical).toBe(true);
  });

  test('a subordinate CA template sets path length and key usage', async () => {
    const { leaf } = await collect(
      await issue({ TemplateArn: template('SubordinateCACertificate_PathLen2') }),
    );
    const certificate = readCertificate(leaf.raw);
    expect(readBasicConstraints(extension(certificate, oid.basicConstraints)!.value)).toEqual({
      ca: true,
      pathLength: 2,
    });
    expect(readKeyUsage(extension(certificate, oid.keyUsage)!.value)).toContain('keyCertSign');
  });

  test('the chain of a subordinate CA goes up to the root', async () => {
    const issuing = await emulator.createCa({ parent: root, name: 'Issuing' });
    const arn = await issue({ CertificateAuthorityArn: issuing });
    const { leaf, chain } = await collect(arn, issuing);
    const [lower, upper] = chain
      .split(/(?<=-----END CERTIFICATE-----)\n/)
      .map((pem) => new X509Certificate(pem));
    expect(leaf.verify(lower!.publicKey)).toBe(true);
    expect(lower!.verify(upper!.publicKey)).toBe(true);
    expect(upper!.checkIssued(upper!)).toBe(true);
  });

  test('what the API passes on counts where the template has APIPassthrough, and is ignored elsewhere', async () => {
    const ApiPassthrough = {
      Subject: { CommonName: 'by the API' },
      Extensions: {
        SubjectAlternativeNames: [{ DnsName: 'api.internal' }],
        KeyUsage: { KeyAgreement: true },
      },
    };
    const ignored = await collect(await issue({ ApiPassthrough }));
    expect(ignored.leaf.subjectAltName).toBe('DNS:orders.internal');
    const TemplateArn = template('EndEntityCertificate_APIPassthrough');
    const heeded = await collect(await issue({ ApiPassthrough, TemplateArn }));
    expect(heeded.leaf.subjectAltName).toBe('DNS:api.internal');
    expect(heeded.leaf.subject).toBe('CN=by the API');
    // The template has a key usage of its own, which wins.
    const usage = extension(readCertificate(heeded.leaf.raw), oid.keyUsage)!.value;
    expect(readKeyUsage(usage)).toEqual(['digitalSignature', 'keyEncipherment']);
    const blank = template('BlankEndEntityCertificate_APICSRPassthrough');
    const free = await collect(await issue({ ApiPassthrough, TemplateArn: blank }));
    expect(readKeyUsage(extension(readCertificate(free.leaf.raw), oid.keyUsage)!.value)).toEqual([
      'keyAgreement',
    ]);
  });

  test('validity types', async () => {
    const start = Math.floor(emulator.clock.now().getTime() / 1000) + 60;
    const exact = await collect(
      await issue({
        Validity: { Type: 'ABSOLUTE', Value: start + 90 },
        ValidityNotBefore: { Type: 'ABSOLUTE', Value: start },
      }),
    );
    expect(Date.parse(exact.leaf.validFrom)).toBe(start * 1000);
    expect(Date.parse(exact.leaf.validTo)).toBe((start + 90) * 1000);
    const days = await collect(await issue({ Validity: { Type: 'DAYS', Value: 3 } }));
    const left = Date.parse(days.leaf.validTo) - emulator.clock.now().getTime();
    expect(Math.round(left / 86_400_000)).toBe(3);
    const end = await collect(await issue({ Validity: { Type: 'END_DATE', Value: 300101120000 } }));
    expect(Date.parse(end.leaf.validTo)).toBe(Date.UTC(2030, 0, 1, 12));
  });
});

describe('refusals', () => {
  test.each<[string, () => Wishes, string]>([
    ['another key family', () => ({ SigningAlgorithm: 'SHA256WITHRSA' }), 'InvalidArgsException'],
    ['an unknown template', () => ({ TemplateArn: template('Nonsense') }), 'InvalidArgsException'],
    [
      'a template of another partition',
      () => ({ TemplateArn: 'arn:aws-cn:acm-pca:::template/EndEntityCertificate/V1' }),
      'InvalidArnException',
    ],
    ['a life beyond the CA', () => ({ Validity: { Type: 'YEARS', Value: 11 } }), 'ValidationException'],
    ['a life of no days', () => ({ Validity: { Type: 'DAYS', Value: 0 } }), 'ValidationException'],
    [
      'a NEW CERTIFICATE REQUEST',
      () => ({
        Csr: Buffer.from(
          csrPem(key, 'a.internal').replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'),
        ),
      }),
      'MalformedCSRException',
    ],
    ['a request without names', () => ({ Csr: Buffer.from(csrPem(key)) }), 'MalformedCSRException'],
    [
      'a CA that is not there',
      () => ({ CertificateAuthorityArn: root.replace(/.$/, (last) => (last === '0' ? '1' : '0')) }),
      'ResourceNotFoundException',
    ],
    ['an ARN that is none', () => ({ CertificateAuthorityArn: 'corporate' }), 'InvalidArnException'],
    ['a token that is too long', () => ({ IdempotencyToken: 'x'.repeat(37) }), 'ValidationException'],
  ])('%s', async (_, wishes, name) => {
    expect(await refusal(wishes())).toBe(name);
  });

  test('a short-lived CA issues for seven days at most', async () => {
    const ca = await emulator.createCa({ usageMode: 'SHORT_LIVED_CERTIFICATE' });
    const CertificateAuthorityArn = ca;
    expect(await refusal({ CertificateAuthorityArn, Validity: { Type: 'DAYS', Value: 8 } })).toBe(
      'ValidationException',
    );
    expect(await refusal({ CertificateAuthorityArn, Validity: { Type: 'DAYS', Value: 7 } })).toBe('issued');
  });

  test('a certificate of another CA is not found', async () => {
    const arn = await issue();
    const other = await emulator.createCa();
    await expect(get(arn, other)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

describe('idempotency', () => {
  test('the same token within five minutes is the same certificate, billed once', async () => {
    const before = emulator.stats.billed;
    const first = await issue({ IdempotencyToken: 'token-1' });
    emulator.clock.advance(4 * 60_000 + 50_000);
    expect(await issue({ IdempotencyToken: 'token-1' })).toBe(first);
    expect(emulator.stats.billed).toBe(before + 1);
    emulator.clock.advance(20_000);
    expect(await issue({ IdempotencyToken: 'token-1' })).not.toBe(first);
    expect(emulator.stats.billed).toBe(before + 2);
  });

  test('a refused request leaves its token free', async () => {
    const IdempotencyToken = 'token-2';
    expect(await refusal({ IdempotencyToken, Validity: { Type: 'YEARS', Value: 99 } })).toBe(
      'ValidationException',
    );
    expect(await refusal({ IdempotencyToken })).toBe('issued');
  });
});
