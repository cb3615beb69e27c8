import {
  ACMClient,
  DescribeCertificateCommand,
  ExportCertificateCommand,
  GetCertificateCommand,
  RequestCertificateCommand,
  type CertificateDetail,
  type RequestCertificateCommandInput,
} from '@aws-sdk/client-acm';
import { PkiError } from '../../errors.ts';
import { clientSettings, watchAttempts } from '../aws/client.ts';
import { awsFailure } from '../aws/failure.ts';
import type { AwsOptions } from '../aws/options.ts';
import { Pace } from '../aws/pace.ts';
import type { Sending } from '../aws/sending.ts';

/** Below AWS's quotas of 5 and 10 a second, and one for all the jobs of a run. */
const paces = {
  RequestCertificate: new Pace(4),
  DescribeCertificate: new Pace(8),
  GetCertificate: new Pace(8),
  ExportCertificate: new Pace(8),
};

/** A certificate as ACM hands it out, PEM. */
export interface HandedOut {
  certificate: string;
  chain: string;
  /** Encrypted PKCS#8, where it was exported. */
  privateKey: string | undefined;
}

/** The calls of AWS Certificate Manager that issuing needs, with its failures in our words. */
export class AcmCalls {
  readonly #client: ACMClient;
  readonly #signal: AbortSignal;

  constructor(region: string | undefined, options: AwsOptions) {
    this.#signal = options.signal;
    this.#client = new ACMClient(clientSettings(options, region));
    watchAttempts(this.#client, options, paces);
  }

  /** @returns the ARN of what was requested */
  async request(input: RequestCertificateCommandInput, sending: Sending): Promise<string> {
    const { CertificateArn } = await this.#call('take a request', async (http) =>
      this.#client.send(sending.watch(new RequestCertificateCommand(input)), http),
    );
    if (CertificateArn !== undefined) return CertificateArn;
    throw new PkiError('unreachable', 'ACM answered a request without an ARN', {
      hint: 'the same command asks again, and pays no second time',
    });
  }

  /** @returns `undefined` where ACM does not know of it: it takes some seconds to hear of its own requests */
  async describe(arn: string): Promise<CertificateDetail | undefined> {
    return this.#call(`describe ${arn}`, async (http) => {
      try {
        const answer = await this.#client.send(new DescribeCertificateCommand({ CertificateArn: arn }), http);
        return answer.Certificate;
      } catch (error) {
        if (error instanceof Error && error.name === 'ResourceNotFoundException') return undefined;
        throw error;
      }
    });
  }

  async get(arn: string): Promise<HandedOut> {
    const answer = await this.#call(`hand out ${arn}`, async (http) =>
      this.#client.send(new GetCertificateCommand({ CertificateArn: arn }), http),
    );
    return {
      certificate: answer.Certificate ?? '',
      chain: answer.CertificateChain ?? '',
      privateKey: undefined,
    };
  }

  /** The first export of a private certificate is billed. */
  async export(arn: string, passphrase: Buffer): Promise<HandedOut> {
    const answer = await this.#call(`export ${arn}`, async (http) =>
      this.#client.send(new ExportCertificateCommand({ CertificateArn: arn, Passphrase: passphrase }), http),
    );
    return {
      certificate: answer.Certificate ?? '',
      chain: answer.CertificateChain ?? '',
      privateKey: answer.PrivateKey,
    };
  }

  async #call<T>(doing: string, send: (http: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    try {
      return await send({ abortSignal: this.#signal });
    } catch (error) {
      this.#signal.throwIfAborted();
      throw awsFailure(error, doing, 'ACM');
    }
  }
}
