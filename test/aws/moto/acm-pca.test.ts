import { createPublicKey, randomUUID, X509Certificate } from 'node:crypto';
import {
  DescribeCertificateAuthorityCommand,
  GetCertificateAuthorityCertificateCommand,
} from '@aws-sdk/client-acm-pca';
import { extension, type Certificate } from '../../../src/pki/x509/certificate.ts';
import { readBasicConstraints, readExtendedKeyUsage } from '../../../src/pki/x509/extensions.ts';
import { publicKeyDer } from '../../../src/pki/x509/key.ts';
import { oid } from '../../../src/pki/x509/oid.ts';
import { refusalOf } from '../../support/aws/sdk.ts';
import { compareWithMoto, htmlPage } from './compare.ts';
import { collect, createCa, csr, get, issue, key, template } from './pca-calls.ts';

const purposes = ({ decoded }: { decoded: Certificate }): string[] => {
  const found = extension(decoded, oid.extendedKeyUsage);
  return found ? readExtendedKeyUsage(found.value) : [];
};

const nowhere = (arn: string): string => arn.replace(/.$/, (last) => (last === '0' ? '1' : '0'));

compareWithMoto('AWS Private CA, by the emulator and by moto', [
  {
    asks: 'the certificate is for the key and the name in the request',
    ask: async (side) => {
      const { leaf } = await collect(side);
      const spki = leaf.publicKey.export({ type: 'spki', format: 'der' });
      return [spki.equals(publicKeyDer(key)), leaf.subject, leaf.subjectAltName];
    },
    aws: [true, 'CN=orders.internal', 'DNS:orders.internal'],
  },
  {
    asks: 'the certificate is signed by the CA that its chain shows',
    ask: async (side) => {
      const { leaf, chain } = await collect(side);
      return leaf.verify(new X509Certificate(chain).publicKey);
    },
    aws: true,
  },
  {
    asks: 'the first GetCertificate after an order',
    ask: async (side) => refusalOf(get(side, await issue(side))),
    aws: 'RequestInProgressException',
    moto: { answers: undefined, why: 'it issues at once, so polling is never seen' },
  },
  {
    asks: 'key purposes by default',
    ask: async (side) => purposes(await collect(side)),
    aws: [oid.serverAuth, oid.clientAuth],
  },
  {
    asks: 'key purposes of EndEntityClientAuthCertificate',
    ask: async (side) =>
      purposes(await collect(side, { TemplateArn: template('EndEntityClientAuthCertificate') })),
    aws: [oid.clientAuth],
    moto: { answers: [], why: 'it knows two templates and leaves all extensions out for the others' },
  },
  {
    asks: 'basic constraints of a subordinate CA template',
    ask: async (side) => {
      const { decoded } = await collect(side, { TemplateArn: template('SubordinateCACertificate_PathLen1') });
      const found = extension(decoded, oid.basicConstraints);
      return found && readBasicConstraints(found.value);
    },
    aws: { ca: true, pathLength: 1 },
    moto: { answers: undefined, why: 'it knows two templates and leaves all extensions out for the others' },
  },
  {
    asks: 'a template that does not exist',
    ask: async (side) => refusalOf(issue(side, { TemplateArn: template('Nonsense') })),
    aws: 'InvalidArgsException',
    moto: { answers: undefined, why: 'it does not check the name' },
  },
  {
    asks: 'days left of three that were asked for',
    ask: async (side) => {
      const { leaf } = await collect(side);
      return Math.round((Date.parse(leaf.validTo) - Date.now()) / 86_400_000);
    },
    aws: 3,
    moto: { answers: 365, why: 'it ignores the validity' },
  },
  {
    asks: 'minutes that a certificate is valid before it is made',
    ask: async (side) => {
      const { leaf } = await collect(side);
      return Math.round((Date.now() - Date.parse(leaf.validFrom)) / 60_000);
    },
    aws: 60,
    moto: { answers: 0, why: 'it does not backdate' },
  },
  {
    asks: 'a life beyond the CA',
    ask: async (side) => refusalOf(issue(side, { Validity: { Type: 'YEARS', Value: 90 } })),
    aws: 'ValidationException',
    moto: { answers: undefined, why: 'it ignores the validity' },
  },
  {
    asks: 'a signing algorithm of another key family',
    ask: async (side) => refusalOf(issue(side, { SigningAlgorithm: 'SHA256WITHRSA' })),
    aws: 'InvalidArgsException',
    moto: { answers: undefined, why: 'it always signs by RSA, whatever is asked for' },
  },
  {
    asks: 'the same token twice',
    ask: async (side) => {
      const order = { IdempotencyToken: randomUUID() };
      return (await issue(side, order)) === (await issue(side, order));
    },
    aws: true,
    moto: { answers: false, why: 'it ignores the token and issues again' },
  },
  {
    asks: 'what a certificate ARN ends in',
    ask: async (side) => {
      const arn = await issue(side);
      await refusalOf(get(side, arn));
      const { Certificate } = await get(side, arn);
      const serial = new X509Certificate(Certificate!).serialNumber.toLowerCase().padStart(32, '0');
      return arn.endsWith(`/certificate/${serial}`);
    },
    aws: true,
    moto: { answers: false, why: 'its ARNs are random' },
  },
  {
    asks: 'a certificate that is not there',
    ask: async (side) => refusalOf(get(side, nowhere(await issue(side)))),
    aws: 'ResourceNotFoundException',
    moto: { answers: htmlPage, why: 'it stumbles' },
  },
  {
    asks: 'a CA that is not there',
    ask: async ({ pca, root }) =>
      refusalOf(
        pca.send(new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn: nowhere(root) })),
      ),
    aws: 'ResourceNotFoundException',
  },
  {
    asks: 'a NEW CERTIFICATE REQUEST',
    ask: async (side) =>
      refusalOf(issue(side, { Csr: Buffer.from(csr.replaceAll('CERTIFICATE REQ', 'NEW CERTIFICATE REQ')) })),
    aws: 'MalformedCSRException',
    moto: { answers: undefined, why: 'it reads both headers' },
  },
  {
    asks: 'a request that is no request',
    ask: async (side) => refusalOf(issue(side, { Csr: Buffer.from('no request') })),
    aws: 'MalformedCSRException',
    moto: { answers: htmlPage, why: 'it stumbles' },
  },
  {
    asks: 'an order of a CA that has no certificate yet',
    ask: async (side) => refusalOf(issue(side, { CertificateAuthorityArn: await createCa(side) })),
    aws: 'InvalidStateException',
    moto: { answers: undefined, why: 'it does not look at the state' },
  },
  {
    asks: 'status, mode and subject of a new CA',
    ask: async (side) => {
      const arn = await createCa(side);
      const { CertificateAuthority: ca } = await side.pca.send(
        new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn: arn }),
      );
      return [ca?.Status, ca?.UsageMode, ca?.CertificateAuthorityConfiguration?.Subject?.CommonName];
    },
    aws: ['PENDING_CERTIFICATE', 'GENERAL_PURPOSE', 'Shop root'],
    moto: {
      answers: ['PENDING_CERTIFICATE', 'SHORT_LIVED_CERTIFICATE', 'Shop root'],
      why: 'it says SHORT_LIVED_CERTIFICATE of every CA',
    },
  },
  {
    asks: "the kind of a CA's key on P-256",
    ask: async ({ pca, root }) => {
      const { Certificate } = await pca.send(
        new GetCertificateAuthorityCertificateCommand({ CertificateAuthorityArn: root }),
      );
      return createPublicKey(Certificate!).asymmetricKeyType;
    },
    aws: 'ec',
    moto: { answers: 'rsa', why: 'every key of its CAs is RSA 2048' },
  },
  {
    asks: 'the certificate of a CA that has none',
    ask: async (side) => {
      const CertificateAuthorityArn = await createCa(side);
      return refusalOf(
        side.pca.send(new GetCertificateAuthorityCertificateCommand({ CertificateAuthorityArn })),
      );
    },
    aws: 'InvalidStateException',
  },
]);
