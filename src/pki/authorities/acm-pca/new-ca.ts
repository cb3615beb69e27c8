import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateCertificateAuthorityCommand,
  CreatePermissionCommand,
  DescribeCertificateAuthorityCommand,
  GetCertificateAuthorityCertificateCommand,
  GetCertificateAuthorityCsrCommand,
  GetCertificateCommand,
  ImportCertificateAuthorityCertificateCommand,
  IssueCertificateCommand,
  ListCertificateAuthoritiesCommand,
  type CertificateAuthority,
  type CreateCertificateAuthorityCommandInput,
} from '@aws-sdk/client-acm-pca';
import { PkiError } from '../../errors.ts';
import type { AwsConnection } from '../aws/options.ts';
import type { Sending } from '../aws/sending.ts';
import { AcmPcaClient } from './client.ts';

/** A CA as it is to be made; plain JSON, since it is kept in the journal. */
export interface CaOrder {
  type: 'ROOT' | 'SUBORDINATE';
  commonName: string;
  /** AWS's words. */
  keyAlgorithm: string;
  signingAlgorithm: string;
  mode: 'GENERAL_PURPOSE' | 'SHORT_LIVED_CERTIFICATE';
  crl: { bucket: string; acl: 'PUBLIC_READ' | 'BUCKET_OWNER_FULL_CONTROL'; cname: string | null } | null;
  ocsp: boolean;
}

/** An order for the certificate of a CA, at the CA above it or, for a root, at itself. */
export interface CaCertificateOrder {
  issuer: string;
  /** PEM. */
  request: string;
  signingAlgorithm: string;
  /** `RootCACertificate/V1`, … */
  template: string;
  /** Unix seconds. */
  notAfter: number;
  token: string;
}

/** PEM. */
export interface CaCertificate {
  certificate: string;
  /** From its issuer to the root; empty for a root. */
  chain: string;
}

/** The calls that bring a CA of AWS Private CA into being. */
export class CaMaker {
  readonly #client: AcmPcaClient;
  readonly #connection: AwsConnection;

  constructor(region: string | undefined, connection: AwsConnection) {
    this.#client = new AcmPcaClient(region, connection);
    this.#connection = connection;
  }

  region(): Promise<string> {
    return this.#client.region();
  }

  account(): Promise<string | undefined> {
    return this.#client.account();
  }

  /** @returns its ARN; the same token within five minutes makes no second one */
  async create(order: CaOrder, token: string, sending: Sending): Promise<string> {
    const command = sending.watch(new CreateCertificateAuthorityCommand(createInput(order, token)));
    const { CertificateAuthorityArn: arn } = await this.#client.call(
      'make a CA',
      'AWS Private CA',
      async (sdk, http) => sdk.send(command, http),
    );
    if (arn !== undefined) return arn;
    throw new PkiError('unreachable', 'AWS Private CA made a CA and did not say which', {
      hint: 'the same command looks for it',
    });
  }

  /** CAs without a certificate that such an order has made since then. */
  async made(order: CaOrder, since: Date): Promise<string[]> {
    const found: CertificateAuthority[] = [];
    let next: { NextToken?: string } = {};
    do {
      const input = { MaxResults: 100, ...next };
      const answer = await this.#client.call('list its CAs', 'AWS Private CA', async (sdk, http) =>
        sdk.send(new ListCertificateAuthoritiesCommand(input), http),
      );
      found.push(...(answer.CertificateAuthorities ?? []));
      next = answer.NextToken === undefined ? {} : { NextToken: answer.NextToken };
    } while (next.NextToken !== undefined);
    return found
      .filter(
        ({ Status: status = '', Type: type, CreatedAt: at, CertificateAuthorityConfiguration: it }) =>
          ['CREATING', 'PENDING_CERTIFICATE'].includes(status) &&
          type === order.type &&
          it?.KeyAlgorithm === order.keyAlgorithm &&
          it.Subject?.CommonName === order.commonName &&
          at !== undefined &&
          at > since,
      )
      .flatMap(({ Arn: arn }) => arn ?? []);
  }

  async describe(arn: string): Promise<CertificateAuthority> {
    const { CertificateAuthority: ca = {} } = await this.#client.call(
      'describe the CA',
      arn,
      async (sdk, http) =>
        sdk.send(new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn: arn }), http),
    );
    return ca;
  }

  /** PEM of a CA's own certificate. */
  async certificate(arn: string): Promise<string> {
    const { Certificate: pem = '' } = await this.#client.call(
      'hand out its own certificate',
      arn,
      async (sdk, http) =>
        sdk.send(new GetCertificateAuthorityCertificateCommand({ CertificateAuthorityArn: arn }), http),
    );
    return pem;
  }

  /** Waits until a CA has left a status. @returns it as it is then */
  async leaves(arn: string, status: string): Promise<CertificateAuthority> {
    return this.#until(`${arn} to be no longer ${status}`, async () => {
      const ca = await this.describe(arn);
      return ca.Status === status ? undefined : ca;
    });
  }

  /** PEM of its certificate request. */
  async request(arn: string): Promise<string> {
    return this.#until(`the request of ${arn}`, () =>
      this.#client.call('hand out its certificate request', arn, async (sdk, http) => {
        const input = { CertificateAuthorityArn: arn };
        const answer = await sdk
          .send(new GetCertificateAuthorityCsrCommand(input), http)
          .catch(unlessInProgress);
        return answer?.Csr;
      }),
    );
  }

  /** Orders a CA's certificate, which is billed. @returns its ARN */
  async sign(order: CaCertificateOrder, sending: Sending): Promise<string> {
    const [, partition = 'aws'] = order.issuer.split(':');
    const command = sending.watch(
      new IssueCertificateCommand({
        CertificateAuthorityArn: order.issuer,
        Csr: Buffer.from(order.request, 'latin1'),
        SigningAlgorithm: order.signingAlgorithm as 'SHA256WITHRSA',
        TemplateArn: `arn:${partition}:acm-pca:::template/${order.template}`,
        Validity: { Type: 'ABSOLUTE', Value: order.notAfter },
        IdempotencyToken: order.token,
      }),
    );
    const { CertificateArn: arn } = await this.#client.call(
      `sign the CA by the template ${order.template}`,
      order.issuer,
      async (sdk, http) => sdk.send(command, http),
    );
    if (arn !== undefined) return arn;
    throw new PkiError('unreachable', `${order.issuer} answered an order without an ARN`, {
      hint: 'the same command asks again, and pays no second time',
    });
  }

  async collect(issuer: string, certificateArn: string): Promise<CaCertificate> {
    const input = { CertificateAuthorityArn: issuer, CertificateArn: certificateArn };
    return this.#until(`AWS to make ${certificateArn}`, async () => {
      const answer = await this.#client.call(`hand out ${certificateArn}`, issuer, async (sdk, http) =>
        sdk.send(new GetCertificateCommand(input), http).catch(unlessInProgress),
      );
      const { Certificate: certificate, CertificateChain: chain = '' } = answer ?? {};
      return certificate === undefined ? undefined : { certificate, chain };
    });
  }

  async install(arn: string, { certificate, chain }: CaCertificate): Promise<void> {
    await this.#client.call('take its certificate', arn, async (sdk, http) =>
      sdk.send(
        new ImportCertificateAuthorityCertificateCommand({
          CertificateAuthorityArn: arn,
          Certificate: Buffer.from(certificate, 'latin1'),
          ...(chain === '' ? {} : { CertificateChain: Buffer.from(chain, 'latin1') }),
        }),
        http,
      ),
    );
  }

  /** Lets ACM issue from the CA and renew what it issued. */
  async permitAcm(arn: string): Promise<void> {
    await this.#client.call('let ACM issue', arn, async (sdk, http) => {
      const input = {
        CertificateAuthorityArn: arn,
        Principal: 'acm.amazonaws.com',
        Actions: ['IssueCertificate', 'GetCertificate', 'ListPermissions'] as const,
      };
      await sdk
        .send(new CreatePermissionCommand({ ...input, Actions: [...input.Actions] }), http)
        .catch((error: unknown) => {
          if (!(error instanceof Error) || error.name !== 'PermissionAlreadyExistsException') throw error;
        });
    });
  }

  async #until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const { signal, wait = 120_000 } = this.#connection;
    const deadline = performance.now() + wait;
    for (let pause = 500; ; pause = Math.min(pause * 1.5, 5_000)) {
      const found = await look();
      if (found !== undefined) return found;
      if (performance.now() + pause > deadline) {
        throw new PkiError('unreachable', `still waiting for ${what}`, { hint: 'the same command goes on' });
      }
      await sleep(pause, undefined, { signal }).catch(() => {
        signal.throwIfAborted();
      });
    }
  }
}

function unlessInProgress(error: unknown): undefined {
  if (!(error instanceof Error) || error.name !== 'RequestInProgressException') throw error;
}

function createInput(order: CaOrder, token: string): CreateCertificateAuthorityCommandInput {
  const { crl, ocsp } = order;
  return {
    CertificateAuthorityType: order.type,
    CertificateAuthorityConfiguration: {
      // The types of this SDK are older than some of AWS's algorithms.
      KeyAlgorithm: order.keyAlgorithm as 'RSA_2048',
      SigningAlgorithm: order.signingAlgorithm as 'SHA256WITHRSA',
      Subject: { CommonName: order.commonName },
    },
    UsageMode: order.mode,
    RevocationConfiguration: {
      CrlConfiguration: crl
        ? {
            Enabled: true,
            ExpirationInDays: 7,
            S3BucketName: crl.bucket,
            S3ObjectAcl: crl.acl,
            ...(crl.cname === null ? {} : { CustomCname: crl.cname }),
          }
        : { Enabled: false },
      OcspConfiguration: { Enabled: ocsp },
    },
    IdempotencyToken: token,
  };
}
