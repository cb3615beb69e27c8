import { ACMPCAClient } from '@aws-sdk/client-acm-pca';
import { accountOfKey } from '../aws/account.ts';
import { clientSettings, watchAttempts } from '../aws/client.ts';
import { awsFailure, withTried } from '../aws/failure.ts';
import type { AwsConnection } from '../aws/options.ts';
import { Pace } from '../aws/pace.ts';

/** Below AWS's quotas of 25, 75 and 20 a second, and one for all the jobs of a run. */
const paces = {
  IssueCertificate: new Pace(20),
  GetCertificate: new Pace(50),
  DescribeCertificateAuthority: new Pace(16),
  GetCertificateAuthorityCertificate: new Pace(16),
  CreateCertificateAuthority: new Pace(1),
  CreatePermission: new Pace(1),
  ListPermissions: new Pace(4),
  RevokeCertificate: new Pace(16),
};

export type Send<T> = (sdk: ACMPCAClient, http: { abortSignal: AbortSignal }) => Promise<T>;

/** AWS Private CA at its pace, with its failures in our words. */
export class AcmPcaClient {
  readonly #sdk: ACMPCAClient;
  readonly #signal: AbortSignal;
  readonly #env: AwsConnection['env'];

  constructor(region: string | undefined, connection: AwsConnection) {
    this.#signal = connection.signal;
    this.#env = connection.env;
    this.#sdk = new ACMPCAClient(clientSettings(connection, region));
    watchAttempts(this.#sdk, connection, paces);
  }

  /** The one that was named, or the profile's. */
  region(): Promise<string> {
    return this.call('be reached', 'AWS Private CA', (sdk) => sdk.config.region());
  }

  /** Whose credentials are used, where that can be told. */
  async account(): Promise<string | undefined> {
    const { accessKeyId } = await this.call('be reached', 'AWS Private CA', (sdk) =>
      sdk.config.credentials(),
    );
    return accountOfKey(accessKeyId);
  }

  /**
   * @param doing `issue a certificate`, …
   * @param who what is asked, as the user names it
   */
  async call<T>(doing: string, who: string, send: Send<T>): Promise<T> {
    try {
      return await send(this.#sdk, { abortSignal: this.#signal });
    } catch (error) {
      this.#signal.throwIfAborted();
      throw withTried(awsFailure(error, doing, who), this.#env);
    }
  }
}
