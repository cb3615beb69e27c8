import { generateKeyPairSync, randomUUID, X509Certificate } from 'node:crypto';
import {
  DescribeCertificateAuthorityCommand,
  GetCertificateCommand,
  IssueCertificateCommand,
  RevokeCertificateCommand,
  waitUntilCertificateIssued,
  type ACMPCAClient,
  type IssueCertificateCommandInput,
  type SigningAlgorithm,
} from '@aws-sdk/client-acm-pca';
import { extension, readCertificate } from '../../../src/pki/x509/certificate.ts';
import { readExtendedKeyUsage, readKeyUsage } from '../../../src/pki/x509/extensions.ts';
import { publicKeyDer } from '../../../src/pki/x509/key.ts';
import { oid } from '../../../src/pki/x509/oid.ts';
import { csrPem } from './csr-pem.ts';
import { refusalOf } from './sdk.ts';

/** Something that the emulator takes AWS to do, seen done or not. */
export interface Check {
  what: string;
  expected: unknown;
  found: unknown;
}

/** How many certificates `smokeChecks` pays for at most. */
export const certificatesBought = 2;

/**
 * Issues a client certificate of one hour from a CA, looks at what comes, and revokes it. The second certificate is
 * bought only where the same token with another request is a new order, which is documented nowhere.
 */
export async function* smokeChecks(pca: ACMPCAClient, ca: string): AsyncGenerator<Check> {
  const CertificateAuthorityArn = ca;
  const { CertificateAuthority } = await pca.send(
    new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn }),
  );
  yield { what: 'the state of the CA', expected: 'ACTIVE', found: CertificateAuthority?.Status };
  const algorithm = CertificateAuthority!.CertificateAuthorityConfiguration!.SigningAlgorithm!;
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const now = Math.floor(Date.now() / 1000);
  const order: IssueCertificateCommandInput = {
    CertificateAuthorityArn,
    Csr: Buffer.from(csrPem(key, 'certwright-smoke.internal')),
    SigningAlgorithm: algorithm,
    TemplateArn: `arn:${ca.split(':')[1] ?? 'aws'}:acm-pca:::template/EndEntityClientAuthCertificate/V1`,
    Validity: { Type: 'ABSOLUTE', Value: now + 3600 },
    IdempotencyToken: randomUUID(),
  };
  const issue = async (changes: Partial<IssueCertificateCommandInput> = {}): Promise<string> =>
    (await pca.send(new IssueCertificateCommand({ ...order, ...changes }))).CertificateArn!;
  const refused = async (changes: Partial<IssueCertificateCommandInput>): Promise<unknown> =>
    refusalOf(issue({ IdempotencyToken: randomUUID(), ...changes }));

  // Refusals cost nothing, so they come first.
  const other: SigningAlgorithm = algorithm.endsWith('RSA') ? 'SHA256WITHECDSA' : 'SHA256WITHRSA';
  yield {
    what: 'a signing algorithm of another family',
    expected: 'InvalidArgsException',
    found: await refused({ SigningAlgorithm: other }),
  };
  yield {
    what: 'a NEW CERTIFICATE REQUEST',
    expected: 'MalformedCSRException',
    found: await refused({
      Csr: Buffer.from(order.Csr!.toString().replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST')),
    }),
  };
  yield {
    what: 'a life beyond the CA',
    expected: 'ValidationException',
    found: await refused({ Validity: { Type: 'YEARS', Value: 100 } }),
  };

  const CertificateArn = await issue();
  const certificate = { CertificateAuthorityArn, CertificateArn };
  yield { what: 'the same token again', expected: CertificateArn, found: await issue() };
  await waitUntilCertificateIssued({ client: pca, maxWaitTime: 120, minDelay: 1 }, certificate);
  const { Certificate = '', CertificateChain = '' } = await pca.send(new GetCertificateCommand(certificate));
  const leaf = new X509Certificate(Certificate);
  const decoded = readCertificate(leaf.raw);
  const serial = leaf.serialNumber.toLowerCase().padStart(32, '0');
  const [issuer = ''] = CertificateChain.split(/(?<=-----END CERTIFICATE-----)\s*/);
  yield { what: 'the last part of the ARN', expected: serial, found: CertificateArn.split('/').at(-1) };
  yield {
    what: 'signed by the first of the chain',
    expected: true,
    found: leaf.checkIssued(new X509Certificate(issuer)),
  };
  yield {
    what: 'the key is ours',
    expected: true,
    found: publicKeyDer(leaf.publicKey).equals(publicKeyDer(key)),
  };
  yield { what: 'names', expected: 'DNS:certwright-smoke.internal', found: leaf.subjectAltName };
  yield {
    what: 'key purposes',
    expected: [oid.clientAuth],
    found: readExtendedKeyUsage(extension(decoded, oid.extendedKeyUsage)!.value),
  };
  yield {
    what: 'key usage',
    expected: ['digitalSignature', 'keyEncipherment'],
    found: readKeyUsage(extension(decoded, oid.keyUsage)!.value),
  };
  yield { what: 'the end', expected: now + 3600, found: Date.parse(leaf.validTo) / 1000 };

  const otherBody = await issue({ Validity: { Type: 'ABSOLUTE', Value: now + 7200 } });
  yield { what: 'the same token with another request', expected: CertificateArn, found: otherBody };

  const revoke = async (CertificateSerial: string) =>
    refusalOf(
      pca.send(
        new RevokeCertificateCommand({
          CertificateAuthorityArn,
          CertificateSerial,
          RevocationReason: 'SUPERSEDED',
        }),
      ),
    );
  const colons = serial.replace(/..(?=.)/g, '$&:');
  yield {
    what: 'a serial number that was not issued',
    expected: 'ResourceNotFoundException',
    found: await revoke('0a:0b'),
  };
  yield { what: 'revoking', expected: undefined, found: await revoke(colons) };
  yield { what: 'revoking again', expected: 'RequestAlreadyProcessedException', found: await revoke(colons) };
}
