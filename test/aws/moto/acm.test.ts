import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  X509Certificate,
} from 'node:crypto';
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
  RenewCertificateCommand,
  RequestCertificateCommand,
  RevokeCertificateCommand,
  type CertificateDetail,
  type ExportCertificateCommandOutput,
  type ImportCertificateCommandInput,
  type RequestCertificateCommandInput,
} from '@aws-sdk/client-acm';
import { expect } from 'vitest';
import { certificatePem } from '../../../src/pki/x509/pem-writer.ts';
import { refusalOf } from '../../support/aws/sdk.ts';
import { authority, issue, type Changes, type Entity } from '../../support/chains.ts';
import { compareWithMoto, htmlPage, type Side } from './compare.ts';

const describe = async ({ acm }: Side, CertificateArn: string): Promise<CertificateDetail> =>
  (await acm.send(new DescribeCertificateCommand({ CertificateArn }))).Certificate!;

const request = async (
  { acm }: Side,
  input: Partial<RequestCertificateCommandInput> = {},
): Promise<string> => {
  const answer = await acm.send(new RequestCertificateCommand({ DomainName: 'www.shop.com', ...input }));
  return answer.CertificateArn!;
};

/** Asks until ACM has issued it. */
async function issuedPrivate(side: Side): Promise<string> {
  const arn = await request(side, {
    DomainName: 'orders.internal',
    CertificateAuthorityArn: side.root,
    KeyAlgorithm: 'EC_prime256v1',
  });
  for (;;) {
    const { Status, FailureReason } = await describe(side, arn);
    if (Status === 'ISSUED') return arn;
    if (Status !== 'PENDING_VALIDATION') throw new Error(`${String(Status)} ${String(FailureReason)}`);
  }
}

const passphrase = 'correct horse battery staple';
const exporting = async (
  { acm }: Side,
  CertificateArn: string,
  Passphrase = passphrase,
): Promise<ExportCertificateCommandOutput> =>
  acm.send(new ExportCertificateCommand({ CertificateArn, Passphrase: Buffer.from(Passphrase) }));

const day = 86_400_000;
const validNow = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + 30 * day) };
const root = authority('Root', undefined, validNow);
const leaf = (changes: Changes = {}): Entity => issue('orders.internal', root, { ...validNow, ...changes });
const pem = ({ certificate }: Entity): Buffer => Buffer.from(certificatePem(certificate.der));

const importing = async (
  { acm }: Side,
  entity: Entity,
  more: Partial<ImportCertificateCommandInput> = {},
): Promise<string> => {
  const answer = await acm.send(
    new ImportCertificateCommand({
      Certificate: pem(entity),
      PrivateKey: Buffer.from(entity.key.export({ type: 'pkcs8', format: 'pem' })),
      CertificateChain: pem(root),
      ...more,
    }),
  );
  return answer.CertificateArn!;
};

const tagsOf = async ({ acm }: Side, CertificateArn: string): Promise<string[] | undefined> => {
  const { Tags } = await acm.send(new ListTagsForCertificateCommand({ CertificateArn }));
  return Tags?.map(({ Key = '', Value = '' }) => `${Key}=${Value}`);
};

const nowhere = 'arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-0000-0000-000000000000';

const unsignedBy = 'its private certificates are not from the CA that is named';
const lacks = 'it lacks the operation';

compareWithMoto('ACM, by the emulator and by moto', [
  {
    asks: 'the issuer of a private certificate',
    ask: async (side) => (await describe(side, await issuedPrivate(side))).Issuer,
    aws: 'Root',
    moto: { answers: 'Amazon', why: unsignedBy },
  },
  {
    asks: 'the signature of a private certificate by its chain',
    ask: async (side) => {
      const { Certificate, CertificateChain } = await side.acm.send(
        new GetCertificateCommand({ CertificateArn: await issuedPrivate(side) }),
      );
      return new X509Certificate(Certificate!).verify(new X509Certificate(CertificateChain!).publicKey);
    },
    aws: true,
    moto: { answers: false, why: 'its chain is a constant that has signed nothing' },
  },
  {
    asks: 'the kind of key that was asked for',
    ask: async (side) => {
      const { Certificate } = await exporting(side, await issuedPrivate(side));
      return createPublicKey(Certificate!).asymmetricKeyType;
    },
    aws: 'ec',
    moto: { answers: 'rsa', why: 'its keys are RSA 2048' },
  },
  {
    asks: 'an exported key opens by the passphrase and belongs to the certificate',
    ask: async (side) => {
      const answer = await exporting(side, await issuedPrivate(side));
      const key = createPrivateKey({ key: answer.PrivateKey!, passphrase });
      return new X509Certificate(answer.Certificate!).checkPrivateKey(key);
    },
    aws: true,
  },
  {
    asks: 'a passphrase with a character that is not allowed',
    ask: async (side) => refusalOf(exporting(side, await issuedPrivate(side), 'costs 5$')),
    aws: 'ValidationException',
    moto: { answers: undefined, why: 'it takes any' },
  },
  {
    asks: 'days that a private certificate lives',
    ask: async (side) => {
      const { NotBefore, NotAfter } = await describe(side, await issuedPrivate(side));
      return Math.round((NotAfter!.getTime() - NotBefore!.getTime()) / day);
    },
    aws: 395,
    moto: { answers: 365, why: 'all of its certificates live a year' },
  },
  {
    asks: 'renewal of an exported private certificate',
    ask: async (side) => {
      const CertificateArn = await issuedPrivate(side);
      await exporting(side, CertificateArn);
      const { RenewalEligibility } = await describe(side, CertificateArn);
      return [
        RenewalEligibility,
        await refusalOf(side.acm.send(new RenewCertificateCommand({ CertificateArn }))),
      ];
    },
    aws: ['ELIGIBLE', undefined],
    moto: { answers: ['INELIGIBLE', htmlPage], why: lacks },
  },
  {
    asks: 'revoking a private certificate, which its CA must do',
    ask: async (side) => {
      const CertificateArn = await issuedPrivate(side);
      const RevocationReason = 'SUPERSEDED';
      return refusalOf(side.acm.send(new RevokeCertificateCommand({ CertificateArn, RevocationReason })));
    },
    aws: 'ValidationException',
    moto: { answers: htmlPage, why: lacks },
  },
  {
    asks: 'the record that proves a public name',
    ask: async (side) => {
      const arn = await request(side, { ValidationMethod: 'DNS' });
      for (;;) {
        const record = (await describe(side, arn)).DomainValidationOptions?.[0]?.ResourceRecord;
        if (record) return [record.Type, /^_\w+\.www\.shop\.com\.$/.test(record.Name ?? '')];
      }
    },
    aws: ['CNAME', true],
  },
  {
    asks: 'the same token for another name',
    ask: async (side) => {
      const IdempotencyToken = randomUUID().replaceAll('-', '');
      const first = await request(side, { IdempotencyToken });
      return (await request(side, { IdempotencyToken, DomainName: 'other.shop.com' })) === first;
    },
    aws: true,
  },
  {
    asks: 'eleven names',
    ask: async (side) =>
      refusalOf(
        request(side, {
          SubjectAlternativeNames: Array.from({ length: 11 }, (_, index) => `n${index}.shop.com`),
        }),
      ),
    aws: 'LimitExceededException',
  },
  {
    asks: 'a name without a dot',
    ask: async (side) => refusalOf(request(side, { DomainName: 'localhost' })),
    aws: 'ValidationException',
    moto: { answers: undefined, why: 'it takes any name' },
  },
  {
    asks: 'an imported certificate',
    ask: async (side) => {
      const { Type, Status, DomainName } = await describe(side, await importing(side, leaf()));
      return [Type, Status, DomainName];
    },
    aws: ['IMPORTED', 'ISSUED', 'orders.internal'],
  },
  {
    asks: 'how a serial number is written',
    ask: async (side) => {
      const entity = leaf();
      const { Serial } = await describe(side, await importing(side, entity));
      return Serial === entity.certificate.serial.toString('hex').replace(/..(?=.)/g, '$&:');
    },
    aws: true,
    moto: { answers: false, why: 'in decimal' },
  },
  {
    asks: "import under somebody else's key",
    ask: async (side) => refusalOf(importing(side, { ...leaf(), key: leaf().key })),
    aws: 'ValidationException',
    moto: { answers: undefined, why: 'it does not compare them' },
  },
  {
    asks: 'import of what has expired',
    ask: async (side) => refusalOf(importing(side, leaf({ notAfter: new Date(Date.now() - 60_000) }))),
    aws: 'ValidationException',
  },
  {
    asks: 'import with a chain that does not belong to it',
    ask: async (side) => {
      const CertificateChain = pem(authority('Other', undefined, validNow));
      return refusalOf(importing(side, leaf(), { CertificateChain }));
    },
    aws: 'ValidationException',
    moto: { answers: undefined, why: 'it does not look at the chain' },
  },
  {
    asks: 'export of an imported certificate',
    ask: async (side) => refusalOf(exporting(side, await importing(side, leaf()))),
    aws: 'ValidationException',
  },
  {
    asks: 'a re-import keeps the ARN and the tags',
    ask: async (side) => {
      const CertificateArn = await importing(side, leaf(), { Tags: [{ Key: 'team', Value: 'shop' }] });
      const again = await importing(side, leaf(), { CertificateArn });
      return [again === CertificateArn, await tagsOf(side, CertificateArn)];
    },
    aws: [true, ['team=shop']],
    moto: { answers: [true, []], why: 'it drops the tags' },
  },
  {
    asks: 'a re-import with another kind of key',
    ask: async (side) => {
      const CertificateArn = await importing(side, leaf());
      const { privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      return refusalOf(importing(side, leaf({ key }), { CertificateArn }));
    },
    aws: 'ValidationException',
    moto: { answers: undefined, why: 'it does not compare with what was there' },
  },
  {
    asks: 'a re-import over what ACM issued',
    ask: async (side) => refusalOf(importing(side, leaf(), { CertificateArn: await issuedPrivate(side) })),
    aws: 'ValidationException',
    moto: { answers: undefined, why: 'it does not look at the type' },
  },
  {
    asks: 'whether a certificate on P-256 is listed unasked, and when its key type is named',
    ask: async (side) => {
      const arn = await importing(side, leaf());
      const lists = [{}, { Includes: { keyTypes: ['EC_prime256v1' as const] } }];
      return Promise.all(
        lists.map(async (input) => {
          const { CertificateSummaryList = [] } = await side.acm.send(new ListCertificatesCommand(input));
          return CertificateSummaryList.some(({ CertificateArn }) => CertificateArn === arn);
        }),
      );
    },
    aws: [false, true],
    moto: { answers: [true, true], why: 'it filters only by what is asked' },
  },
  {
    asks: 'pages of a list',
    ask: async (side) => {
      await request(side);
      await request(side, { DomainName: 'other.shop.com' });
      const { CertificateSummaryList, NextToken } = await side.acm.send(
        new ListCertificatesCommand({ MaxItems: 1 }),
      );
      return [CertificateSummaryList?.length, NextToken !== undefined];
    },
    aws: [1, true],
    moto: { answers: [expect.any(Number), false], why: 'it answers everything at once' },
  },
  {
    asks: 'tags',
    ask: async (side) => {
      const CertificateArn = await request(side);
      const Tags = [{ Key: 'team', Value: 'shop' }];
      await side.acm.send(new AddTagsToCertificateCommand({ CertificateArn, Tags }));
      return tagsOf(side, CertificateArn);
    },
    aws: ['team=shop'],
  },
  {
    asks: 'a certificate that is not there, or no more',
    ask: async (side) => {
      const CertificateArn = await request(side);
      await side.acm.send(new DeleteCertificateCommand({ CertificateArn }));
      return [await refusalOf(describe(side, nowhere)), await refusalOf(describe(side, CertificateArn))];
    },
    aws: ['ResourceNotFoundException', 'ResourceNotFoundException'],
  },
  {
    asks: 'when ACM begins to warn',
    ask: async ({ acm }) => (await acm.send(new GetAccountConfigurationCommand({}))).ExpiryEvents,
    aws: { DaysBeforeExpiry: 45 },
  },
]);
