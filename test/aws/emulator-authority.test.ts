import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import {
  CreateCertificateAuthorityAuditReportCommand,
  CreateCertificateAuthorityCommand,
  CreatePermissionCommand,
  DeleteCertificateAuthorityCommand,
  DeletePermissionCommand,
  DescribeCertificateAuthorityAuditReportCommand,
  DescribeCertificateAuthorityCommand,
  GetCertificateAuthorityCertificateCommand,
  GetCertificateAuthorityCsrCommand,
  GetCertificateCommand,
  GetPolicyCommand,
  ImportCertificateAuthorityCertificateCommand,
  IssueCertificateCommand,
  ListCertificateAuthoritiesCommand,
  ListPermissionsCommand,
  ListTagsCommand,
  PutPolicyCommand,
  RestoreCertificateAuthorityCommand,
  RevokeCertificateCommand,
  TagCertificateAuthorityCommand,
  UntagCertificateAuthorityCommand,
  UpdateCertificateAuthorityCommand,
  type ACMPCAClient,
  type CreateCertificateAuthorityCommandInput,
  type RevocationReason,
} from '@aws-sdk/client-acm-pca';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCrl, revokedCertificates, reasonOf } from '../../src/pki/x509/crl.ts';
import { extension, readCertificate, serialHex } from '../../src/pki/x509/certificate.ts';
import { readDistributionPoints, readIssuingDistributionPoint } from '../../src/pki/x509/extensions.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { checkSignature } from '../../src/pki/x509/validation/signature.ts';
import { csrPem } from '../support/aws/csr-pem.ts';
import { startEmulator, type Emulator } from '../support/aws/emulator.ts';
import { pcaClient, refusalOf } from '../support/aws/sdk.ts';

let emulator: Emulator;
let client: ACMPCAClient;

beforeAll(async () => {
  emulator = await startEmulator({ certificatePolls: 0 });
  client = pcaClient(emulator.endpoint);
});

afterAll(async () => {
  await emulator.close();
});

const wishes = (more: Partial<CreateCertificateAuthorityCommandInput> = {}) => ({
  CertificateAuthorityType: 'ROOT' as const,
  CertificateAuthorityConfiguration: {
    KeyAlgorithm: 'EC_prime256v1' as const,
    SigningAlgorithm: 'SHA256WITHECDSA' as const,
    Subject: { Organization: 'Shop', CommonName: 'Shop root' },
  },
  ...more,
});

const create = async (more: Partial<CreateCertificateAuthorityCommandInput> = {}): Promise<string> =>
  (await client.send(new CreateCertificateAuthorityCommand(wishes(more)))).CertificateAuthorityArn!;

const statusOf = async (CertificateAuthorityArn: string): Promise<string | undefined> =>
  (await client.send(new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn })))
    .CertificateAuthority?.Status;

const csrOf = async (CertificateAuthorityArn: string): Promise<Buffer> =>
  Buffer.from((await client.send(new GetCertificateAuthorityCsrCommand({ CertificateAuthorityArn }))).Csr!);

/** Lets one CA sign a request, and fetches the certificate and its chain. */
async function signed(ca: string, Csr: Buffer, template: string, Value = 365) {
  const { CertificateArn } = await client.send(
    new IssueCertificateCommand({
      CertificateAuthorityArn: ca,
      Csr,
      SigningAlgorithm: 'SHA256WITHECDSA',
      TemplateArn: `arn:aws:acm-pca:::template/${template}/V1`,
      Validity: { Type: 'DAYS', Value },
    }),
  );
  return client.send(new GetCertificateCommand({ CertificateAuthorityArn: ca, CertificateArn }));
}

const install = async (CertificateAuthorityArn: string, certificate: string, chain?: string) =>
  client.send(
    new ImportCertificateAuthorityCertificateCommand({
      CertificateAuthorityArn,
      Certificate: Buffer.from(certificate),
      ...(chain !== undefined && { CertificateChain: Buffer.from(chain) }),
    }),
  );

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const leafCsr = (): Buffer => Buffer.from(csrPem(key, 'orders.internal'));

describe('making a CA', () => {
  test('a root signs its own request; a subordinate CA is signed by it', async () => {
    const root = await create();
    expect(await statusOf(root)).toBe('PENDING_CERTIFICATE');
    const own = await signed(root, await csrOf(root), 'RootCACertificate', 3650);
    expect(own.CertificateChain).toBeUndefined();
    await install(root, own.Certificate!);
    expect(await statusOf(root)).toBe('ACTIVE');
    const sub = await create({ CertificateAuthorityType: 'SUBORDINATE' });
    const { Certificate, CertificateChain } = await signed(
      root,
      await csrOf(sub),
      'SubordinateCACertificate_PathLen0',
    );
    await install(sub, Certificate!, CertificateChain);
    const handed = await client.send(
      new GetCertificateAuthorityCertificateCommand({ CertificateAuthorityArn: sub }),
    );
    expect(handed.CertificateChain).toBe(own.Certificate);
    expect(new X509Certificate(handed.Certificate!).checkIssued(new X509Certificate(own.Certificate!))).toBe(
      true,
    );
  });

  test('a certificate for another key, a chain that is none and a missing one are refused', async () => {
    const root = await emulator.createCa();
    const sub = await create({ CertificateAuthorityType: 'SUBORDINATE' });
    const other = await create({ CertificateAuthorityType: 'SUBORDINATE' });
    const { Certificate = '', CertificateChain = '' } = await signed(
      root,
      await csrOf(sub),
      'SubordinateCACertificate_PathLen0',
    );
    expect(await refusalOf(install(other, Certificate, CertificateChain))).toBe(
      'CertificateMismatchException',
    );
    expect(await refusalOf(install(sub, Certificate))).toBe('InvalidRequestException');
    expect(await refusalOf(install(sub, Certificate, Certificate))).toBe('MalformedCertificateException');
    expect(await refusalOf(install(sub, `${Certificate}\n${CertificateChain}`, CertificateChain))).toBe(
      'MalformedCertificateException',
    );
    const leaf = await signed(root, await csrOf(sub), 'EndEntityCertificate');
    expect(await refusalOf(install(sub, leaf.Certificate!, CertificateChain))).toBe(
      'MalformedCertificateException',
    );
  });

  test('a path length must be below that of the CA above', async () => {
    const root = await emulator.createCa();
    const middle = await emulator.createCa({ parent: root, pathLength: 1 });
    const sub = await csrOf(await create({ CertificateAuthorityType: 'SUBORDINATE' }));
    const under = async (length: number) => signed(middle, sub, `SubordinateCACertificate_PathLen${length}`);
    expect(await refusalOf(under(1))).toBe('ValidationException');
    expect(await refusalOf(under(0))).toBeUndefined();
  });

  test('the same token within five minutes makes one CA', async () => {
    const IdempotencyToken = 'one CA';
    const first = await create({ IdempotencyToken });
    expect(await create({ IdempotencyToken })).toBe(first);
    emulator.clock.advance(301_000);
    expect(await create({ IdempotencyToken })).not.toBe(first);
  });

  test('key and signing algorithm must fit, and China has its own key storage', async () => {
    const CertificateAuthorityConfiguration = {
      KeyAlgorithm: 'EC_prime256v1' as const,
      SigningAlgorithm: 'SHA256WITHRSA' as const,
      Subject: { CommonName: 'Shop root' },
    };
    expect(await refusalOf(create({ CertificateAuthorityConfiguration }))).toBe('InvalidArgsException');
    const china = pcaClient(emulator.endpoint, 'cn-north-1');
    expect(await refusalOf(china.send(new CreateCertificateAuthorityCommand(wishes())))).toBe(
      'InvalidArgsException',
    );
  });

  test('a request that lacks a member is refused as the model wants it', async () => {
    const request = new CreateCertificateAuthorityCommand({
      ...wishes(),
      CertificateAuthorityConfiguration: undefined,
    });
    await expect(client.send(request)).rejects.toThrow(
      "1 validation error detected: Value null at 'certificateAuthorityConfiguration' failed to satisfy constraint: Member must not be null",
    );
  });
});

describe('states', () => {
  test('only an ACTIVE CA issues', async () => {
    const pending = await create();
    const issue = async (ca: string) => refusalOf(signed(ca, leafCsr(), 'EndEntityCertificate', 1));
    expect(await issue(pending)).toBe('InvalidStateException');
    const ca = await emulator.createCa();
    const update = async (Status: 'ACTIVE' | 'DISABLED') =>
      client.send(new UpdateCertificateAuthorityCommand({ CertificateAuthorityArn: ca, Status }));
    const CertificateAuthorityArn = ca;
    const remove = new DeleteCertificateAuthorityCommand({
      CertificateAuthorityArn,
      PermanentDeletionTimeInDays: 7,
    });
    expect(await refusalOf(client.send(remove))).toBe('InvalidStateException');
    await update('DISABLED');
    expect(await issue(ca)).toBe('InvalidStateException');
    await client.send(remove);
    expect(await statusOf(ca)).toBe('DELETED');
    await client.send(new RestoreCertificateAuthorityCommand({ CertificateAuthorityArn }));
    expect(await statusOf(ca)).toBe('DISABLED');
    await update('ACTIVE');
    expect(await issue(ca)).toBeUndefined();
    await update('DISABLED');
    await client.send(remove);
    emulator.clock.advance(8 * 86_400_000);
    expect(await refusalOf(statusOf(ca))).toBe('ResourceNotFoundException');
  });

  test('a CA past its certificate is EXPIRED', async () => {
    const ca = await emulator.createCa({ years: 1 });
    emulator.clock.advance(367 * 86_400_000);
    expect(await statusOf(ca)).toBe('EXPIRED');
    expect(await refusalOf(signed(ca, leafCsr(), 'EndEntityCertificate', 1))).toBe('InvalidStateException');
  });
});

describe('revoking', () => {
  const revocation = {
    CrlConfiguration: { Enabled: true, ExpirationInDays: 7, S3BucketName: 'crl-bucket' },
  };
  const revoke = async (ca: string, CertificateSerial: string, RevocationReason: RevocationReason) =>
    client.send(
      new RevokeCertificateCommand({ CertificateAuthorityArn: ca, CertificateSerial, RevocationReason }),
    );

  test('the CRL lists it half an hour later, at the place that the certificate names', async () => {
    const ca = await emulator.createCa({ revocation });
    const { Certificate, CertificateChain } = await signed(ca, leafCsr(), 'EndEntityCertificate', 30);
    const leaf = new X509Certificate(Certificate!);
    const colons = leaf.serialNumber
      .toLowerCase()
      .padStart(32, '0')
      .replace(/..(?=.)/g, '$&:');
    await revoke(ca, colons, 'KEY_COMPROMISE');
    const url = /http:\/\/\S+\.crl/.exec(readCertificate(leaf.raw).der.toString('latin1'))?.[0] ?? '';
    expect(url.startsWith(`${emulator.endpoint}/crl-bucket/crl/`)).toBe(true);
    const entries = async (): Promise<string[]> => {
      const crl = readCrl(Buffer.from(await (await fetch(url)).arrayBuffer()));
      expect(checkSignature(crl, readCertificate(new X509Certificate(CertificateChain!).raw))).toBe('good');
      return [...revokedCertificates(crl)].map((one) => `${serialHex(one.serial)} ${reasonOf(one)}`);
    };
    expect(await entries()).toEqual([]);
    emulator.clock.advance(31 * 60_000);
    expect(await entries()).toEqual([`${serialHex(readCertificate(leaf.raw).serial)} keyCompromise`]);
    expect(await refusalOf(revoke(ca, colons, 'SUPERSEDED'))).toBe('RequestAlreadyProcessedException');
    expect(await refusalOf(revoke(ca, 'aa:bb', 'SUPERSEDED'))).toBe('ResourceNotFoundException');
    expect(await refusalOf(revoke(ca, colons.toUpperCase().replace(/\d/g, 'A'), 'SUPERSEDED'))).toBe(
      'ValidationException',
    );
  });

  test('a partitioned CRL says which partition it is, at the address in the certificate', async () => {
    const crl = { ...revocation.CrlConfiguration, CrlType: 'PARTITIONED', CustomPath: 'lists' };
    const ca = await emulator.createCa({ revocation: { CrlConfiguration: crl } });
    const { Certificate } = await signed(ca, leafCsr(), 'EndEntityCertificate', 30);
    const leaf = readCertificate(new X509Certificate(Certificate!).raw);
    const [point] = readDistributionPoints(extension(leaf, oid.crlDistributionPoints)!.value);
    const [name] = point!.fullName;
    const url = name?.kind === 'uri' ? name.value : '';
    expect(url).toMatch(/\/crl-bucket\/lists\/[0-9a-f-]{36}\/[0-9a-f-]{36}\.crl$/);
    const list = readCrl(Buffer.from(await (await fetch(url)).arrayBuffer()));
    const scope = list.extensions.find(({ id }) => id === oid.issuingDistributionPoint);
    expect(scope?.critical).toBe(true);
    expect(readIssuingDistributionPoint(scope!.value).fullName).toEqual([name]);
  });

  test('the extension is left out where the CA is told to, and the CRL is not', async () => {
    const crl = {
      ...revocation.CrlConfiguration,
      CrlDistributionPointExtensionConfiguration: { OmitExtension: true },
    };
    const ca = await emulator.createCa({ revocation: { CrlConfiguration: crl } });
    const { Certificate } = await signed(ca, leafCsr(), 'EndEntityCertificate', 30);
    const leaf = readCertificate(new X509Certificate(Certificate!).raw);
    expect(extension(leaf, oid.crlDistributionPoints)).toBeUndefined();
    const url = `${emulator.endpoint}/crl-bucket/crl/${ca.split('/').at(-1)!}.crl`;
    expect((await fetch(url)).status).toBe(200);
  });

  test('a certificate that has expired, or that signed itself, is not revoked', async () => {
    const root = await create();
    const own = await signed(root, await csrOf(root), 'RootCACertificate', 3650);
    await install(root, own.Certificate!);
    const serial = (pem: string): string => new X509Certificate(pem).serialNumber.toLowerCase();
    await expect(revoke(root, serial(own.Certificate!), 'UNSPECIFIED')).rejects.toThrow(
      'Self-signed certificate can not be revoked',
    );
    const { Certificate } = await signed(root, leafCsr(), 'EndEntityCertificate', 1);
    emulator.clock.advance(2 * 86_400_000);
    expect(await refusalOf(revoke(root, serial(Certificate!), 'UNSPECIFIED'))).toBe(
      'InvalidRequestException',
    );
  });

  test('the audit report lists what was issued and revoked, once in half an hour', async () => {
    const ca = await emulator.createCa();
    const { Certificate } = await signed(ca, leafCsr(), 'EndEntityCertificate', 30);
    await revoke(ca, new X509Certificate(Certificate!).serialNumber.toLowerCase(), 'SUPERSEDED');
    const CertificateAuthorityArn = ca;
    const ask = new CreateCertificateAuthorityAuditReportCommand({
      CertificateAuthorityArn,
      S3BucketName: 'reports',
      AuditReportResponseFormat: 'JSON',
    });
    const { AuditReportId, S3Key } = await client.send(ask);
    const look = new DescribeCertificateAuthorityAuditReportCommand({
      CertificateAuthorityArn,
      AuditReportId,
    });
    expect((await client.send(look)).AuditReportStatus).toBe('CREATING');
    expect((await client.send(look)).AuditReportStatus).toBe('SUCCESS');
    const report: unknown = await (await fetch(`${emulator.endpoint}/reports/${S3Key!}`)).json();
    expect(report).toMatchObject([{ subject: 'CN=orders.internal', revocationReason: 'SUPERSEDED' }]);
    expect(await refusalOf(client.send(ask))).toBe('RequestInProgressException');
    emulator.clock.advance(31 * 60_000);
    expect(await refusalOf(client.send(ask))).toBeUndefined();
  });

  test.each([
    ['no bucket', { CrlConfiguration: { Enabled: true, ExpirationInDays: 7 } }],
    [
      'more than Enabled where it is switched off',
      { CrlConfiguration: { Enabled: false, ExpirationInDays: 7 } },
    ],
    [
      'a protocol in the host name',
      { CrlConfiguration: { ...revocation.CrlConfiguration, CustomCname: 'http://crl.example' } },
    ],
  ])('a configuration with %s is refused', async (_, RevocationConfiguration) => {
    expect(await refusalOf(create({ RevocationConfiguration }))).toBe('InvalidArgsException');
  });
});

describe('what belongs to a CA', () => {
  test('permissions', async () => {
    const CertificateAuthorityArn = await emulator.createCa();
    const Principal = 'acm.amazonaws.com';
    const grant = new CreatePermissionCommand({
      CertificateAuthorityArn,
      Principal,
      Actions: ['IssueCertificate', 'GetCertificate', 'ListPermissions'],
    });
    const list = async () =>
      (await client.send(new ListPermissionsCommand({ CertificateAuthorityArn }))).Permissions?.map(
        (one) => one.Principal,
      );
    await client.send(grant);
    expect(await refusalOf(client.send(grant))).toBe('PermissionAlreadyExistsException');
    expect(await list()).toEqual([Principal]);
    await client.send(new DeletePermissionCommand({ CertificateAuthorityArn, Principal }));
    expect(await list()).toEqual([]);
  });

  test('tags', async () => {
    const CertificateAuthorityArn = await create({ Tags: [{ Key: 'team', Value: 'shop' }] });
    const tag = async (Tags: { Key: string; Value?: string }[]) =>
      client.send(new TagCertificateAuthorityCommand({ CertificateAuthorityArn, Tags }));
    await tag([{ Key: 'stage', Value: 'test' }]);
    await client.send(
      new UntagCertificateAuthorityCommand({ CertificateAuthorityArn, Tags: [{ Key: 'team' }] }),
    );
    expect((await client.send(new ListTagsCommand({ CertificateAuthorityArn }))).Tags).toEqual([
      { Key: 'stage', Value: 'test' },
    ]);
    expect(await refusalOf(tag([{ Key: 'aws:mine' }]))).toBe('InvalidTagException');
    const many = Array.from({ length: 50 }, (_, index) => ({ Key: `k${index}` }));
    expect(await refusalOf(tag(many))).toBe('TooManyTagsException');
  });

  test('a policy', async () => {
    const ResourceArn = await emulator.createCa();
    const get = async () => client.send(new GetPolicyCommand({ ResourceArn }));
    expect(await refusalOf(get())).toBe('ResourceNotFoundException');
    await client.send(new PutPolicyCommand({ ResourceArn, Policy: '{}' }));
    expect((await get()).Policy).toBe('{}');
  });

  test('a list comes in pages, of one region', async () => {
    const region = 'eu-central-1';
    const made = [];
    for (let count = 0; count < 3; count += 1) made.push(await emulator.createCa({ region }));
    const there = pcaClient(emulator.endpoint, region);
    const list = async (NextToken?: string) =>
      there.send(
        new ListCertificateAuthoritiesCommand({
          MaxResults: 2,
          ...(NextToken !== undefined && { NextToken }),
        }),
      );
    const first = await list();
    const second = await list(first.NextToken);
    const arns = [...first.CertificateAuthorities!, ...second.CertificateAuthorities!].map(({ Arn }) => Arn);
    expect(arns).toEqual(made);
    expect(second.NextToken).toBeUndefined();
    expect(await refusalOf(list('nonsense'))).toBe('InvalidNextTokenException');
  });
});
