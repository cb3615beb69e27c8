import type { ServerClock } from './server-clock.ts';

/** How AWS is reached. */
export interface AwsConnection {
  env: Readonly<Record<string, string | undefined>>;
  region: string | undefined;
  /** Milliseconds to wait for what takes its time; `undefined` leaves it to whoever asks. */
  wait: number | undefined;
  /** Milliseconds that one call may take. */
  timeout: number;
  signal: AbortSignal;
  /** Tells the user what is about to happen: a call that costs money, an endpoint that is not AWS's. */
  say: (line: string) => void;
  /** Where its clock is listened to. */
  clock?: ServerClock;
}

/** What a command says about a certificate that AWS is to issue, and how AWS is reached. */
export interface AwsOptions extends AwsConnection {
  /** Name or ARN of the template, instead of the usage's own. */
  template: string | undefined;
  /** Instead of the CA's own. */
  signingAlgorithm: string | undefined;
  /** Ask, and pay, once more, although an earlier request may have been answered. */
  reissue: boolean;
  /** Whether a public certificate of ACM is to come with its key. */
  exportable: boolean;
  /** How ACM is to see that a public name is ours. */
  validation: 'dns' | 'email' | 'http';
}
