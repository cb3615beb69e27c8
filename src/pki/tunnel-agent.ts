import { request, type IncomingMessage } from 'node:http';
import { Agent, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { proxyAuthorization, proxyFor, type Proxy } from './proxy-environment.ts';

/** The code of errors that say that there is no connection through a proxy. */
export const noTunnel = 'ERR_NO_TUNNEL';

type Done = (error: Error | null, socket?: Duplex) => void;

/**
 * Connections over https, through the proxy that the environment names for a host (HTTPS_PROXY, NO_PROXY). The SDK knows
 * nothing of proxies, and of Node.js only versions that are newer than the oldest supported one do.
 */
export class TunnelAgent extends Agent {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #timeout: number;

  /** @param timeout milliseconds until the proxy must have answered */
  constructor(env: Readonly<Record<string, string | undefined>>, timeout: number) {
    super({ keepAlive: true, maxSockets: 50 });
    this.#env = env;
    this.#timeout = timeout;
  }

  override createConnection(options: RequestOptions, done: Done): Duplex | null | undefined {
    const target = { host: options.host ?? options.hostname ?? '', port: Number(options.port ?? 443) };
    let proxy: Proxy | undefined;
    try {
      proxy = proxyFor(target, undefined, this.#env);
    } catch (error) {
      done(error as Error);
      return undefined;
    }
    if (!proxy) return super.createConnection(options, done);
    const { host, port } = target;
    const place = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    this.#tunnel(place, proxy, (error, socket) => {
      if (error || !socket) done(error ?? new Error('the proxy opened no tunnel'));
      else done(null, connect({ ...(options as object), socket, servername: options.servername ?? host }));
    });
    return undefined;
  }

  /** CONNECT (RFC 9110 9.3.6). */
  #tunnel(place: string, proxy: Proxy, done: (error: Error | undefined, socket?: Socket) => void): void {
    const { host, port } = proxy;
    const asking = request({
      host,
      port,
      method: 'CONNECT',
      path: place,
      agent: false,
      timeout: this.#timeout,
      headers: { Host: place, ...proxyAuthorization(proxy) },
    });
    const refuse = (why: string): void => {
      asking.destroy();
      done(tunnelError(`the proxy ${host}:${port} ${why}`));
    };
    asking.once('connect', ({ statusCode = 0 }: IncomingMessage, socket: Socket) => {
      if (statusCode >= 200 && statusCode < 300) done(undefined, socket);
      else refuse(`refuses the tunnel to ${place}: ${statusCode}`);
    });
    asking.once('response', ({ statusCode = 0 }: IncomingMessage) => {
      refuse(`refuses the tunnel to ${place}: ${statusCode}`);
    });
    asking.once('timeout', () => {
      refuse('does not answer');
    });
    asking.on('error', (cause) => {
      done(tunnelError(`the proxy ${host}:${port} cannot be reached: ${cause.message}`, cause));
    });
    asking.end();
  }
}

const tunnelError = (message: string, cause?: Error): Error =>
  Object.assign(new Error(message, { cause }), { code: noTunnel });
