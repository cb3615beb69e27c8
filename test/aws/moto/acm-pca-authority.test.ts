import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import {
  CreateCertificateAuthorityAuditReportCommand,
  CreatePermissionCommand,
  DeleteCertificateAuthorityCommand,
  DescribeCertificateAuthorityCommand,
  GetCertificateAuthorityCsrCommand,
  GetPolicyCommand,
  ImportCertificateAuthorityCertificateCommand,
  ListCertificateAuthoritiesCommand,
  ListTagsCommand,
  RestoreCertificateAuthorityCommand,
  RevokeCertificateCommand,
  TagCertificateAuthorityCommand,
  UpdateCertificateAuthorityCommand,
} from '@aws-sdk/client-acm-pca';
import { readCertificationRequest } from '../../../src/pki/x509/certification-request.ts';
import { csrPem } from '../../support/aws/csr-pem.ts';
import { refusalOf } from '../../support/aws/sdk.ts';
import { compareWithMoto, htmlPage, type Side } from './compare.ts';
import { collect, createCa, get, issue, template } from './pca-calls.ts';

const statusOf = async ({ pca }: Side, CertificateAuthorityArn: string): Promise<string | undefined> => {
  const answer = await pca.send(new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn }));
  return answer.CertificateAuthority?.Status;
};

const colons = (leaf: X509Certificate): string =>
  leaf.serialNumber
    .toLowerCase()
    .padStart(32, '0')
    .replace(/..(?=.)/g, '$&:');

const revoke = async ({ pca, root }: Side, CertificateSerial: string): Promise<string | undefined> =>
  refusalOf(
    pca.send(
      new RevokeCertificateCommand({
        CertificateAuthorityArn: root,
        CertificateSerial,
        RevocationReason: 'SUPERSEDED',
      }),
    ),
  );

const disable = async ({ pca }: Side, CertificateAuthorityArn: string): Promise<unknown> =>
  pca.send(new UpdateCertificateAuthorityCommand({ CertificateAuthorityArn, Status: 'DISABLED' }));

const remove = async ({ pca }: Side, CertificateAuthorityArn: string): Promise<unknown> =>
  pca.send(
    new DeleteCertificateAuthorityCommand({ CertificateAuthorityArn, PermanentDeletionTimeInDays: 7 }),
  );

const install = async ({ pca }: Side, CertificateAuthorityArn: string, pem: string): Promise<unknown> =>
  pca.send(
    new ImportCertificateAuthorityCertificateCommand({
      CertificateAuthorityArn,
      Certificate: Buffer.from(pem),
    }),
  );

/** A root that a question may spoil. */
async function activeCa(side: Side): Promise<string> {
  const CertificateAuthorityArn = await createCa(side);
  const { Csr = '' } = await side.pca.send(
    new GetCertificateAuthorityCsrCommand({ CertificateAuthorityArn }),
  );
  const { leaf } = await collect(side, {
    CertificateAuthorityArn,
    TemplateArn: template('RootCACertificate'),
    Csr: Buffer.from(Csr),
  });
  await install(side, CertificateAuthorityArn, leaf.toString());
  return CertificateAuthorityArn;
}

const blindToStates = 'it does not look at the state';

compareWithMoto('AWS Private CA itself, by the emulator and by moto', [
  {
    asks: "the CSR of a new CA is signed, and says the CA's name",
    ask: async (side) => {
      const CertificateAuthorityArn = await createCa(side);
      const { Csr = '' } = await side.pca.send(
        new GetCertificateAuthorityCsrCommand({ CertificateAuthorityArn }),
      );
      const der = Buffer.from(Csr.replace(/-----.*?-----/g, ''), 'base64');
      return readCertificationRequest(der)
        .subjectName.flat()
        .map(({ value }) => value);
    },
    aws: ['Shop', 'Shop root'],
  },
  {
    asks: 'a new CA is listed',
    ask: async (side) => {
      const arn = await createCa(side);
      const answer = await side.pca.send(new ListCertificateAuthoritiesCommand({}));
      return answer.CertificateAuthorities?.some(({ Arn }) => Arn === arn);
    },
    aws: true,
  },
  {
    asks: 'the same token makes one CA',
    ask: async (side) => {
      const wishes = { IdempotencyToken: 'one' };
      return (await createCa(side, wishes)) === (await createCa(side, wishes));
    },
    aws: true,
    moto: { answers: false, why: 'it ignores the token' },
  },
  {
    asks: "a certificate of somebody else's key, installed as a CA's",
    ask: async (side) => {
      const { leaf } = await collect(side, {
        TemplateArn: template('SubordinateCACertificate_PathLen0'),
      });
      const ca = await createCa(side, { CertificateAuthorityType: 'ROOT' });
      return refusalOf(install(side, ca, leaf.toString()));
    },
    aws: 'CertificateMismatchException',
    moto: { answers: undefined, why: 'it installs any certificate' },
  },
  {
    asks: 'an order of a disabled CA',
    ask: async (side) => {
      const ca = await activeCa(side);
      await disable(side, ca);
      return [
        await statusOf(side, ca),
        await refusalOf(issue(side, { CertificateAuthorityArn: ca, Validity: { Type: 'DAYS', Value: 1 } })),
      ];
    },
    aws: ['DISABLED', 'InvalidStateException'],
    moto: { answers: ['DISABLED', undefined], why: blindToStates },
  },
  {
    asks: 'disabling a CA without a certificate',
    ask: async (side) => refusalOf(disable(side, await createCa(side))),
    aws: 'InvalidStateException',
    moto: { answers: undefined, why: blindToStates },
  },
  {
    asks: 'deleting a pending CA, and an ACTIVE one',
    ask: async (side) => {
      const pending = await createCa(side);
      await remove(side, pending);
      return [await statusOf(side, pending), await refusalOf(remove(side, await activeCa(side)))];
    },
    aws: ['DELETED', 'InvalidStateException'],
    moto: { answers: ['DELETED', undefined], why: blindToStates },
  },
  {
    asks: 'bringing a deleted CA back',
    ask: async (side) => {
      const CertificateAuthorityArn = await createCa(side);
      await remove(side, CertificateAuthorityArn);
      return refusalOf(side.pca.send(new RestoreCertificateAuthorityCommand({ CertificateAuthorityArn })));
    },
    aws: undefined,
    moto: { answers: htmlPage, why: 'it lacks the operation' },
  },
  {
    asks: 'revoking twice',
    ask: async (side) => {
      const { leaf } = await collect(side);
      return [await revoke(side, colons(leaf)), await revoke(side, colons(leaf))];
    },
    aws: [undefined, 'RequestAlreadyProcessedException'],
    moto: { answers: [undefined, undefined], why: 'it remembers no revocation' },
  },
  {
    asks: 'revoking what was never issued',
    ask: async (side) => revoke(side, '01:02:03'),
    aws: 'ResourceNotFoundException',
    moto: { answers: undefined, why: 'it takes any serial' },
  },
  {
    asks: 'a revoked certificate can still be fetched',
    ask: async (side) => {
      const arn = await issue(side);
      await refusalOf(get(side, arn));
      const { Certificate } = await get(side, arn);
      await revoke(side, colons(new X509Certificate(Certificate!)));
      return refusalOf(get(side, arn));
    },
    aws: undefined,
  },
  {
    asks: 'tags',
    ask: async (side) => {
      const CertificateAuthorityArn = await createCa(side, { Tags: [{ Key: 'team', Value: 'shop' }] });
      const Tags = [{ Key: 'stage', Value: 'test' }];
      await side.pca.send(new TagCertificateAuthorityCommand({ CertificateAuthorityArn, Tags }));
      const listed = await side.pca.send(new ListTagsCommand({ CertificateAuthorityArn }));
      return listed.Tags?.map(({ Key, Value }) => `${Key ?? ''}=${Value ?? ''}`).sort();
    },
    aws: ['stage=test', 'team=shop'],
  },
  {
    asks: 'a policy that was never set',
    ask: async ({ pca, root }) => refusalOf(pca.send(new GetPolicyCommand({ ResourceArn: root }))),
    aws: 'ResourceNotFoundException',
  },
  {
    asks: "ACM's permission",
    ask: async (side) => {
      const CertificateAuthorityArn = await createCa(side);
      return refusalOf(
        side.pca.send(
          new CreatePermissionCommand({
            CertificateAuthorityArn,
            Principal: 'acm.amazonaws.com',
            Actions: ['IssueCertificate', 'GetCertificate', 'ListPermissions'],
          }),
        ),
      );
    },
    aws: undefined,
    moto: { answers: htmlPage, why: 'it lacks the operation' },
  },
  {
    asks: 'an audit report',
    ask: async ({ pca, root }) =>
      refusalOf(
        pca.send(
          new CreateCertificateAuthorityAuditReportCommand({
            CertificateAuthorityArn: root,
            S3BucketName: 'reports',
            AuditReportResponseFormat: 'JSON',
          }),
        ),
      ),
    aws: undefined,
    moto: { answers: htmlPage, why: 'it lacks the operation' },
  },
  {
    asks: 'the family of the key in a request does not matter',
    ask: async (side) => {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      const { leaf } = await collect(side, { Csr: Buffer.from(csrPem(privateKey, 'rsa.internal')) });
      return leaf.publicKey.asymmetricKeyType;
    },
    aws: 'rsa',
  },
]);
