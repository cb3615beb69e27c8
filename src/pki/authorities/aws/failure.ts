import { credentialsTried } from './credentials-tried.ts';
import { foreignCode, PkiError, type ErrorCode } from '../../errors.ts';

/** What the SDK throws: a service's answer, or what kept it from coming. */
interface SdkError extends Error {
  $fault?: 'client' | 'server';
  $metadata?: { httpStatusCode?: number; requestId?: string };
}

/** What the SDK is not to try again, whatever it makes of it. */
export class Final extends Error {
  override readonly cause: Error;
  constructor(cause: Error) {
    super(cause.message);
    this.cause = cause;
  }
}

interface Meaning {
  code: Extract<ErrorCode, 'refused' | 'credentials' | 'unreachable'>;
  hint: string;
}

const credentials: Meaning = {
  code: 'credentials',
  hint: 'look at AWS_ACCESS_KEY_ID, --profile and AWS_PROFILE',
};
const throttled: Meaning = {
  code: 'unreachable',
  hint: 'the same command goes on later, and pays no second time',
};
const unreachable: Meaning = {
  code: 'unreachable',
  hint: 'the same command goes on from here once the network is back, and pays no second time',
};

/** By the name of the error (AWS's own words). */
const meanings: Readonly<Record<string, Meaning>> = {
  CredentialsProviderError: credentials,
  ExpiredTokenException: {
    ...credentials,
    hint: 'get new temporary credentials, then give the same command again',
  },
  ExpiredToken: { ...credentials, hint: 'get new temporary credentials, then give the same command again' },
  UnrecognizedClientException: {
    ...credentials,
    hint: 'these credentials are not known in this region or account',
  },
  InvalidClientTokenId: { ...credentials, hint: 'these credentials are not known in this region or account' },
  InvalidSignatureException: { ...credentials, hint: "check the secret key, and this machine's clock" },
  MissingAuthenticationTokenException: credentials,
  ThrottlingException: throttled,
  TooManyRequestsException: throttled,
  Throttling: throttled,
  RequestLimitExceeded: throttled,
  LimitExceededException: {
    code: 'refused',
    hint: 'this is a quota, and asking again does not help: raise it in Service Quotas, or remove what is not used',
  },
  AccessDeniedException: {
    code: 'refused',
    hint: 'the policy of these credentials does not allow it: docs/aws.md lists what each command needs',
  },
  MalformedCSRException: {
    code: 'refused',
    hint: 'the names or the key of the request are not to its liking',
  },
  ResourceNotFoundException: { code: 'refused', hint: 'check the ARN, the account and the region' },
};

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CERT_HAS_EXPIRED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** A failure to find credentials, with what was tried. */
export const withTried = (error: PkiError, env: Readonly<Record<string, string | undefined>>): PkiError =>
  (error.cause as Error | undefined)?.name === 'CredentialsProviderError'
    ? new PkiError(error.code, error.message, {
        hint: `tried: ${credentialsTried(env)}`,
        cause: error.cause,
      })
    : error;

/**
 * Translates what a call to AWS threw. `refused` and `credentials` mean that it was not done; `unreachable` that it may
 * have been.
 * @param doing `issue a certificate`, …
 * @param who the authority, as the user names it
 */
export function awsFailure(thrown: unknown, doing: string, who: string): PkiError {
  if (thrown instanceof PkiError) return thrown;
  const error = thrown instanceof Final ? thrown.cause : thrown;
  const { name, message, $metadata } = (
    error instanceof Error ? error : new Error(String(error))
  ) as SdkError;
  const meaning = meaningOf(error, name, $metadata?.httpStatusCode);
  const request = $metadata?.requestId === undefined ? '' : `, request ${$metadata.requestId}`;
  const verb = meaning.code === 'refused' ? 'refuses to' : 'could not';
  const words = name === 'SyntaxError' ? 'the endpoint does not answer in AWS JSON' : message || name;
  return new PkiError(meaning.code, `${who} ${verb} ${doing}: ${words} (${name}${request})`, {
    hint: meaning.hint,
    cause: error,
  });
}

function meaningOf(error: unknown, name: string, status: number | undefined): Meaning {
  const known = Object.hasOwn(meanings, name) ? meanings[name] : undefined;
  if (known) return known;
  if (name === 'SyntaxError') {
    return {
      code: 'unreachable',
      hint: 'is it the endpoint of that service (AWS_ENDPOINT_URL), and does it know this operation?',
    };
  }
  if (name === 'TimeoutError' || networkCodes.has(foreignCode(error) ?? '')) return unreachable;
  if (status === undefined) {
    return /region is missing/i.test(String(error))
      ? { code: 'credentials', hint: 'name a region: --region, AWS_REGION, or one in the profile' }
      : unreachable;
  }
  return status >= 500 ? unreachable : { code: 'refused', hint: 'nothing was issued' };
}

/** Whether AWS said no in just this way. */
export const isRefusal = (error: unknown, name: string): error is PkiError =>
  error instanceof PkiError && error.code === 'refused' && (error.cause as Error | undefined)?.name === name;
