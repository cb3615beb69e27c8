import type { Proxy } from '../proxy-environment.ts';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { foreignCode } from '../errors.ts';
import { ConnectionFailure, networkWords, within } from './failure.ts';
import { PlainTalk } from './plain-talk.ts';
import { openTunnel } from './proxy.ts';
import { startTls, type StartTls } from './starttls.ts';
import { endpointText, type Endpoint } from '../endpoint.ts';

export interface Route {
  endpoint: Endpoint;
  proxy: Proxy | undefined;
  startTls: StartTls | undefined;
  /** Milliseconds for each step. */
  timeout: number;
}

/**
 * A connection that is ready for TLS: through the proxy, behind STARTTLS.
 * @throws ConnectionFailure
 */
export async function dial(route: Route, signal: AbortSignal): Promise<Socket> {
  const { endpoint, proxy, timeout } = route;
  const { host, port } = proxy ?? endpoint;
  const socket = connect({ host, port, noDelay: true });
  const abort = (): void => void socket.destroy();
  signal.addEventListener('abort', abort, { once: true });
  socket.once('close', () => {
    signal.removeEventListener('abort', abort);
  });
  try {
    await blaming(proxy, within('connect', timeout, connected(socket, signal)));
    // An error between two listeners is nobody's and must not end the process.
    socket.on('error', () => undefined);
    if (proxy) {
      await within('proxy', timeout, openTunnel(endpoint, proxy, new PlainTalk(socket, 'proxy')));
    }
    if (route.startTls !== undefined) {
      await within('starttls', timeout, startTls(route.startTls, new PlainTalk(socket, 'starttls')));
    }
    return socket;
  } catch (error) {
    socket.on('error', () => undefined);
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  }
}

async function connected(socket: Socket, signal: AbortSignal): Promise<void> {
  try {
    await once(socket, 'connect', { signal });
  } catch (error) {
    const code = foreignCode(error) ?? '';
    const phase = code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? 'resolve' : 'connect';
    throw new ConnectionFailure(phase, networkWords(error), { cause: error, timedOut: code === 'ETIMEDOUT' });
  }
}

/** Who cannot be reached is the proxy, where there is one: nothing is known of the target then. */
async function blaming(proxy: Proxy | undefined, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!proxy || !(error instanceof ConnectionFailure)) throw error;
    throw new ConnectionFailure(
      'proxy',
      `the proxy ${endpointText(proxy)} is unreachable: ${error.message}`,
      {
        cause: error,
        timedOut: error.timedOut,
      },
    );
  }
}
