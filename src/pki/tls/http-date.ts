import { request } from 'node:https';
import type { Endpoint } from '../endpoint.ts';
import { privateKeyPem } from '../x509/key.ts';
import { certificatePem } from '../x509/pem-writer.ts';
import type { TlsPair } from './probe.ts';

/**
 * The Date of what a server answers over HTTPS. Nobody vouches for it: whoever does not know what time it is cannot tell
 * whether a certificate is valid.
 * @param timeout in milliseconds, for all of it
 * @returns `undefined` where it does not tell
 */
export function httpDate(
  { host, port }: Endpoint,
  servername: string,
  pair: TlsPair | undefined,
  timeout: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((tell) => {
    // AbortSignal.timeout() within AbortSignal.any() may be collected before it fires, and nobody would wait for less than for ever
    // (https://github.com/nodejs/node/issues/57736).
    const timer = setTimeout(() => asking.destroy(), timeout);
    const done = (date: string | undefined): void => {
      clearTimeout(timer);
      tell(date);
    };
    const asking = request({
      ...{ host, port, servername, method: 'HEAD', path: '/', agent: false, rejectUnauthorized: false },
      ...(pair && { cert: pair.chain.map(certificatePem).join(''), key: privateKeyPem(pair.key) }),
      signal,
    });
    asking.once('response', (response) => {
      done(response.headers.date);
      response.destroy();
    });
    asking.once('close', () => {
      done(undefined);
    });
    asking.on('error', () => undefined);
    asking.end();
  });
}
