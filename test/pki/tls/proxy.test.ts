import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { probe, type Connection } from '../../../src/pki/tls/probe.ts';
import { proxyFor, type Proxy } from '../../../src/pki/proxy-environment.ts';
import { authority, issue } from '../../support/chains.ts';
import { listen, pairOf, pemOf, tcpServer, tlsServer } from '../../support/tls-server.ts';

const target = { host: 'orders.corp.internal', port: 8443 };
const HTTPS_PROXY = 'http://proxy.internal:3128';

describe('which proxy', () => {
  it('the one asked for, else the one of the environment', () => {
    expect(proxyFor(target, undefined, {})).toBeUndefined();
    expect(proxyFor(target, undefined, { HTTPS_PROXY })).toMatchObject({
      host: 'proxy.internal',
      port: 3128,
    });
    expect(proxyFor(target, 'other:8080', { HTTPS_PROXY })).toMatchObject({ host: 'other', port: 8080 });
    expect(proxyFor(target, '', { HTTPS_PROXY })).toBeUndefined();
    expect(proxyFor(target, undefined, { https_proxy: 'http://u:p%40ss@[::1]' })).toEqual({
      host: '::1',
      port: 80,
      credentials: 'u:p@ss',
    });
  });

  it.each([
    ['*', true],
    ['corp.internal', true],
    ['.corp.internal', true],
    ['other, orders.corp.internal:8443', true],
    ['orders.corp.internal:443', false],
    ['ers.corp.internal', false],
    ['10.0.0.0/8', false],
  ])('NO_PROXY=%s', (NO_PROXY, exempt) => {
    expect(proxyFor(target, undefined, { HTTPS_PROXY, NO_PROXY }) === undefined).toBe(exempt);
  });

  it.each([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['::1', '::1', true],
    ['fd00::7', 'fd00::/8', true],
  ])('the address %s with NO_PROXY=%s', (host, NO_PROXY, exempt) => {
    expect(proxyFor({ host, port: 443 }, undefined, { HTTPS_PROXY, NO_PROXY }) === undefined).toBe(exempt);
  });

  it('keeps passwords out of argument lists and messages', () => {
    expect(() => proxyFor(target, 'http://u:secret@proxy', {})).toThrow(/would be seen by everybody/);
    expect(() => proxyFor(target, 'socks5://u:secret@proxy', {})).toThrow(
      /^--proxy names a proxy of kind socks5$/,
    );
    expect(() => proxyFor(target, undefined, { HTTPS_PROXY: 'http://u:secret@:1' })).toThrow(
      /^HTTPS_PROXY is no URL of a proxy$/,
    );
  });
});

describe('through a proxy', () => {
  const pair = pairOf(issue('localhost', authority('Root')));
  let asked = '';

  const proxyServer = (answer: string): Promise<number> =>
    listen(
      tcpServer((socket) => {
        socket.once('data', (chunk: Buffer) => {
          asked = chunk.toString('latin1');
          const port = Number(/CONNECT [^ ]*:(\d+) /.exec(asked)?.[1]);
          const upstream = connect(port, '127.0.0.1');
          upstream.on('error', () => undefined);
          socket.write(answer);
          socket.pipe(upstream).pipe(socket);
        });
      }),
    );
  const run = (port: number, proxy: Proxy): Promise<Connection> =>
    probe(
      {
        endpoint: { host: 'nowhere.invalid', port },
        servername: 'localhost',
        proxy,
        startTls: undefined,
        timeout: 5000,
        alpn: [],
        version: undefined,
        pair: undefined,
        application: 'http',
      },
      new AbortController().signal,
    );

  it('asks for a tunnel and leaves resolving to it', async () => {
    const inner = await listen(tlsServer(pemOf(pair)));
    const port = await proxyServer('HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n');
    const { outcome } = await run(inner, { host: '127.0.0.1', port, credentials: 'u:p' });
    expect(outcome).toMatchObject({ kind: 'accepted' });
    expect(asked).toBe(
      `CONNECT nowhere.invalid:${inner} HTTP/1.1\r\nHost: nowhere.invalid:${inner}\r\nProxy-Authorization: Basic dTpw\r\n\r\n`,
    );
  });

  it('says what the proxy said', async () => {
    const port = await proxyServer('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    const { outcome } = await run(1, { host: '127.0.0.1', port, credentials: undefined });
    expect(outcome).toMatchObject({
      kind: 'unreachable',
      phase: 'proxy',
      message: 'the proxy refuses the tunnel: "HTTP/1.1 407 Proxy Authentication Required"',
    });
  });
});
