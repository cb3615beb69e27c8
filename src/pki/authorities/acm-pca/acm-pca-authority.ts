import { setTimeout as sleep } from 'node:timers/promises';
import { PkiError } from '../../errors.ts';
import { readCertificate } from '../../x509/certificate.ts';
import type { Profile } from '../../x509/profile.ts';
import { isCaArn, parseArn, type Arn } from '../aws/arn.ts';
import { isRefusal } from '../aws/failure.ts';
import { certificatesInPem } from '../aws/pem.ts';
import type { AwsOptions } from '../aws/options.ts';
import { orderOnce } from '../aws/placed-order.ts';
import { regionOf } from '../aws/region.ts';
import { ServerClock } from '../aws/server-clock.ts';
import type { Authority, Explanation, Issuance, Journal, RequestKey, TellsTime } from '../authority.ts';
import { caFactsOf, foreseeableRefusals, type CaFacts } from './ca-facts.ts';
import { AcmPcaCalls } from './calls.ts';
import { placeOrder, requestOf, requestSays, type Order } from './order.ts';
import { explainTemplate, nameOf, refuseUnlike, templateFor, type Template } from './template.ts';

/** AWS forgets a token after five minutes; half a minute is left for clocks and for the answer's way. */
const tokenLife = 4.5 * 60_000;
/** AWS rounds and backdates; what it issues may miss the times that were asked for by so much. */
const tolerance = 5 * 60_000;

const inDoubt = (askedAt: string): { message: string; hint: string } => ({
  message: `an order for this certificate was sent at ${askedAt} and its answer never came; AWS forgets orders after five minutes, so it cannot be asked whether it was issued`,
  hint: "if paying for it twice is worse than waiting, look in the CA's audit report first; --reissue orders it, and pays, once more",
});

/** What came of an order, DER. */
interface Made {
  leaf: Buffer;
  /** From its issuer upwards, to the root where that is known. */
  above: Buffer[];
}

/** A CA of AWS Private CA (ACM PCA). It never sees a private key. */
export class AcmPcaAuthority implements Authority, TellsTime {
  readonly reference: string;
  readonly makesKeys = false;
  readonly sells = true;
  readonly fixesLifetime = false;
  readonly defaults = { crlUrls: [], ocspUrls: [], issuerUrls: [] };
  readonly #arn: Arn;
  readonly #facts: CaFacts;
  readonly #calls: AcmPcaCalls;
  readonly #options: AwsOptions;
  readonly #clock: ServerClock;
  readonly #now: () => Date;

  private constructor(
    arn: Arn,
    facts: CaFacts,
    calls: AcmPcaCalls,
    options: AwsOptions & { clock: ServerClock },
    now: () => Date,
  ) {
    this.reference = arn.text;
    this.#arn = arn;
    this.#facts = facts;
    this.#calls = calls;
    this.#options = options;
    this.#clock = options.clock;
    this.#now = now;
  }

  /** @throws PkiError `bad-input`, `usage`, `credentials`, `refused`, `unreachable` */
  static async open(reference: string, options: AwsOptions, now: () => Date): Promise<AcmPcaAuthority> {
    const arn = parseArn(reference, 'acm-pca', isCaArn, '--ca');
    const heard = { ...options, clock: new ServerClock(now) };
    const calls = new AcmPcaCalls(arn.text, regionOf(options, arn), heard);
    return new AcmPcaAuthority(arn, await factsOf(calls, options), calls, heard, now);
  }

  get validity(): Authority['validity'] {
    const { notBefore, notAfter } = this.#facts;
    return { notBefore: notBefore ?? new Date(0), notAfter: notAfter ?? new Date(Date.UTC(9999, 11, 31)) };
  }

  get ahead(): number | undefined {
    return this.#clock.ahead;
  }

  check(profile: Profile): readonly string[] {
    if (profile.crlUrls.length + profile.ocspUrls.length + profile.issuerUrls.length > 0) {
      throw new PkiError(
        'unsupported',
        `${this.reference} writes its own CRL and OCSP URLs into certificates`,
        {
          hint: 'leave out --crl-url, --ocsp-url and --aia-url, or use a CA in a folder',
        },
      );
    }
    refuseUnlike(this.#template(profile, true), profile.usage, true);
    const foreseen = foreseeableRefusals(this.#facts, profile, this.#signingAlgorithm, this.#now());
    return foreseen.map((text) => text.replace('CA_ARN', this.reference));
  }

  explain(profile: Profile): Explanation[] {
    const template = this.#template(profile, true);
    return [
      { what: 'template', value: template.arn },
      ...explainTemplate(template).map((value) => ({ what: '', value })),
      { what: 'signed with', value: this.#signingAlgorithm },
      {
        what: 'CA',
        value: `${this.#facts.status}, ${this.#facts.mode}, revocation by ${this.#facts.revocation}`,
      },
      {
        what: 'cost',
        value: 'AWS bills each certificate when it is issued (https://aws.amazon.com/private-ca/pricing)',
      },
    ];
  }

  async issue(profile: Profile, key: RequestKey | undefined, journal: Journal): Promise<Issuance> {
    if (!key) throw new TypeError('AWS Private CA certifies a key, and makes none');
    const { order, certificateArn } = await orderOnce<Order>(journal, {
      now: this.#clock.reckoned(),
      tokenLife,
      reissue: this.#options.reissue,
      inDoubt,
      place: (earlier) => this.#order(profile, key, earlier),
      send: async (placed, sending) => {
        const foreseen = this.check(profile);
        for (const warning of foreseen) this.#options.say(`likely to be refused: ${warning}`);
        this.#options.say(`ordering a certificate from ${this.reference}, which is billed`);
        return this.#calls.issue(placed, sending).catch((error: unknown) => {
          throw explained(error, foreseen, sending.mayBeCarriedOut(error));
        });
      },
    });
    const made = await this.#fetch(certificateArn, journal);
    return made ? this.#issued(made, certificateArn, order) : notMadeYet(certificateArn);
  }

  #order(profile: Profile, key: RequestKey, earlier: number): Order {
    const request = requestOf(profile, key);
    const says = requestSays(request, profile);
    const template = this.#template(profile, says);
    refuseUnlike(template, profile.usage, says);
    return placeOrder(this.reference, request, profile, template, this.#signingAlgorithm, earlier);
  }

  /** Failing to fetch is never a reason to buy again: what was said no to stays pending. */
  async #fetch(certificateArn: string, journal: Journal): Promise<Made | undefined> {
    try {
      const answer = await this.#poll(certificateArn);
      if (!answer) return undefined;
      const [leaf] = certificatesInPem(answer.Certificate ?? '');
      if (!leaf) throw unusable(certificateArn, 'no certificate');
      const above = certificatesInPem(answer.CertificateChain ?? '');
      for (const der of [leaf, ...above]) readCertificate(der);
      return { leaf, above: await this.#upToRoot(above) };
    } catch (error) {
      if (isRefusal(error, 'RequestFailedException')) {
        journal.forget();
        throw error;
      }
      throw paidFor(error, certificateArn);
    }
  }

  async #upToRoot(above: Buffer[]): Promise<Buffer[]> {
    if (endsInRoot(above)) return above;
    try {
      return certificatesInPem((await this.#calls.caChain()).join('\n'));
    } catch (error) {
      // Whoever may not ask for it does without the root.
      if (isRefusal(error, 'AccessDeniedException')) return above;
      throw error;
    }
  }

  #issued({ leaf, above }: Made, certificateArn: string, order: Order): Issuance {
    const whole = endsInRoot(above);
    return {
      state: 'issued',
      certificate: leaf,
      chain: whole ? above.slice(0, -1) : above,
      root: whole ? above.at(-1) : undefined,
      key: undefined,
      arn: certificateArn,
      asked: {
        notBefore: new Date(order.notBefore * 1000),
        notAfter: new Date(order.notAfter * 1000),
        tolerance,
      },
      onDifference: `it was not installed: the template ${nameOf(order.template)} made it; revoke it with "certwright revoke ${certificateArn}", and ask anew with --discard-pending`,
    };
  }

  async #poll(certificateArn: string): ReturnType<AcmPcaCalls['fetch']> {
    const deadline = performance.now() + (this.#options.wait ?? 60_000);
    for (let pause = 500; ; pause = Math.min(pause * 1.5, 5_000)) {
      const answer = await this.#calls.fetch(certificateArn);
      if (answer || performance.now() + pause > deadline) return answer;
      await sleep(pause, undefined, { signal: this.#options.signal }).catch(() => {
        this.#options.signal.throwIfAborted();
      });
    }
  }

  get #signingAlgorithm(): string {
    return this.#options.signingAlgorithm ?? this.#facts.signingAlgorithm ?? 'SHA256WITHRSA';
  }

  #template(profile: Profile, says: boolean): Template {
    return templateFor(profile.usage, this.#options.template, says, this.#arn);
  }
}

/** Without the right to look, AWS's answer to the order decides; only the signing algorithm must then be named. */
async function factsOf(calls: AcmPcaCalls, options: AwsOptions): Promise<CaFacts> {
  try {
    return caFactsOf(await calls.describe());
  } catch (error) {
    if (!isRefusal(error, 'AccessDeniedException')) throw error;
    if (options.signingAlgorithm === undefined) {
      throw new PkiError('refused', error.message, {
        hint: 'allow acm-pca:DescribeCertificateAuthority, or say how the CA signs: --signing-algorithm SHA256WITHECDSA',
        cause: error,
      });
    }
    return caFactsOf({ $metadata: {}, CertificateAuthority: { Status: 'ACTIVE' } });
  }
}

/** What AWS refuses as such, and does not explain well. */
const ofTheState = ['InvalidStateException', 'InvalidArgsException', 'ValidationException'];

/** A failure to order, with what was foreseen of it, or with how long it can be sent again. */
function explained(error: unknown, foreseen: readonly string[], isDoubtful: boolean): unknown {
  if (!(error instanceof PkiError)) return error;
  const { code, message, cause } = error;
  if (isDoubtful && code === 'unreachable') {
    const hint =
      'for five minutes from the first attempt AWS knows the order: until then the same command goes on, and pays no second time; after that only --reissue orders anew';
    return new PkiError(code, message, { hint, cause });
  }
  if (foreseen.length === 0 || !ofTheState.some((name) => isRefusal(error, name))) return error;
  return new PkiError(code, message, { hint: foreseen.join('; '), cause });
}

function paidFor(error: unknown, certificateArn: string): unknown {
  if (!(error instanceof PkiError)) return error;
  if (error.code === 'malformed') return unusable(certificateArn, `what cannot be read: ${error.message}`);
  if (error.code !== 'refused') return error;
  return new PkiError('unreachable', error.message, {
    hint: `${certificateArn} is paid for: once that is mended, the same command fetches it`,
    cause: error,
  });
}

const notMadeYet = (certificateArn: string): Issuance => ({
  state: 'pending',
  waitingFor: `AWS to make ${certificateArn}`,
  hint: 'it is paid for; the same command fetches it',
  records: [],
});

const unusable = (certificateArn: string, what: string): PkiError =>
  new PkiError('unreachable', `AWS answered for ${certificateArn} with ${what}`, {
    hint: 'it is paid for; the same command fetches it again',
  });

function endsInRoot(upwards: readonly Buffer[]): boolean {
  const last = upwards.at(-1);
  if (!last) return false;
  const { issuer, subject } = readCertificate(last);
  return issuer.equals(subject);
}
