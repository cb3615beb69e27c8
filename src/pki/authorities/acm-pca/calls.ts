import {
  DescribeCertificateAuthorityCommand,
  GetCertificateAuthorityCertificateCommand,
  GetCertificateCommand,
  IssueCertificateCommand,
  ListPermissionsCommand,
  type DescribeCertificateAuthorityCommandOutput,
  type GetCertificateCommandOutput,
} from '@aws-sdk/client-acm-pca';
import { PkiError } from '../../errors.ts';
import { isRefusal } from '../aws/failure.ts';
import type { AwsConnection } from '../aws/options.ts';
import type { Sending } from '../aws/sending.ts';
import { AcmPcaClient, type Send } from './client.ts';
import { commandInput, type Order } from './order.ts';
import { nameOf } from './template.ts';

/** A CA that is shared, or a policy, may allow some templates only, and AWS does not say so. */
const notByTemplate = (error: PkiError, template: string): PkiError =>
  new PkiError('refused', error.message, {
    hint: `these credentials may not issue from this CA, or not by this template: a policy can name templates (acm-pca:TemplateArn), and a CA that is shared with you allows few (certwright issue --explain); ${template} follows from --usage and --template`,
    cause: error.cause,
  });

/** The calls of AWS Private CA that issuing needs, with its failures in our words. */
export class AcmPcaCalls {
  readonly #client: AcmPcaClient;
  readonly #ca: string;

  constructor(ca: string, region: string | undefined, connection: AwsConnection) {
    this.#ca = ca;
    this.#client = new AcmPcaClient(region, connection);
  }

  describe(): Promise<DescribeCertificateAuthorityCommandOutput> {
    return this.#call('describe the CA', async (sdk, http) =>
      sdk.send(new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn: this.#ca }), http),
    );
  }

  /** Places an order, which is billed. @returns the certificate's ARN */
  async issue(order: Order, sending: Sending): Promise<string> {
    const template = nameOf(order.template);
    const command = sending.watch(new IssueCertificateCommand(commandInput(order)));
    const { CertificateArn } = await this.#call(
      `issue a certificate by the template ${template}`,
      async (sdk, http) => sdk.send(command, http),
    ).catch((error: unknown) => {
      throw isRefusal(error, 'AccessDeniedException') ? notByTemplate(error, template) : error;
    });
    if (CertificateArn !== undefined) return CertificateArn;
    throw new PkiError('unreachable', `${this.#ca} answered an order without an ARN`, {
      hint: 'the same command asks again, and pays no second time',
    });
  }

  /** @returns `undefined` while it is being made */
  async fetch(certificateArn: string): Promise<GetCertificateCommandOutput | undefined> {
    const input = { CertificateAuthorityArn: this.#ca, CertificateArn: certificateArn };
    return this.#call(`hand out ${certificateArn}`, async (sdk, http) => {
      try {
        return await sdk.send(new GetCertificateCommand(input), http);
      } catch (error) {
        if (error instanceof Error && error.name === 'RequestInProgressException') return undefined;
        throw error;
      }
    });
  }

  /** PEM of the CA's own certificate and of those above it. */
  async caChain(): Promise<string[]> {
    const answer = await this.#call('hand out its own certificate', async (sdk, http) =>
      sdk.send(new GetCertificateAuthorityCertificateCommand({ CertificateAuthorityArn: this.#ca }), http),
    );
    return [answer.Certificate ?? '', answer.CertificateChain ?? ''];
  }

  /** What a service of AWS may do with the CA by itself. */
  async permittedActions(principal: string): Promise<readonly string[]> {
    const { Permissions = [] } = await this.#call('list its permissions', async (sdk, http) =>
      sdk.send(new ListPermissionsCommand({ CertificateAuthorityArn: this.#ca }), http),
    );
    return Permissions.filter((one) => one.Principal === principal).flatMap(({ Actions = [] }) => Actions);
  }

  #call<T>(doing: string, send: Send<T>): Promise<T> {
    return this.#client.call(doing, this.#ca, send);
  }
}
