import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import {
  DescribeCertificateCommand,
  ListCertificatesCommand,
  RequestCertificateCommand,
  type CertificateDetail,
} from '@aws-sdk/client-acm';
import {
  DescribeCertificateAuthorityCommand,
  GetCertificateCommand,
  IssueCertificateCommand,
  ListCertificateAuthoritiesCommand,
  PutPolicyCommand,
  RevokeCertificateCommand,
  type ACMPCAClient,
} from '@aws-sdk/client-acm-pca';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { csrPem } from '../support/aws/csr-pem.ts';
import { startEmulator, type Emulator } from '../support/aws/emulator.ts';
import { acmClient, pcaClient, refusalOf } from '../support/aws/sdk.ts';

const account = '123456789012';
const other = '210987654321';
const region = 'eu-west-1';

let emulator: Emulator;
let owner: ACMPCAClient;
let guest: ACMPCAClient;
let shared: string;

beforeAll(async () => {
  emulator = await startEmulator({ certificatePolls: 0 });
  owner = pcaClient(emulator.endpoint);
  guest = pcaClient(emulator.endpoint, region, other);
  shared = await emulator.createCa({ sharedWith: other });
});

afterAll(async () => {
  await emulator.close();
});

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

const issue = async (client: ACMPCAClient, CertificateAuthorityArn: string, template?: string) => {
  const { CertificateArn } = await client.send(
    new IssueCertificateCommand({
      CertificateAuthorityArn,
      Csr: Buffer.from(csrPem(key, 'orders.internal')),
      SigningAlgorithm: 'SHA256WITHECDSA',
      Validity: { Type: 'DAYS', Value: 1 },
      ...(template !== undefined && { TemplateArn: `arn:aws:acm-pca:::template/${template}/V1` }),
    }),
  );
  return CertificateArn!;
};

const arns = async (client: ACMPCAClient, ResourceOwner: 'SELF' | 'OTHER_ACCOUNTS' = 'SELF') =>
  (await client.send(new ListCertificateAuthoritiesCommand({ ResourceOwner }))).CertificateAuthorities?.map(
    ({ Arn }) => Arn,
  );

describe('a CA of another account', () => {
  test('that is not shared denies everything, without a word on why', async () => {
    const CertificateAuthorityArn = await emulator.createCa();
    const look = new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn });
    expect(await refusalOf(owner.send(look))).toBeUndefined();
    expect(await refusalOf(guest.send(look))).toBe('AccessDeniedException');
    expect(await refusalOf(issue(guest, CertificateAuthorityArn))).toBe('AccessDeniedException');
  });

  test('that is shared issues by the three usual templates, and by no other', async () => {
    const CertificateArn = await issue(guest, shared);
    const { Certificate } = await guest.send(
      new GetCertificateCommand({ CertificateAuthorityArn: shared, CertificateArn }),
    );
    expect(new X509Certificate(Certificate!).subjectAltName).toBe('DNS:orders.internal');
    for (const allowed of ['EndEntityClientAuthCertificate', 'EndEntityServerAuthCertificate'])
      expect(await refusalOf(issue(guest, shared, allowed))).toBeUndefined();
    for (const denied of ['BlankEndEntityCertificate_CSRPassthrough', 'CodeSigningCertificate']) {
      expect(await refusalOf(issue(guest, shared, denied))).toBe('AccessDeniedException');
      expect(await refusalOf(issue(owner, shared, denied))).toBeUndefined();
    }
  });

  test('leaves revoking to its owner', async () => {
    const arn = await issue(guest, shared);
    const revoke = new RevokeCertificateCommand({
      CertificateAuthorityArn: shared,
      CertificateSerial: arn.split('/').at(-1),
      RevocationReason: 'SUPERSEDED',
    });
    expect(await refusalOf(guest.send(revoke))).toBe('AccessDeniedException');
    expect(await refusalOf(owner.send(revoke))).toBeUndefined();
  });

  test('is listed and described as what it is', async () => {
    expect(await arns(guest)).toEqual([]);
    expect(await arns(guest, 'OTHER_ACCOUNTS')).toEqual([shared]);
    expect(await arns(owner)).toContain(shared);
    expect(await arns(owner, 'OTHER_ACCOUNTS')).toEqual([]);
    const { CertificateAuthority } = await guest.send(
      new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn: shared }),
    );
    expect(CertificateAuthority?.OwnerAccount).toBe(account);
  });

  test('is shared by its policy, which cannot share everything', async () => {
    const ResourceArn = await emulator.createCa();
    const put = async (Action: string[]) =>
      owner.send(
        new PutPolicyCommand({
          ResourceArn,
          Policy: JSON.stringify({
            Version: '2012-10-17',
            Statement: [
              { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${other}:root` }, Action, Resource: '*' },
            ],
          }),
        }),
      );
    expect(await refusalOf(put(['acm-pca:RevokeCertificate']))).toBe('InvalidPolicyException');
    await put(['acm-pca:IssueCertificate']);
    expect(await refusalOf(issue(guest, ResourceArn, 'CodeSigningCertificate'))).toBeUndefined();
    expect(
      await refusalOf(
        guest.send(new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn: ResourceArn })),
      ),
    ).toBe('AccessDeniedException');
  });
});

describe('ACM of another account', () => {
  const request = async (CertificateAuthorityArn: string): Promise<CertificateDetail> => {
    const client = acmClient(emulator.endpoint, region, other);
    const { CertificateArn } = await client.send(
      new RequestCertificateCommand({
        DomainName: 'orders.internal',
        CertificateAuthorityArn,
        KeyAlgorithm: 'EC_prime256v1',
      }),
    );
    const look = new DescribeCertificateCommand({ CertificateArn });
    await client.send(look);
    return (await client.send(look)).Certificate!;
  };

  test('issues from a CA that is shared with it', async () => {
    expect((await request(shared)).Status).toBe('ISSUED');
    const unshared = await emulator.createCa({ grantsAcm: true });
    expect(await request(unshared)).toMatchObject({ Status: 'FAILED', FailureReason: 'PCA_ACCESS_DENIED' });
  });

  test('has certificates of its own', async () => {
    const { CertificateArn } = await request(shared);
    const mine = acmClient(emulator.endpoint);
    expect(await refusalOf(mine.send(new DescribeCertificateCommand({ CertificateArn })))).toBe(
      'ResourceNotFoundException',
    );
    const { CertificateSummaryList } = await mine.send(
      new ListCertificatesCommand({ Includes: { keyTypes: ['EC_prime256v1'] } }),
    );
    expect(CertificateSummaryList).toEqual([]);
  });
});
