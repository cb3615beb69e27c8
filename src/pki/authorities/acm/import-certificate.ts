import { setTimeout as sleep } from 'node:timers/promises';
import { ImportCertificateCommand } from '@aws-sdk/client-acm';
import { PkiError } from '../../errors.ts';
import { readCertificate, type Certificate } from '../../x509/certificate.ts';
import type { AwsConnection } from '../aws/options.ts';
import { certificatesInPem } from '../aws/pem.ts';
import { AcmCalls, type HandedOut } from './calls.ts';
import { acmCertificateFacts, type AcmCertificateFacts } from './certificate-facts.ts';
import { AcmClient } from './client.ts';
import { findCertificate, heldUnder } from './find.ts';
import type { ImportInput } from './importable.ts';

/** What ACM holds under an ARN. */
export interface HeldCertificate {
  facts: AcmCertificateFacts;
  certificate: Certificate;
  out: HandedOut;
}

/** Certificates that come into ACM from elsewhere. */
export class AcmImports {
  readonly #connection: AwsConnection;
  readonly #region: string | undefined;
  readonly #client: AcmClient;
  readonly #calls: AcmCalls;

  constructor(region: string | undefined, connection: AwsConnection) {
    this.#connection = connection;
    this.#region = region;
    this.#client = new AcmClient(region, connection);
    this.#calls = new AcmCalls(region, connection);
  }

  /** @returns `undefined` where ACM holds nothing under that ARN */
  async held(arn: string): Promise<HeldCertificate | undefined> {
    const detail = await this.#calls.describe(arn);
    if (!detail) return undefined;
    const facts = acmCertificateFacts(arn, detail);
    if (facts.type !== 'IMPORTED') {
      throw new PkiError(
        'not-permitted',
        `${arn} is of type ${facts.type}: ACM replaces only what was imported`,
        {
          hint: 'name another with --arn, or leave it out',
        },
      );
    }
    const out = await this.#calls.get(arn);
    const [der] = certificatesInPem(out.certificate);
    if (!der) throw new PkiError('unreachable', `ACM answered for ${arn} without a certificate`);
    return { facts, out, certificate: readCertificate(der) };
  }

  /** The ARNs under which this very certificate was imported before. */
  async find(certificate: Certificate): Promise<string[]> {
    const there = { client: this.#client, calls: this.#calls };
    const found: string[] = [];
    for await (const arn of findCertificate(certificate, ['IMPORTED'], there)) found.push(arn);
    return found;
  }

  /** Replaces what is under an ARN: done twice it is the same, so the SDK may try again. */
  async replace(arn: string, input: ImportInput): Promise<void> {
    await this.#send(this.#client, input, arn);
  }

  /**
   * Imports anew. ACM has no token for it: what may have been done is never done again, but looked for.
   * @param before ARNs that have had this certificate before
   * @throws PkiError `unreachable` where it may have been done, `refused`
   */
  async importAnew(input: ImportInput, certificate: Certificate, before: readonly string[]): Promise<string> {
    try {
      return await this.#send(new AcmClient(this.#region, this.#connection, 1), input, undefined);
    } catch (error) {
      if (!(error instanceof PkiError) || error.code !== 'unreachable') throw error;
      const found = await this.find(certificate).catch(() => []);
      const made = found.find((arn) => !before.includes(arn));
      if (made !== undefined) return made;
      throw new PkiError('unreachable', error.message, {
        hint: 'it may have been imported: the same command looks for it before it imports anew',
        cause: error,
      });
    }
  }

  /** Waits until ACM hands out what was imported: it takes a moment to hear of it. */
  async confirm(arn: string, { der }: Certificate): Promise<void> {
    const { signal, wait = 30_000 } = this.#connection;
    const deadline = performance.now() + wait;
    for (let pause = 250; ; pause = Math.min(pause * 2, 4_000)) {
      if ((await heldUnder(arn, this.#calls))?.equals(der) === true) return;
      if (performance.now() + pause > deadline) {
        throw new PkiError('unreachable', `ACM took the certificate, but ${arn} does not show it yet`, {
          hint: 'the same command looks again',
        });
      }
      await sleep(pause, undefined, { signal }).catch(() => {
        signal.throwIfAborted();
      });
    }
  }

  async #send(client: AcmClient, input: ImportInput, arn: string | undefined): Promise<string> {
    const { CertificateArn: made } = await client.call('import the certificate', async (sdk, http) =>
      sdk.send(
        new ImportCertificateCommand({
          Certificate: input.certificate,
          PrivateKey: input.privateKey,
          ...(input.chain ? { CertificateChain: input.chain } : {}),
          ...(arn === undefined ? {} : { CertificateArn: arn }),
        }),
        http,
      ),
    );
    if (made !== undefined) return made;
    throw new PkiError('unreachable', 'ACM answered an import without an ARN');
  }
}
