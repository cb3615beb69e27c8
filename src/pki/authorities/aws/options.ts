/** What a command says about how to speak to AWS. */
export interface AwsOptions {
  env: Readonly<Record<string, string | undefined>>;
  region: string | undefined;
  /** Name of a profile in the shared configuration files. */
  profile: string | undefined;
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
  /** Milliseconds to wait for what takes its time; `undefined` leaves it to the authority. */
  wait: number | undefined;
  /** Milliseconds that one call may take. */
  timeout: number;
  signal: AbortSignal;
  /** Tells the user what is about to happen: a call that costs money, an endpoint that is not AWS's. */
  say: (line: string) => void;
}
