import { PkiError } from '../../errors.ts';
import { TunnelAgent } from '../../tunnel-agent.ts';
import { credentialProcess } from './credential-process.ts';
import { Final } from './failure.ts';
import type { AwsConnection } from './options.ts';
import type { Pace } from './pace.ts';
import { refuseNoProfile } from './profile.ts';

/** One attempt of a call, as the SDK's middleware sees it. */
interface HttpRequest {
  protocol: string;
  hostname: string;
  port?: number;
}

/** What the SDK's clients have in common; their own types differ in what they send. */
interface AwsClient {
  config: { credentials: () => Promise<{ accessKeyId: string }> };
  middlewareStack: {
    addRelativeTo(
      middleware: (
        next: (args: { request: unknown }) => Promise<never>,
        context: { commandName?: string },
      ) => (args: { request: unknown }) => Promise<never>,
      options: { name: string; relation: 'after'; toMiddleware: string },
    ): void;
  };
}

/** By which the SDK is led to another endpoint; the last two for the credentials of a role or of SSO. */
const endpoints = ['', '_ACM', '_ACM_PCA', '_STS', '_SSO'].map((service) => `AWS_ENDPOINT_URL${service}`);

/** @throws PkiError `usage`: the SDK would take it for a fault of the network */
function refuseNoUrl(env: AwsConnection['env']): void {
  for (const name of endpoints) {
    const value = env[name] ?? '';
    if (value === '' || (/^https?:\/\//i.test(value) && URL.canParse(value))) continue;
    throw new PkiError('usage', `${name} ${JSON.stringify(value)} is not the URL of a server`, {
      hint: 'for example https://127.0.0.1:4566',
    });
  }
}

/**
 * Settings of every client: the standard retries, a few more of them, and a bound for each call.
 * @param attempts 1 where a call that may have been done must not be done twice
 */
export const clientSettings = (
  options: AwsConnection,
  region: string | undefined,
  attempts?: number,
): {
  maxAttempts: number;
  retryMode: string;
  requestHandler: object;
  region?: string;
  credentials?: NonNullable<ReturnType<typeof credentialProcess>>;
} => {
  refuseNoUrl(options.env);
  refuseNoProfile(options.env);
  const credentials = credentialProcess(options);
  return {
    maxAttempts: attempts ?? (Number(options.env['AWS_MAX_ATTEMPTS']) || 8),
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: options.timeout,
      socketTimeout: options.timeout,
      httpsAgent: new TunnelAgent(options.env, options.timeout),
    },
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
  };
};

/**
 * Sees to the manners of every attempt, retries included: its turn comes, and credentials that live long do not cross
 * a network in the clear.
 * @param paces by operation; those that are not listed go as they come
 */
export function watchAttempts(
  client: object,
  options: AwsConnection,
  paces: Readonly<Record<string, Pace>>,
): void {
  let named = '';
  const { config, middlewareStack } = client as AwsClient;
  middlewareStack.addRelativeTo(
    (next, { commandName = '' }) =>
      async (args) => {
        const { protocol, hostname, port } = args.request as HttpRequest;
        if (!isOfAws(hostname) && named !== hostname) {
          named = hostname;
          const place = port === undefined ? hostname : `${hostname}:${port}`;
          options.say(`speaking to ${protocol}//${place}, which is not AWS`);
        }
        if (protocol === 'http:' && !isLoopback(hostname)) await refuseLongLivedKeys(config, hostname);
        await paces[commandName.replace(/Command$/, '')]?.turn(options.signal);
        // What is not sent is in no doubt.
        options.signal.throwIfAborted();
        const { clock } = options;
        const answer = clock ? clock.hear(() => next(args)) : next(args);
        return answer.catch(judgeForRetries);
      },
    { name: 'certwrightManners', relation: 'after', toMiddleware: 'retryMiddleware' },
  );
}

/**
 * Mends what the SDK makes of two errors: a quota that is used up, which it takes for throttling and asks for again and
 * again; and an error page in HTML, which it takes for a mistake of its own and does not try again.
 */
function judgeForRetries(error: unknown): never {
  if (error instanceof Error && error.name === 'LimitExceededException') throw new Final(error);
  if (error instanceof SyntaxError) {
    const { $response } = error as SyntaxError & { $response?: { statusCode?: number } };
    Object.assign(error, { $metadata: { httpStatusCode: $response?.statusCode } });
  }
  throw error;
}

const isOfAws = (hostname: string): boolean => /(^|\.)amazonaws\.com(\.cn)?$|(^|\.)api\.aws$/.test(hostname);
const isLoopback = (hostname: string): boolean => /^(localhost|127\.[\d.]+|\[?::1\]?)$/.test(hostname);

async function refuseLongLivedKeys(config: AwsClient['config'], hostname: string): Promise<void> {
  const { accessKeyId } = await config.credentials();
  if (!accessKeyId.startsWith('AKIA')) return;
  throw new PkiError('usage', `a long-lived AWS key would be used over plain http with ${hostname}`, {
    hint: 'use https, an endpoint on this machine, or temporary credentials',
  });
}
