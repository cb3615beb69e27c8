import { PkiError } from '../../errors.ts';
import { formatDuration } from '../../x509/duration.ts';
import type { Profile } from '../../x509/profile.ts';
import { caFactsOf, type CaFacts } from '../acm-pca/ca-facts.ts';
import { AcmPcaCalls } from '../acm-pca/calls.ts';
import { isRefusal } from '../aws/failure.ts';
import type { AwsOptions } from '../aws/options.ts';
import { remedyFor } from './failure-reason.ts';

/** Validity of ACM's private certificates: 13 months. Milliseconds. */
const thirteenMonths = 395 * 86_400_000;

/** The CA of AWS Private CA that ACM's private certificates come from. */
export class PrivateCa {
  readonly arn: string;
  readonly #calls: AcmPcaCalls;
  /** `undefined` where these credentials may not look. */
  readonly #facts: CaFacts | undefined;

  private constructor(arn: string, calls: AcmPcaCalls, facts: CaFacts | undefined) {
    this.arn = arn;
    this.#calls = calls;
    this.#facts = facts;
  }

  /** @throws PkiError `credentials`, `refused`, `unreachable` */
  static async open(arn: string, region: string | undefined, options: AwsOptions): Promise<PrivateCa> {
    const calls = new AcmPcaCalls(arn, region, options);
    return new PrivateCa(arn, calls, await factsOf(calls));
  }

  /**
   * @returns what is likely to be refused
   * @throws PkiError `unsupported` where ACM never issues from such a CA
   */
  check(profile: Profile, now: Date): string[] {
    if (!this.#facts) return [];
    const { mode, status, keyAlgorithm, notAfter } = this.#facts;
    if (mode === 'SHORT_LIVED_CERTIFICATE') {
      throw new PkiError(
        'unsupported',
        `ACM does not issue from a CA for short-lived certificates, as ${this.arn} is`,
        {
          hint: `ask the CA itself: --ca ${this.arn} --lifetime 7d`,
        },
      );
    }
    const found: string[] = [];
    if (status !== 'ACTIVE') found.push(`the CA is ${status}: ${remedyFor('PCA_INVALID_STATE')}`);
    if (notAfter && notAfter.getTime() < now.getTime() + thirteenMonths) {
      const left = formatDuration(Math.max(0, notAfter.getTime() - now.getTime()));
      found.push(`the CA ends in ${left}: ${remedyFor('PCA_INVALID_DURATION')}`);
    }
    const family = profile.keyType.startsWith('rsa') ? 'RSA' : 'EC';
    if (/^(RSA|EC)/.test(keyAlgorithm) && !keyAlgorithm.startsWith(family)) {
      const other = family === 'EC' ? 'rsa-2048' : 'ec-p256';
      found.push(
        `the CA has a key of type ${keyAlgorithm}, and ACM wants one of the same family: --key-type ${other}`,
      );
    }
    return found;
  }

  /** Whether ACM may issue from it; `undefined` where that cannot be told. */
  async permitsAcm(): Promise<boolean | undefined> {
    const actions = await this.#calls.permittedActions('acm.amazonaws.com').catch(() => undefined);
    return actions?.includes('IssueCertificate');
  }
}

async function factsOf(calls: AcmPcaCalls): Promise<CaFacts | undefined> {
  try {
    return caFactsOf(await calls.describe());
  } catch (error) {
    if (isRefusal(error, 'AccessDeniedException')) return undefined;
    throw error;
  }
}
