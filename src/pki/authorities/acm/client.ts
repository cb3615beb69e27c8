import { ACMClient } from '@aws-sdk/client-acm';
import { clientSettings, watchAttempts } from '../aws/client.ts';
import { awsFailure, withTried } from '../aws/failure.ts';
import type { AwsConnection } from '../aws/options.ts';
import { Pace } from '../aws/pace.ts';

/** Below AWS's quotas of 5, 10, 8 and 1 a second, and one for all the jobs of a run. */
const paces = {
  RequestCertificate: new Pace(4),
  DescribeCertificate: new Pace(8),
  GetCertificate: new Pace(8),
  ExportCertificate: new Pace(8),
  RenewCertificate: new Pace(4),
  ListCertificates: new Pace(6),
  ImportCertificate: new Pace(1),
};

export type Send<T> = (sdk: ACMClient, http: { abortSignal: AbortSignal }) => Promise<T>;

/** AWS Certificate Manager at its pace, with its failures in our words. */
export class AcmClient {
  readonly #sdk: ACMClient;
  readonly #signal: AbortSignal;
  readonly #env: AwsConnection['env'];

  constructor(region: string | undefined, connection: AwsConnection, attempts?: number) {
    this.#signal = connection.signal;
    this.#env = connection.env;
    this.#sdk = new ACMClient(clientSettings(connection, region, attempts));
    watchAttempts(this.#sdk, connection, paces);
  }

  /** The region that it speaks to, as the SDK finds it. @throws PkiError `credentials` where none is named */
  async region(): Promise<string> {
    return this.call('be asked', async (sdk) => sdk.config.region());
  }

  /** @param doing `take a request`, … */
  async call<T>(doing: string, send: Send<T>): Promise<T> {
    try {
      return await send(this.#sdk, { abortSignal: this.#signal });
    } catch (error) {
      this.#signal.throwIfAborted();
      throw withTried(awsFailure(error, doing, 'ACM'), this.#env);
    }
  }
}
