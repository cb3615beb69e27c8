import { createPrivateKey, randomBytes, type KeyObject } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CertificateDetail } from '@aws-sdk/client-acm';
import { PkiError } from '../../errors.ts';
import { readCertificate, type Certificate } from '../../x509/certificate.ts';
import type { Profile } from '../../x509/profile.ts';
import type {
  Authority,
  Explanation,
  Issuance,
  Journal,
  Pending,
  Predecessor,
  Renewal,
  RenewsInPlace,
  RequestKey,
  Successor,
  TellsTime,
  Wish,
} from '../authority.ts';
import { isCaArn, parseArn, type Arn } from '../aws/arn.ts';
import type { AwsOptions } from '../aws/options.ts';
import { certificatesInPem } from '../aws/pem.ts';
import { orderOnce } from '../aws/placed-order.ts';
import type { Sending } from '../aws/sending.ts';
import { regionOf } from '../aws/region.ts';
import { ServerClock } from '../aws/server-clock.ts';
import type { AcmCalls, HandedOut } from './calls.ts';
import { remedyFor } from './failure-reason.ts';
import { findCertificate } from './find.ts';
import { PrivateCa } from './private-ca.ts';
import { AcmRegions } from './regions.ts';
import { begunRenewal, gone, heldIn, renewed } from './renew.ts';
import { chooseSuccessor } from './successor.ts';
import { placeRequest, proofsOf, recordsOf, refuseBeyondAcm, type PlacedRequest } from './order.ts';

/** ACM forgets a token after an hour; five minutes are left for clocks and for the answer's way. */
const tokenLife = 55 * 60_000;

/** ACM takes some seconds to hear of its own requests; milliseconds. What it still does not find later is gone. */
const hearsay = 5 * 60_000;

/** Types of what ACM has issued. */
const ofAmazon = ['PRIVATE', 'AMAZON_ISSUED'];

const inDoubt = (askedAt: string, region: string): { message: string; hint: string } => ({
  message: `a request for this certificate was sent to ACM in ${region} at ${askedAt} and its answer never came; ACM forgets requests after an hour, so it cannot be asked what became of it`,
  hint: `look for it in ACM ("certwright list --ca acm --region ${region}"); --reissue requests it once more`,
});

const caArnOf = (reference: string): Arn =>
  parseArn(reference.replace(/^acm:/, ''), 'acm-pca', isCaArn, '--ca');

/** AWS Certificate Manager: public certificates, or private ones of a CA of AWS Private CA. It makes the keys. */
export class AcmAuthority implements Authority, RenewsInPlace, TellsTime {
  readonly reference: string;
  readonly makesKeys = true;
  readonly sells = true;
  readonly fixesLifetime = true;
  readonly defaults = { crlUrls: [], ocspUrls: [], issuerUrls: [] };
  readonly validity = { notBefore: new Date(0), notAfter: new Date(Date.UTC(9999, 11, 31)) };
  /** `undefined` for public certificates. */
  readonly #ca: PrivateCa | undefined;
  readonly #regions: AcmRegions;
  readonly #options: AwsOptions;
  readonly #clock: ServerClock;
  readonly #now: () => Date;

  private constructor(
    ca: PrivateCa | undefined,
    region: string | undefined,
    options: AwsOptions & { clock: ServerClock },
    now: () => Date,
  ) {
    this.reference = ca === undefined ? 'acm' : `acm:${ca.arn}`;
    this.#ca = ca;
    this.#regions = new AcmRegions(region, ca !== undefined, options);
    this.#options = options;
    this.#clock = options.clock;
    this.#now = now;
  }

  /**
   * @param reference `acm`, or `acm:` and the ARN of a private CA
   * @throws PkiError `bad-input`, `usage`, `credentials`, `refused`, `unreachable`
   */
  static async open(reference: string, options: AwsOptions, now: () => Date): Promise<AcmAuthority> {
    const arn = reference === 'acm' ? undefined : caArnOf(reference);
    const region = regionOf(options, arn);
    const heard = { ...options, clock: new ServerClock(now) };
    const ca = arn && (await PrivateCa.open(arn.text, region, heard));
    return new AcmAuthority(ca, region, heard, now);
  }

  get ahead(): number | undefined {
    return this.#clock.ahead;
  }

  check(profile: Profile): readonly string[] {
    refuseBeyondAcm(profile, this.#ca?.arn);
    return this.#ca?.check(profile, this.#now()) ?? [];
  }

  explain(): Explanation[] {
    const cost =
      this.#ca !== undefined
        ? 'AWS bills a private certificate when it is first exported'
        : this.#options.exportable
          ? 'AWS bills an exportable public certificate when it is issued, and at each renewal'
          : 'AWS does not bill a public certificate that stays in ACM';
    return [
      { what: 'lifetime', value: this.#ca === undefined ? "ACM's own (198 days)" : "ACM's own (13 months)" },
      { what: 'cost', value: `${cost} (https://aws.amazon.com/certificate-manager/pricing)` },
    ];
  }

  async issue(
    profile: Profile,
    _key: RequestKey | undefined,
    journal: Journal,
    before?: Predecessor,
  ): Promise<Issuance> {
    const begun = begunRenewal(journal);
    if (begun && before?.isCompromised !== true) return this.renew(begun, journal);
    if (begun) journal.forget();
    const region = await this.#regions.ofOrder(journal, before?.arn);
    const { calls } = this.#regions.in(region);
    const { exportable, validation } = this.#options;
    const { order, certificateArn } = await orderOnce<PlacedRequest>(journal, {
      now: this.#clock.reckoned(),
      tokenLife,
      reissue: this.#options.reissue,
      inDoubt: (askedAt) => inDoubt(askedAt, region),
      place: () => placeRequest(profile, { ca: this.#ca?.arn, region, exportable, validation }),
      send: (request, sending) => this.#request(profile, { ...request, region }, sending, calls),
    });
    const detail = await this.#settled(certificateArn, journal, calls);
    if ('state' in detail) return detail;
    return this.#collect(
      certificateArn,
      calls,
      this.#ca !== undefined || order.Options?.Export === 'ENABLED',
    );
  }

  async successorOf(arn: string | undefined, ours: Certificate | undefined, wish: Wish): Promise<Successor> {
    const found = arn ?? (ours && (await this.#find(ours)));
    if (found === undefined) return this.#successorOfNone(found, wish);
    const { calls } = this.#regions.of(found);
    const detail = await calls.describe(found);
    if (!detail) return this.#successorOfNone(found, wish);
    const held = detail.NotAfter && (await heldIn(calls, found));
    return chooseSuccessor({ arn: found, detail, held, ours, wish, now: this.#now() });
  }

  async #find(ours: Certificate): Promise<string | undefined> {
    for await (const arn of findCertificate(ours, ofAmazon, this.#regions.here)) return arn;
    return undefined;
  }

  /** Credentials of another account find nothing either: nothing is bought on such a ground. */
  #successorOfNone(arn: string | undefined, wish: Wish): Successor {
    const isReplaced = arn === undefined || wish === 'distrusted';
    const mayRequest = wish === 'new' || (isReplaced && this.#ca !== undefined);
    if (mayRequest) return { by: 'request', plan: 'requests another one' };
    throw new PkiError('not-found', arn === undefined ? 'ACM does not hold it' : `ACM holds no ${arn}`, {
      hint: 'look at the account and the region that are used; --force requests another one',
    });
  }

  async renew(renewal: Renewal, journal: Journal): Promise<Issuance> {
    const { calls } = this.#regions.of(renewal.arn);
    const pending = await renewed(renewal, journal, calls, this.#options);
    return pending ?? this.#collect(renewal.arn, calls, this.#ca !== undefined || this.#options.exportable);
  }

  async #request(
    profile: Profile,
    request: PlacedRequest,
    sending: Sending,
    calls: AcmCalls,
  ): Promise<string> {
    const kind = this.#ca === undefined ? 'public' : 'private';
    const billed = kind === 'public' && this.#options.exportable;
    for (const warning of this.check(profile)) this.#options.say(`likely to be refused: ${warning}`);
    const cost = billed ? ', which is billed' : '';
    this.#options.say(`requesting a ${kind} certificate from ACM in ${request.region}${cost}`);
    try {
      return await calls.request(request, sending);
    } catch (error) {
      throw await this.#explained(error);
    }
  }

  /** ACM says that a CA has expired where it may not look at it (hashicorp/terraform-provider-aws #46693). */
  async #explained(error: unknown): Promise<unknown> {
    const looksExpired =
      error instanceof PkiError && /signing certificate for the CA.*has expired/.test(error.message);
    if (!looksExpired || (await this.#ca?.permitsAcm()) !== false) return error;
    return new PkiError(
      error.code,
      `${error.message}; in truth the CA has not permitted ACM to issue from it`,
      {
        hint: remedyFor('PCA_ACCESS_DENIED', this.#ca?.arn),
        cause: error.cause,
      },
    );
  }

  /** Waits until ACM has issued, or until it is known what ACM waits for. */
  async #settled(arn: string, journal: Journal, calls: AcmCalls): Promise<CertificateDetail | Pending> {
    const deadline = performance.now() + (this.#options.wait ?? 60_000);
    const longest = this.#ca === undefined ? 30_000 : 5_000;
    for (let pause = 500; ; pause = Math.min(pause * 1.5, longest)) {
      const detail = await calls.describe(arn).catch((error: unknown) => {
        throw requested(error, arn);
      });
      if (detail?.Status === 'ISSUED') return detail;
      if (detail && /FAILED|VALIDATION_TIMED_OUT|REVOKED/.test(detail.Status ?? '')) {
        journal.forget();
        throw failed(arn, detail);
      }
      const records = detail?.Status === 'PENDING_VALIDATION' ? recordsOf(detail) : undefined;
      // Validation takes somebody's action: only who says --wait waits for it.
      const isTheirTurn = records !== undefined && this.#options.wait === undefined;
      if (isTheirTurn || performance.now() + pause > deadline) {
        if (!detail && this.#isOld(journal)) throw gone(arn);
        return this.#pending(arn, detail, records ?? []);
      }
      await sleep(pause, undefined, { signal: this.#options.signal }).catch(() => {
        this.#options.signal.throwIfAborted();
      });
    }
  }

  #isOld(journal: Journal): boolean {
    const asked = Date.parse(String(journal.read()?.['askedAt']));
    return this.#clock.reckoned()().getTime() - asked > hearsay;
  }

  #pending(arn: string, detail: CertificateDetail | undefined, records: Pending['records']): Pending {
    const validates = this.#ca === undefined;
    const proofs = detail ? proofsOf(detail) : [];
    const by = proofs.length === 0 ? '' : ` by ${proofs.join(', ')}`;
    return {
      state: 'pending',
      waitingFor: validates ? `the validation of its names${by} (${arn})` : `ACM to issue ${arn}`,
      hint: validates
        ? 'once that is done, the same command goes on; ACM tries for 72 hours. --wait 2h waits for it'
        : 'the same command goes on',
      records,
    };
  }

  async #collect(arn: string, calls: AcmCalls, exportable: boolean): Promise<Issuance> {
    const { out, key } = await (exportable ? this.#exported(arn, calls) : keptIn(arn, calls)).catch(
      (error: unknown) => {
        throw requested(error, arn);
      },
    );
    const [leaf] = certificatesInPem(out.certificate);
    if (!leaf) throw new PkiError('unreachable', `ACM answered for ${arn} without a certificate`);
    const above = certificatesInPem(out.chain);
    const root = above.at(-1);
    const ends = root !== undefined && isSelfIssued(root);
    return {
      state: 'issued',
      certificate: leaf,
      chain: ends ? above.slice(0, -1) : above,
      root: ends ? root : undefined,
      key,
      arn,
      asked: undefined,
      onDifference: `it was not installed: delete ${arn} in ACM, and ask anew with --discard-pending`,
    };
  }

  /** The passphrase lives for one call, in memory. */
  async #exported(arn: string, calls: AcmCalls): Promise<{ out: HandedOut; key: KeyObject }> {
    if (this.#ca !== undefined) this.#options.say(`exporting ${arn}, which is billed the first time`);
    // Hexadecimal, since ACM refuses "#", "$" and "%".
    const passphrase = Buffer.from(randomBytes(36).toString('hex'), 'latin1');
    const out = await calls.export(arn, passphrase);
    return { out, key: opened(arn, out.privateKey, passphrase) };
  }
}

const keptIn = async (arn: string, calls: AcmCalls): Promise<{ out: HandedOut; key: undefined }> => ({
  out: await calls.get(arn),
  key: undefined,
});

function opened(arn: string, key: string | undefined, passphrase: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: key ?? '', passphrase });
  } catch (cause) {
    throw new PkiError('unreachable', `ACM exported ${arn} with a key that cannot be opened`, {
      hint: 'the same command exports it again; if that does not help, ask anew with --discard-pending',
      cause,
    });
  }
}

function isSelfIssued(der: Buffer): boolean {
  const { issuer, subject } = readCertificate(der);
  return issuer.equals(subject);
}

function failed(
  arn: string,
  { Status: status = 'FAILED', FailureReason: reason, CertificateAuthorityArn: ca }: CertificateDetail,
): PkiError {
  const why: string = reason ?? status;
  const remedy =
    status === 'VALIDATION_TIMED_OUT'
      ? 'its names were not validated within 72 hours: ask anew'
      : remedyFor(why, ca);
  return new PkiError('refused', `ACM did not issue ${arn}: ${why}`, { hint: remedy });
}

/** What was requested stays pending, whatever goes wrong in fetching it. */
function requested(error: unknown, arn: string): unknown {
  if (!(error instanceof PkiError) || error.code !== 'refused') return error;
  return new PkiError('unreachable', error.message, {
    hint: `${arn} is requested: once that is mended, the same command goes on with it`,
    cause: error,
  });
}
