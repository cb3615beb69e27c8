import { credentialsTried } from './credentials-tried.ts';
import { foreignCode, PkiError, type ErrorCode } from '../../errors.ts';
import { untrusted } from './never-sent.ts';

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
  code: Extract<ErrorCode, 'usage' | 'refused' | 'credentials' | 'unreachable'>;
  hint: string;
  /** Who has said it, where that is not who was asked. */
  by?: string;
  /** In place of the SDK's own words. */
  words?: string;
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

const role: Meaning = {
  code: 'credentials',
  by: 'STS, which was asked for the credentials of a role,',
  hint: "look at the role's trust policy, and at whose credentials ask for it (--profile, AWS_PROFILE)",
};
const goesOn = 'the same command then goes on from here, and pays no second time';
const notFound: Meaning = {
  code: 'unreachable',
  hint: `is the region one (--region, AWS_REGION), is the endpoint (AWS_ENDPOINT_URL), and is the network there? ${goesOn}`,
};
const notTls: Meaning = {
  code: 'unreachable',
  words: 'the endpoint does not speak TLS',
  hint: `is it https on that port (AWS_ENDPOINT_URL)? ${goesOn}`,
};
const notTrusted: Meaning = {
  code: 'unreachable',
  hint: `is that the endpoint (AWS_ENDPOINT_URL), and the clock right? Where a proxy looks into TLS, name the file of its CA in NODE_EXTRA_CA_CERTS (AWS_CA_BUNDLE is not read); ${goesOn}`,
};
/** Of AWS_ENDPOINT_URL the client settings have seen to. */
const noUrl: Meaning = {
  code: 'usage',
  words: 'an endpoint is not the URL of a server',
  hint: 'look at endpoint_url of the profile; it is like https://127.0.0.1:4566',
};

/** By Node's error code: what is configured wrongly, or looks like it. */
const meaningsByCode: Readonly<Record<string, Meaning>> = {
  ENOTFOUND: notFound,
  EAI_AGAIN: notFound,
  EPROTO: notTls,
  ERR_SSL_WRONG_VERSION_NUMBER: notTls,
  ...Object.fromEntries(untrusted.map((code) => [code, notTrusted])),
  ERR_INVALID_CHAR: {
    ...credentials,
    hint: 'a line break, or something else that no key has, stands in AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN or the profile',
  },
  ERR_INVALID_URL: noUrl,
  ERR_INVALID_PROTOCOL: noUrl,
};

/** By the name of the error (AWS's own words). */
const meanings: Readonly<Record<string, Meaning>> = {
  CredentialsProviderError: credentials,
  ExpiredTokenException: {
    ...credentials,
    hint: 'get new temporary credentials',
  },
  ExpiredToken: { ...credentials, hint: 'get new temporary credentials' },
  UnrecognizedClientException: {
    ...credentials,
    hint: 'these credentials are not known in this region or account',
  },
  InvalidClientTokenId: { ...credentials, hint: 'these credentials are not known in this region or account' },
  // The services that issue say AccessDeniedException.
  AccessDenied: role,
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
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
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
  const words =
    meaning.words ?? (name === 'SyntaxError' ? 'the endpoint does not answer in AWS JSON' : message || name);
  const said = `${words} (${meaning.words === undefined ? name : (foreignCode(error) ?? name)}${request})`;
  const by = meaning.by === undefined ? '' : `${meaning.by} refuses: `;
  return new PkiError(meaning.code, `${who} ${verb} ${doing}: ${by}${said}`, {
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
  const byCode = meaningsByCode[foreignCode(error) ?? ''];
  if (byCode) return byCode;
  if (name === 'TimeoutError' || networkCodes.has(foreignCode(error) ?? '')) return unreachable;
  if (status === undefined) {
    if (/region not accepted/i.test(String(error))) {
      return { code: 'usage', hint: 'look at region of the profile; it is like eu-west-1' };
    }
    return /region is missing/i.test(String(error))
      ? { code: 'credentials', hint: 'name a region: --region, AWS_REGION, or one in the profile' }
      : unreachable;
  }
  return status >= 500
    ? unreachable
    : { code: 'refused', hint: 'nothing was done; AWS says why: mend that, and give the same command again' };
}

/** Whether AWS said no in just this way. */
export const isRefusal = (error: unknown, name: string): error is PkiError =>
  error instanceof PkiError && error.code === 'refused' && (error.cause as Error | undefined)?.name === name;
