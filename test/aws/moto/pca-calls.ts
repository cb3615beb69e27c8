import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import {
  CreateCertificateAuthorityCommand,
  GetCertificateCommand,
  IssueCertificateCommand,
  type CreateCertificateAuthorityCommandInput,
  type GetCertificateCommandOutput,
  type IssueCertificateCommandInput,
} from '@aws-sdk/client-acm-pca';
import { readCertificate, type Certificate } from '../../../src/pki/x509/certificate.ts';
import { csrPem } from '../../support/aws/csr-pem.ts';
import type { Side } from './compare.ts';

export const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
export const csr = csrPem(key, 'orders.internal');

type Wishes = Partial<IssueCertificateCommandInput>;

export const issue = async ({ pca, root }: Side, wishes: Wishes = {}): Promise<string> => {
  const { CertificateArn } = await pca.send(
    new IssueCertificateCommand({
      CertificateAuthorityArn: root,
      Csr: Buffer.from(csr),
      SigningAlgorithm: 'SHA256WITHECDSA',
      Validity: { Type: 'DAYS', Value: 3 },
      ...wishes,
    }),
  );
  return CertificateArn!;
};

export const get = (
  { pca, root }: Side,
  CertificateArn: string,
  CertificateAuthorityArn = root,
): Promise<GetCertificateCommandOutput> =>
  pca.send(new GetCertificateCommand({ CertificateAuthorityArn, CertificateArn }));

/** Issues and asks until it is there. */
export async function collect(
  side: Side,
  wishes: Wishes = {},
): Promise<{ leaf: X509Certificate; decoded: Certificate; chain: string }> {
  const arn = await issue(side, wishes);
  for (;;) {
    try {
      const answer = await get(side, arn, wishes.CertificateAuthorityArn);
      const leaf = new X509Certificate(answer.Certificate!);
      return { leaf, decoded: readCertificate(leaf.raw), chain: answer.CertificateChain ?? '' };
    } catch (error) {
      if (!(error instanceof Error && error.name === 'RequestInProgressException')) throw error;
    }
  }
}

export async function createCa(
  { pca }: Side,
  wishes: Partial<CreateCertificateAuthorityCommandInput> = {},
): Promise<string> {
  const { CertificateAuthorityArn } = await pca.send(
    new CreateCertificateAuthorityCommand({
      CertificateAuthorityType: 'ROOT',
      CertificateAuthorityConfiguration: {
        KeyAlgorithm: 'EC_prime256v1',
        SigningAlgorithm: 'SHA256WITHECDSA',
        Subject: { Organization: 'Shop', CommonName: 'Shop root' },
      },
      ...wishes,
    }),
  );
  return CertificateAuthorityArn!;
}

export const template = (name: string): string => `arn:aws:acm-pca:::template/${name}/V1`;
