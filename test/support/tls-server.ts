import { once } from 'node:events';
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import { privateKeyPem } from '../../src/pki/x509/key.ts';
import { certificatePem } from '../../src/pki/x509/pem-writer.ts';
import type { TlsPair } from '../../src/pki/tls/probe.ts';
import type { Entity } from './chains.ts';

/** PEM of a pair, as Node.js wants it. */
export const pemOf = ({ chain, key }: TlsPair): { cert: string; key: string } => ({
  cert: chain.map(certificatePem).join(''),
  key: privateKeyPem(key),
});

/** The certificate, then those it sends along. */
export const pairOf = (leaf: Entity, ...others: readonly Entity[]): TlsPair => ({
  chain: [leaf, ...others].map(({ certificate }) => certificate.der),
  key: leaf.key,
});

/** Listens on a free port of the loopback until the test ends. */
export async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => open.delete(socket));
  });
  server.listen(0, host);
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const page = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n';

/** A server that answers every request with 200. */
export function tlsServer(
  options: TlsOptions,
  onSecure: (socket: TLSSocket) => void = answerOk,
): ReturnType<typeof createServer> {
  // Newer versions of Node.js prefer newer groups.
  const server = createServer({ ecdhCurve: 'X25519:P-256', ...options }, (socket) => {
    socket.on('error', () => undefined);
    onSecure(socket);
  });
  server.on('tlsClientError', () => undefined);
  return server;
}

function answerOk(socket: TLSSocket): void {
  socket.once('data', () => socket.end(page));
}

/** A server that speaks no TLS of its own accord. */
export const tcpServer = (onConnection: (socket: Socket) => void): Server => createTcpServer(onConnection);
