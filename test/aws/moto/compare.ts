import type { ACMClient } from '@aws-sdk/client-acm';
import {
  type ACMPCAClient,
  CreateCertificateAuthorityCommand,
  GetCertificateAuthorityCsrCommand,
  GetCertificateCommand,
  ImportCertificateAuthorityCertificateCommand,
  IssueCertificateCommand,
} from '@aws-sdk/client-acm-pca';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEmulator, type Emulator } from '../../support/aws/emulator.ts';
import { ServiceModels } from '../../support/aws/service-model.ts';
import { acmClient, pcaClient } from '../../support/aws/sdk.ts';
import { describeWithMoto, startMoto, type Moto } from '../../support/moto.ts';

/** The official clients, talking to one of the emulators. */
export interface Side {
  pca: ACMPCAClient;
  acm: ACMClient;
  /** ARN of an ACTIVE root CA on P-256. */
  root: string;
}

/** Something asked of both emulators by the same calls. */
export interface Question {
  asks: string;
  ask: (side: Side) => Promise<unknown>;
  /** What AWS answers, as it is documented; moto too, unless it is said otherwise. */
  aws: unknown;
  moto?: { answers: unknown; why: string };
}

/** moto answers what it does not know, and what it stumbles over, with a page of HTML and status 500. */
export const htmlPage = 'SyntaxError';

/**
 * Two emulators by different hands are asked the same. Where moto answers otherwise the table says what and why, and a
 * new release that mends it, or breaks something else, shows here.
 */
export function compareWithMoto(name: string, questions: readonly Question[]): void {
  describeWithMoto(name, (program) => {
    let emulator: Emulator;
    let moto: Moto;
    const misfits = new Set<string>();
    let ours: Side;
    let theirs: Side;

    beforeAll(async () => {
      const models = new ServiceModels(program);
      emulator = await startEmulator();
      emulator.cloud.observe = (target, answer) => {
        for (const misfit of models.misfits(target, answer)) misfits.add(misfit);
      };
      moto = await startMoto(program);
      ours = {
        ...clientsOf(emulator.endpoint),
        root: await emulator.createCa({ grantsAcm: true, name: 'Root' }),
      };
      const clients = clientsOf(moto.endpoint);
      theirs = { ...clients, root: await bootstrap(clients.pca) };
    });

    afterAll(async () => {
      await moto.close();
      await emulator.close();
    });

    for (const { asks, ask, aws, moto: deviation } of questions) {
      test(deviation ? `${asks}; not moto: ${deviation.why}` : asks, async () => {
        expect(await ask(ours), 'the emulator').toEqual(aws);
        expect(await ask(theirs), 'moto').toEqual(deviation ? deviation.answers : aws);
      });
    }

    test("all that the emulator answered is in AWS's service models", () => {
      expect([...misfits]).toEqual([]);
    });
  });
}

const clientsOf = (endpoint: string): Omit<Side, 'root'> => ({
  pca: pcaClient(endpoint),
  acm: acmClient(endpoint),
});

/** The calls by which a root CA comes to life. */
export async function bootstrap(pca: ACMPCAClient): Promise<string> {
  const { CertificateAuthorityArn } = await pca.send(
    new CreateCertificateAuthorityCommand({
      CertificateAuthorityType: 'ROOT',
      CertificateAuthorityConfiguration: {
        KeyAlgorithm: 'EC_prime256v1',
        SigningAlgorithm: 'SHA256WITHECDSA',
        Subject: { CommonName: 'Root' },
      },
    }),
  );
  const { Csr } = await pca.send(new GetCertificateAuthorityCsrCommand({ CertificateAuthorityArn }));
  const { CertificateArn } = await pca.send(
    new IssueCertificateCommand({
      CertificateAuthorityArn,
      Csr: Buffer.from(Csr!),
      SigningAlgorithm: 'SHA256WITHECDSA',
      TemplateArn: 'arn:aws:acm-pca:::template/RootCACertificate/V1',
      Validity: { Type: 'YEARS', Value: 10 },
    }),
  );
  const { Certificate } = await pca.send(
    new GetCertificateCommand({ CertificateAuthorityArn, CertificateArn }),
  );
  await pca.send(
    new ImportCertificateAuthorityCertificateCommand({
      CertificateAuthorityArn,
      Certificate: Buffer.from(Certificate!),
    }),
  );
  return CertificateAuthorityArn!;
}
