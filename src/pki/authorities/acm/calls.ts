import {
  DescribeCertificateCommand,
  ExportCertificateCommand,
  GetCertificateCommand,
  RenewCertificateCommand,
  RequestCertificateCommand,
  type CertificateDetail,
} from '@aws-sdk/client-acm';
import { PkiError } from '../../errors.ts';
import type { AwsConnection } from '../aws/options.ts';
import type { Sending } from '../aws/sending.ts';
import { AcmClient } from './client.ts';
import type { PlacedRequest } from './order.ts';

/** A certificate as ACM hands it out, PEM. */
export interface HandedOut {
  certificate: string;
  chain: string;
  /** Encrypted PKCS#8, where it was exported. */
  privateKey: string | undefined;
}

/** The calls of AWS Certificate Manager that issuing needs, with its failures in our words. */
export class AcmCalls {
  readonly #client: AcmClient;
  /** Tries once: for what has no token, and may have been done. */
  readonly #once: AcmClient;

  constructor(region: string | undefined, connection: AwsConnection) {
    this.#client = new AcmClient(region, connection);
    this.#once = new AcmClient(region, connection, 1);
  }

  /** @returns the ARN of what was requested */
  async request({ region: _, ...input }: PlacedRequest, sending: Sending): Promise<string> {
    const { CertificateArn } = await this.#client.call('take a request', async (sdk, http) =>
      sdk.send(sending.watch(new RequestCertificateCommand(input)), http),
    );
    if (CertificateArn !== undefined) return CertificateArn;
    throw new PkiError('unreachable', 'ACM answered a request without an ARN', {
      hint: 'the same command asks again, and pays no second time',
    });
  }

  /** @returns `undefined` where ACM does not know of it: it takes some seconds to hear of its own requests */
  async describe(arn: string): Promise<CertificateDetail | undefined> {
    return this.#client.call(`describe ${arn}`, async (sdk, http) => {
      try {
        const answer = await sdk.send(new DescribeCertificateCommand({ CertificateArn: arn }), http);
        return answer.Certificate;
      } catch (error) {
        if (error instanceof Error && error.name === 'ResourceNotFoundException') return undefined;
        throw error;
      }
    });
  }

  /** Has ACM renew a private certificate that was exported; it comes later, under the same ARN. */
  async renew(arn: string): Promise<void> {
    await this.#once.call(`renew ${arn}`, async (sdk, http) =>
      sdk.send(new RenewCertificateCommand({ CertificateArn: arn }), http),
    );
  }

  async get(arn: string): Promise<HandedOut> {
    const answer = await this.#client.call(`hand out ${arn}`, async (sdk, http) =>
      sdk.send(new GetCertificateCommand({ CertificateArn: arn }), http),
    );
    return {
      certificate: answer.Certificate ?? '',
      chain: answer.CertificateChain ?? '',
      privateKey: undefined,
    };
  }

  /** The first export of a private certificate is billed. */
  async export(arn: string, passphrase: Buffer): Promise<HandedOut> {
    const answer = await this.#client.call(`export ${arn}`, async (sdk, http) =>
      sdk.send(new ExportCertificateCommand({ CertificateArn: arn, Passphrase: passphrase }), http),
    );
    return {
      certificate: answer.Certificate ?? '',
      chain: answer.CertificateChain ?? '',
      privateKey: answer.PrivateKey,
    };
  }
}
