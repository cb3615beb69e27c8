import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import {
  AddTagsToCertificateCommand,
  DeleteCertificateCommand,
  DescribeCertificateCommand,
  ExportCertificateCommand,
  GetAccountConfigurationCommand,
  GetCertificateCommand,
  ImportCertificateCommand,
  ListCertificatesCommand,
  ListTagsForCertificateCommand,
  ListTagsForResourceCommand,
  PutAccountConfigurationCommand,
  RemoveTagsFromCertificateCommand,
  RenewCertificateCommand,
  RequestCertificateCommand,
  RevokeCertificateCommand,
  SearchCertificatesCommand,
  UpdateCertificateOptionsCommand,
  type ACMClient,
  type CertificateDetail,
  type CertificateFilterStatement,
  type ImportCertificateCommandInput,
  type ListCertificatesCommandInput,
  type RequestCertificateCommandInput,
} from '@aws-sdk/client-acm';
import { CreatePermissionCommand } from '@aws-sdk/client-acm-pca';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publicKeyDer } from '../../src/pki/x509/key.ts';
import { certificatePem } from '../../src/pki/x509/pem-writer.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { startEmulator, type Emulator } from '../support/aws/emulator.ts';
import { acmClient, pcaClient, refusalOf } from '../support/aws/sdk.ts';
import { authority, issue, type Changes, type Entity } from '../support/chains.ts';

let emulator: Emulator;
let client: ACMClient;
let ca: string;

beforeAll(async () => {
  emulator = await startEmulator();
  client = acmClient(emulator.endpoint);
  ca = await emulator.createCa({ grantsAcm: true });
});

afterAll(async () => {
  await emulator.close();
});

const grant = async (CertificateAuthorityArn: string) =>
  pcaClient(emulator.endpoint).send(
    new CreatePermissionCommand({
      CertificateAuthorityArn,
      Principal: 'acm.amazonaws.com',
      Actions: ['IssueCertificate', 'GetCertificate', 'ListPermissions'],
    }),
  );

const request = async (input: Partial<RequestCertificateCommandInput> = {}, by = client): Promise<string> =>
  (await by.send(new RequestCertificateCommand({ DomainName: 'www.shop.com', ...input }))).CertificateArn!;

const requestPrivate = async (input: Partial<RequestCertificateCommandInput> = {}): Promise<string> =>
  request({
    DomainName: 'orders.internal',
    CertificateAuthorityArn: ca,
    KeyAlgorithm: 'EC_prime256v1',
    ...input,
  });

async function look(CertificateArn: string): Promise<CertificateDetail> {
  return (await client.send(new DescribeCertificateCommand({ CertificateArn }))).Certificate!;
}

async function settled(arn: string): Promise<CertificateDetail> {
  await look(arn);
  return look(arn);
}

const passphrase = 'correct horse battery staple';

const exported = async (CertificateArn: string, Passphrase = passphrase) =>
  client.send(new ExportCertificateCommand({ CertificateArn, Passphrase: Buffer.from(Passphrase) }));

const publicBits = (key: KeyObject): string => publicKeyDer(key).toString('base64');

describe('private certificates', () => {
  test('are issued by the CA after a while, and exported under a passphrase', async () => {
    const arn = await requestPrivate({ SubjectAlternativeNames: ['*.orders.internal'] });
    const get = new GetCertificateCommand({ CertificateArn: arn });
    expect(await refusalOf(client.send(get))).toBe('RequestInProgressException');
    expect((await look(arn)).Status).toBe('PENDING_VALIDATION');
    const detail = await look(arn);
    expect(detail).toMatchObject({
      Status: 'ISSUED',
      Type: 'PRIVATE',
      CertificateAuthorityArn: ca,
      RenewalEligibility: 'INELIGIBLE',
    });
    const before = emulator.stats.billed;
    const answer = await exported(arn);
    const leaf = new X509Certificate(answer.Certificate!);
    const key = createPrivateKey({ key: answer.PrivateKey!, passphrase });
    expect(publicBits(key)).toBe(publicBits(leaf.publicKey));
    expect(leaf.checkIssued(new X509Certificate(answer.CertificateChain!))).toBe(true);
    expect(leaf.subjectAltName).toBe('DNS:orders.internal, DNS:*.orders.internal');
    expect(detail.Serial).toBe(leaf.serialNumber.toLowerCase().replace(/..(?=.)/g, '$&:'));
    const days = (Date.parse(leaf.validTo) - emulator.clock.now().getTime()) / 86_400_000;
    expect(Math.round(days)).toBe(395);
    await exported(arn);
    expect(emulator.stats.billed).toBe(before + 1);
    expect((await client.send(get)).Certificate).toBe(answer.Certificate);
    expect((await look(arn)).RenewalEligibility).toBe('ELIGIBLE');
  });

  test('the passphrase has its rules', async () => {
    const arn = await requestPrivate();
    await settled(arn);
    for (const odd of ['abc', 'x'.repeat(129), 'price: 5$', 'caffè']) {
      expect(await refusalOf(exported(arn, odd))).toBe('ValidationException');
    }
  });

  test('fail with a reason where the CA cannot or may not issue', async () => {
    const reason = async (CertificateAuthorityArn: string) =>
      (await settled(await requestPrivate({ CertificateAuthorityArn }))).FailureReason;
    const ungranted = await emulator.createCa();
    expect(await reason(ungranted)).toBe('PCA_ACCESS_DENIED');
    const short = await emulator.createCa({ years: 1 });
    await grant(short);
    expect(await reason(short)).toBe('PCA_INVALID_DURATION');
    const off = await emulator.createCa();
    emulator.cloud.cas.get(off)!.state = 'DISABLED';
    expect(await reason(off)).toBe('PCA_INVALID_STATE');
  });

  test('a short-lived CA and a key of another family are refused', async () => {
    const CertificateAuthorityArn = await emulator.createCa({ usageMode: 'SHORT_LIVED_CERTIFICATE' });
    expect(await refusalOf(requestPrivate({ CertificateAuthorityArn }))).toBe('InvalidParameterException');
    expect(await refusalOf(requestPrivate({ KeyAlgorithm: 'RSA_2048' }))).toBe('InvalidParameterException');
  });

  test('the same token within an hour is the same certificate, whatever it asks for', async () => {
    const IdempotencyToken = 'token_1';
    const first = await requestPrivate({ IdempotencyToken });
    expect(await requestPrivate({ IdempotencyToken, DomainName: 'other.internal' })).toBe(first);
    emulator.clock.advance(3_601_000);
    expect(await requestPrivate({ IdempotencyToken })).not.toBe(first);
    expect(await refusalOf(requestPrivate({ IdempotencyToken: 'not-a-word' }))).toBe('ValidationException');
  });

  test('renewing needs an export first, is asynchronous, and changes serial and key', async () => {
    const arn = await requestPrivate();
    await settled(arn);
    const renew = new RenewCertificateCommand({ CertificateArn: arn });
    await expect(client.send(renew)).rejects.toThrow(/has not been exported/);
    const old = await exported(arn);
    const { Serial } = await look(arn);
    await client.send(renew);
    expect(await refusalOf(client.send(renew))).toBe('RequestInProgressException');
    expect((await look(arn)).RenewalSummary?.RenewalStatus).toBe('PENDING_AUTO_RENEWAL');
    const renewed = await look(arn);
    expect(renewed.RenewalSummary?.RenewalStatus).toBe('SUCCESS');
    expect(renewed.Serial).not.toBe(Serial);
    const fresh = await exported(arn);
    expect(publicBits(createPrivateKey({ key: fresh.PrivateKey!, passphrase }))).not.toBe(
      publicBits(createPrivateKey({ key: old.PrivateKey!, passphrase })),
    );
  });

  test('ACM renews by itself what was exported, sixty days before its end', async () => {
    const arn = await requestPrivate();
    await settled(arn);
    await exported(arn);
    const { Serial } = await look(arn);
    emulator.clock.advance(336 * 86_400_000);
    await look(arn);
    await look(arn);
    expect((await look(arn)).Serial).not.toBe(Serial);
  });
});

describe('public certificates', () => {
  test('wait for their records, which come late and are shared by *.x and x', async () => {
    const arn = await request({
      ValidationMethod: 'DNS',
      SubjectAlternativeNames: ['*.www.shop.com', 'shop.com'],
    });
    expect((await look(arn)).DomainValidationOptions?.[0]?.ResourceRecord).toBeUndefined();
    const options = (await look(arn)).DomainValidationOptions!;
    const names = options.map(({ ResourceRecord }) => ResourceRecord!.Name!);
    expect(names).toHaveLength(3);
    expect(new Set(names).size).toBe(2);
    expect((await look(arn)).Status).toBe('PENDING_VALIDATION');
    for (const { ResourceRecord: record } of options) emulator.publish(record!.Name!, record!.Value!);
    const issued = await look(arn);
    expect(issued.Status).toBe('ISSUED');
    expect(issued.ExtendedKeyUsages?.map(({ Name }) => Name)).toEqual(['TLS_WEB_SERVER_AUTHENTICATION']);
    expect(await refusalOf(exported(arn))).toBe('ValidationException');
  });

  test('an exportable one is charged when issued, exported, revoked once', async () => {
    const arn = await request({ DomainName: 'export.shop.com', Options: { Export: 'ENABLED' } });
    const before = emulator.stats.billed;
    emulator.approve(arn);
    await settled(arn);
    expect(emulator.stats.billed).toBe(before + 1);
    const revoke = new RevokeCertificateCommand({ CertificateArn: arn, RevocationReason: 'SUPERSEDED' });
    expect(await refusalOf(client.send(revoke))).toBe('ValidationException');
    const { Certificate, CertificateChain } = await exported(arn);
    const [issuer] = CertificateChain!.split(/(?<=-----END CERTIFICATE-----)\n/);
    expect(new X509Certificate(Certificate!).checkIssued(new X509Certificate(issuer!))).toBe(true);
    expect(emulator.stats.billed).toBe(before + 1);
    const change = new UpdateCertificateOptionsCommand({
      CertificateArn: arn,
      Options: { Export: 'DISABLED' },
    });
    expect(await refusalOf(client.send(change))).toBe('ValidationException');
    expect((await client.send(revoke)).CertificateArn).toBe(arn);
    expect(await look(arn)).toMatchObject({ Status: 'REVOKED', RevocationReason: 'SUPERSEDED' });
    expect(await refusalOf(client.send(revoke))).toBe('ConflictException');
  });

  test('time out after three days, and fail for names that nobody can own', async () => {
    const slow = await request({ DomainName: 'slow.shop.com' });
    await settled(slow);
    emulator.clock.advance(73 * 3_600_000);
    expect((await look(slow)).Status).toBe('VALIDATION_TIMED_OUT');
    const odd = await settled(await request({ DomainName: 'orders.internal' }));
    expect(odd).toMatchObject({ Status: 'FAILED', FailureReason: 'INVALID_PUBLIC_DOMAIN' });
  });

  test.each<[string, Partial<RequestCertificateCommandInput>, string]>([
    ['no dot', { DomainName: 'localhost' }, 'ValidationException'],
    ['an address', { DomainName: 'spiffe://corp/orders' }, 'ValidationException'],
    [
      'a first name that is too long',
      { DomainName: `${'x'.repeat(60)}.shop.com` },
      'InvalidParameterException',
    ],
    [
      'eleven names',
      { SubjectAlternativeNames: Array.from({ length: 10 }, (_, index) => `n${index}.shop.com`) },
      'LimitExceededException',
    ],
    ['a key that can only be imported', { KeyAlgorithm: 'RSA_4096' }, 'ValidationException'],
  ])('%s is refused', async (_, input, name) => {
    expect(await refusalOf(request(input))).toBe(name);
  });

  test('a new certificate may not be found at first', async () => {
    emulator.pace.hiddenCalls = 1;
    const arn = await request();
    emulator.pace.hiddenCalls = 0;
    expect(await refusalOf(look(arn))).toBe('ResourceNotFoundException');
    expect((await look(arn)).Status).toBe('PENDING_VALIDATION');
  });
});

const now = (): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(emulator.clock.now().getTime() - 3_600_000),
  notAfter: new Date(emulator.clock.now().getTime() + 30 * 86_400_000),
});
const pem = ({ certificate }: Entity): Buffer => Buffer.from(certificatePem(certificate.der));
const keyPem = ({ key }: Entity): Buffer => Buffer.from(key.export({ type: 'pkcs8', format: 'pem' }));

describe('imported certificates', () => {
  const authorityNow = (name: string): Entity => authority(name, undefined, now());
  const leafNow = (issuer: Entity, changes: Changes = {}): Entity =>
    issue('orders.internal', issuer, { ...now(), ...changes });
  const importing = async (leaf: Entity, chain: Entity, more: Partial<ImportCertificateCommandInput> = {}) =>
    (
      await client.send(
        new ImportCertificateCommand({
          Certificate: pem(leaf),
          PrivateKey: keyPem(leaf),
          CertificateChain: pem(chain),
          ...more,
        }),
      )
    ).CertificateArn!;

  test('are there at once, and are never exported or renewed', async () => {
    const root = authorityNow('Root');
    const leaf = leafNow(root);
    const arn = await importing(leaf, root, { Tags: [{ Key: 'team', Value: 'shop' }] });
    expect(await look(arn)).toMatchObject({
      Status: 'ISSUED',
      Type: 'IMPORTED',
      DomainName: 'orders.internal',
    });
    expect(await refusalOf(exported(arn))).toBe('ValidationException');
    const renew = new RenewCertificateCommand({ CertificateArn: arn });
    expect(await refusalOf(client.send(renew))).toBe('ValidationException');
    const { Certificate, CertificateChain } = await client.send(
      new GetCertificateCommand({ CertificateArn: arn }),
    );
    expect(new X509Certificate(Certificate!).raw.equals(leaf.certificate.der)).toBe(true);
    expect(new X509Certificate(CertificateChain!).raw.equals(root.certificate.der)).toBe(true);
  });

  test('what does not fit together is refused', async () => {
    const root = authorityNow('Root');
    const leaf = leafNow(root);
    const refused: [string, () => Promise<unknown>][] = [
      ['the key of another', async () => importing({ ...leaf, key: leafNow(root).key }, root)],
      ['a foreign chain', async () => importing(leaf, authorityNow('Root'))],
      [
        'the chain in the wrong field',
        async () => importing(leaf, root, { Certificate: Buffer.concat([pem(leaf), pem(root)]) }),
      ],
      [
        'the leaf in the chain',
        async () => importing(leaf, root, { CertificateChain: Buffer.concat([pem(leaf), pem(root)]) }),
      ],
      [
        'an expired one',
        async () => {
          const notAfter = new Date(emulator.clock.now().getTime() - 1000);
          return importing(leafNow(root, { notAfter }), root);
        },
      ],
      [
        'an encrypted key',
        async () => {
          const PrivateKey = Buffer.from(
            leaf.key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }),
          );
          return importing(leaf, root, { PrivateKey });
        },
      ],
      ['DER', async () => importing(leaf, root, { Certificate: leaf.certificate.der })],
    ];
    for (const [what, run] of refused)
      expect([what, await refusalOf(run())]).toEqual([what, 'ValidationException']);
  });

  test('a re-import keeps ARN and tags, and may not take usages, key type or all names away', async () => {
    const root = authorityNow('Root');
    const CertificateArn = await importing(leafNow(root), root, { Tags: [{ Key: 'team', Value: 'shop' }] });
    const again = async (changes: Changes, more: Partial<ImportCertificateCommandInput> = {}) =>
      importing(leafNow(root, changes), root, { CertificateArn, ...more });
    const first = (await look(CertificateArn)).Serial;
    expect(await again({})).toBe(CertificateArn);
    expect((await look(CertificateArn)).Serial).not.toBe(first);
    // Of the purposes, clientAuth alone may go.
    expect(await refusalOf(again({ extendedKeyUsage: [oid.serverAuth] }))).toBeUndefined();
    expect(await refusalOf(again({ extendedKeyUsage: [oid.clientAuth] }))).toBe('ValidationException');
    expect(await refusalOf(again({ keyUsage: ['keyAgreement'] }))).toBe('ValidationException');
    const key = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    expect(await refusalOf(again({ key }))).toBe('ValidationException');
    expect(await refusalOf(again({ names: [] }))).toBe('ValidationException');
    expect(await refusalOf(again({}, { Tags: [{ Key: 'a' }] }))).toBe('ValidationException');
    const { Tags } = await client.send(new ListTagsForCertificateCommand({ CertificateArn }));
    expect(Tags).toEqual([{ Key: 'team', Value: 'shop' }]);
    const issued = await requestPrivate();
    await settled(issued);
    expect(await refusalOf(again({}, { CertificateArn: issued }))).toBe('ValidationException');
  });
});

describe('lists, tags and the account', () => {
  const region = 'eu-north-1';
  const list = async (input: ListCertificatesCommandInput = {}) =>
    acmClient(emulator.endpoint, region).send(new ListCertificatesCommand(input));

  test('only RSA up to 2048 bits is listed unless other key types are asked for; in pages', async () => {
    const there = acmClient(emulator.endpoint, region);
    const rsa = await request({ DomainName: 'rsa.shop.com' }, there);
    const ec = await request({ DomainName: 'ec.shop.com', KeyAlgorithm: 'EC_prime256v1' }, there);
    const arns = async (input?: ListCertificatesCommandInput) =>
      (await list(input)).CertificateSummaryList?.map(({ CertificateArn }) => CertificateArn);
    expect(await arns()).toEqual([rsa]);
    const Includes = { keyTypes: ['RSA_2048', 'EC_prime256v1'] as const };
    const all = { Includes: { keyTypes: [...Includes.keyTypes] } };
    expect(await arns(all)).toEqual([rsa, ec]);
    const first = await list({ ...all, MaxItems: 1 });
    expect(first.CertificateSummaryList).toHaveLength(1);
    expect(await arns({ ...all, MaxItems: 1, NextToken: first.NextToken })).toEqual([ec]);
    expect(await arns({ ...all, CertificateStatuses: ['ISSUED'] })).toEqual([]);
  });

  test('all key types are searched, by statements of filters', async () => {
    const where = 'eu-south-1';
    const there = acmClient(emulator.endpoint, where);
    const a = await request({ DomainName: 'a.shop.com' }, there);
    const b = await request({ DomainName: 'b.shop.com', KeyAlgorithm: 'EC_prime256v1' }, there);
    emulator.approve(b);
    const search = async (FilterStatement?: CertificateFilterStatement) => {
      const input = FilterStatement ? { FilterStatement } : {};
      const { Results } = await there.send(new SearchCertificatesCommand(input));
      return Results?.map(({ CertificateArn }) => CertificateArn);
    };
    expect(await search()).toEqual([a, b]);
    await there.send(new DescribeCertificateCommand({ CertificateArn: b }));
    const issued = { Filter: { AcmCertificateMetadataFilter: { Status: 'ISSUED' as const } } };
    expect(await search(issued)).toEqual([b]);
    expect(await search({ Not: issued })).toEqual([a]);
    const expiring = (days: number) => ({
      Filter: {
        X509AttributeFilter: {
          NotAfter: { End: new Date(emulator.clock.now().getTime() + days * 86_400_000) },
        },
      },
    });
    expect(await search(expiring(197))).toEqual([]);
    expect(await search({ And: [issued, expiring(199)] })).toEqual([b]);
    const named = { DnsName: { Value: 'b.shop', ComparisonOperator: 'CONTAINS' as const } };
    expect(await search({ Filter: { X509AttributeFilter: { SubjectAlternativeName: named } } })).toEqual([b]);
  });

  test('one that is in use is not deleted', async () => {
    const CertificateArn = await request({ DomainName: 'used.shop.com' });
    const balancer = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/1';
    emulator.associate(CertificateArn, balancer);
    const remove = new DeleteCertificateCommand({ CertificateArn });
    expect(await refusalOf(client.send(remove))).toBe('ResourceInUseException');
    expect((await look(CertificateArn)).InUseBy).toEqual([balancer]);
    const free = await request({ DomainName: 'free.shop.com' });
    await client.send(new DeleteCertificateCommand({ CertificateArn: free }));
    expect(await refusalOf(look(free))).toBe('ResourceNotFoundException');
  });

  test('tags, by both generations of operations', async () => {
    const CertificateArn = await request({ DomainName: 'tags.shop.com' });
    const Tags = [
      { Key: 'team', Value: 'shop' },
      { Key: 'stage', Value: 'test' },
    ];
    await client.send(new AddTagsToCertificateCommand({ CertificateArn, Tags }));
    await client.send(new RemoveTagsFromCertificateCommand({ CertificateArn, Tags: [{ Key: 'stage' }] }));
    const { Tags: left } = await client.send(new ListTagsForResourceCommand({ ResourceArn: CertificateArn }));
    expect(left).toEqual([{ Key: 'team', Value: 'shop' }]);
  });

  test("the account's configuration", async () => {
    const get = async () => (await client.send(new GetAccountConfigurationCommand({}))).ExpiryEvents;
    expect(await get()).toEqual({ DaysBeforeExpiry: 45 });
    const ExpiryEvents = { DaysBeforeExpiry: 30 };
    await client.send(new PutAccountConfigurationCommand({ ExpiryEvents, IdempotencyToken: 'a' }));
    expect(await get()).toEqual(ExpiryEvents);
  });

  test('the owner of a domain, the users of a certificate and the pace are played over HTTP', async () => {
    const put = async (what: string, body: object): Promise<number> =>
      (await fetch(`${emulator.endpoint}/_emulator/${what}`, { method: 'PUT', body: JSON.stringify(body) }))
        .status;
    expect(await put('pace', { describePolls: 0 })).toBe(200);
    expect(await put('pace', { haste: 1 })).toBe(400);
    const arn = await request({ DomainName: 'http.shop.com' });
    const { Name, Value } = (await look(arn)).DomainValidationOptions![0]!.ResourceRecord!;
    expect(await put('dns', { [Name!]: Value! })).toBe(200);
    expect((await look(arn)).Status).toBe('ISSUED');
    const other = await request({ DomainName: 'mail.shop.com', ValidationMethod: 'EMAIL' });
    expect((await look(other)).DomainValidationOptions![0]!.ValidationEmails).toContain(
      'admin@mail.shop.com',
    );
    expect(await put('approval', { certificate: other })).toBe(200);
    expect((await look(other)).Status).toBe('ISSUED');
    expect(await put('use', { certificate: other, by: 'arn:aws:x' })).toBe(200);
    expect((await look(other)).InUseBy).toEqual(['arn:aws:x']);
    expect(await put('approval', { certificate: 'none' })).toBe(400);
    emulator.pace.describePolls = 1;
  });

  test('a refusal of ones own choice', async () => {
    emulator.refuse('ExportCertificate', 'AccessDeniedException', 'User: x is not authorized');
    const arn = await requestPrivate();
    await settled(arn);
    await expect(exported(arn)).rejects.toThrow('User: x is not authorized');
    expect(await refusalOf(exported(arn))).toBeUndefined();
  });
});
