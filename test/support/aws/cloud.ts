import type { CertificateAuthority } from './acm-pca/certificate-authority.ts';
import type { AcmCertificate } from './acm/certificate.ts';
import type { Caller } from './caller.ts';
import type { Clock } from './clock.ts';
import { IdempotencyTokens } from './idempotency-tokens.ts';
import type { Input, Json } from './input.ts';
import type { Refusal } from './refusal.ts';
import type { Stats } from './stats.ts';

/** How slow the services are, in polls and on the movable clock. */
export interface Pace {
  /** GetCertificate calls that a new certificate stays in progress for. */
  certificatePolls: number;
  /** DescribeCertificate calls until ACM has issued, or shows the validation records. */
  describePolls: number;
  /** Calls to ACM that do not find a new certificate yet. */
  hiddenCalls: number;
  /** From a revocation to the CRL that lists it; AWS says about half an hour. Milliseconds. */
  crlDelay: number;
  /** From a revocation to what the OCSP responder says; AWS says up to an hour. Milliseconds. */
  ocspDelay: number;
}

/** Everything there is, in all regions. */
export class Cloud {
  readonly clock: Clock;
  readonly stats: Stats;
  readonly pace: Pace;
  readonly tokens: IdempotencyTokens;
  readonly cas = new Map<string, CertificateAuthority>();
  readonly certificates = new Map<string, AcmCertificate>();
  /** CNAME records that are published, by name. */
  readonly dns = new Map<string, string>();
  /** Of ACM, by account and region: when it begins to warn. */
  readonly daysBeforeExpiry = new Map<string, number>();
  /** ARN of the CA that signs public certificates, by its key algorithm. */
  readonly amazon: Partial<Record<string, Promise<string>>> = {};
  /** What S3 would hold, by bucket and key. */
  readonly objects = new Map<string, { type: string; body: Buffer }>();
  /** Hears every answer and every refusal, by what X-Amz-Target said. */
  observe: ((target: string, answer: Json | Refusal) => void) | undefined;
  /** Where the emulator itself answers, as `http://host:port`. */
  endpoint = '';

  constructor(clock: Clock, stats: Stats, pace: Pace) {
    this.clock = clock;
    this.stats = stats;
    this.pace = pace;
    this.tokens = new IdempotencyTokens(clock);
  }
}

export interface Call {
  cloud: Cloud;
  caller: Caller;
  operation: string;
  input: Input;
}

/** What an operation answers; `{}` where AWS answers with nothing. */
export type Operation = (call: Call) => Json | Promise<Json>;
