import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { probe, type Connection, type ProbeOrder } from '../../../src/pki/tls/probe.ts';
import { authority, issue } from '../../support/chains.ts';
import { listen, pairOf, pemOf, tcpServer, tlsServer } from '../../support/tls-server.ts';

const now = Date.now();
const valid = { notBefore: new Date(now - 86_400_000), notAfter: new Date(now + 86_400_000) };
const root = authority('Root', undefined, valid);
const issuing = authority('Issuing', root, valid);
const server = pairOf(issue('localhost', issuing, valid), issuing);
const client = pairOf(issue('client.internal', issuing, valid), issuing);
const stranger = pairOf(issue('client.internal', authority('Other', undefined, valid), valid));
const required = { ...pemOf(server), ca: [pemOf(pairOf(root)).cert], requestCert: true };

const run = (
  port: number,
  changes: Partial<ProbeOrder> = {},
  signal = new AbortController().signal,
): Promise<Connection> =>
  probe(
    {
      endpoint: { host: '127.0.0.1', port },
      servername: 'localhost',
      proxy: undefined,
      startTls: undefined,
      timeout: 10_000,
      alpn: [],
      version: undefined,
      pair: client,
      application: 'http',
      ...changes,
    },
    signal,
  );

const suites = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

describe('what a server shows', () => {
  it.each(suites)('TLS 1.3 with %s: chain, CAs and the alert after the handshake', async (ciphers) => {
    const port = await listen(tlsServer({ ...required, ciphers, rejectUnauthorized: true }));
    const accepted = await run(port);
    expect(accepted.outcome).toMatchObject({ kind: 'accepted', answer: { kind: 'http', status: 200 } });
    expect(accepted.server).toMatchObject({ protocol: 'TLSv1.3', cipher: ciphers, group: 'x25519' });
    expect(accepted.server?.chain).toEqual(server.chain);
    expect(accepted.server?.request?.authorities).toEqual([root.certificate.subject]);
    expect(accepted.server?.request?.signatureSchemes).toContain(0x0403);

    const refused = await run(port, { pair: stranger });
    expect(refused.outcome).toMatchObject({ kind: 'refused', when: 'after' });
  });

  it('TLS 1.2: chain, CAs and the group, in the clear', async () => {
    const port = await listen(tlsServer({ ...required, rejectUnauthorized: false }));
    const { server: facts, outcome } = await run(port, { version: '1.2' });
    expect(outcome).toMatchObject({ kind: 'accepted' });
    expect(facts).toMatchObject({ protocol: 'TLSv1.2', group: 'x25519' });
    expect(facts?.chain).toEqual(server.chain);
    expect(facts?.request?.authorities).toEqual([root.certificate.subject]);
  });

  it.each(['1.2', '1.3'] as const)('TLS %s: no request where none is made', async (version) => {
    const port = await listen(tlsServer(pemOf(server)));
    expect((await run(port, { version })).server?.request).toBeUndefined();
  });

  it.each(['1.2', '1.3'] as const)('TLS %s: the stapled OCSP response', async (version) => {
    const staple = Buffer.from('30030a0106', 'hex');
    const one = tlsServer(pemOf(server));
    one.on('OCSPRequest', (_certificate, _issuer, answer) => answer(null, staple));
    expect((await run(await listen(one), { version })).server?.ocsp).toEqual(staple);
  });

  it('the protocol agreed on by ALPN, and the refusal where there is none', async () => {
    const port = await listen(tlsServer({ ...pemOf(server), ALPNProtocols: ['http/1.1'] }));
    expect((await run(port, { alpn: ['h2', 'http/1.1'] })).server?.alpn).toBe('http/1.1');
    expect((await run(port, { alpn: ['imap'] })).outcome).toMatchObject({
      kind: 'refused',
      by: 'alert',
      alert: { number: 120, name: 'no_application_protocol' },
    });
  });

  it('a server that knows only another version', async () => {
    const port = await listen(tlsServer({ ...pemOf(server), minVersion: 'TLSv1.3' }));
    expect((await run(port, { version: '1.2' })).outcome).toMatchObject({
      kind: 'refused',
      when: 'handshake',
      alert: { number: 70, name: 'protocol_version' },
    });
  });

  it('over IPv6', async () => {
    const port = await listen(tlsServer(pemOf(server)), '::1');
    const { outcome, address } = await run(port, { endpoint: { host: '::1', port } });
    expect({ kind: outcome.kind, address }).toEqual({ kind: 'accepted', address: '::1' });
  });

  it('a status over HTTP/2', async () => {
    const { createSecureServer } = await import('node:http2');
    const http2 = createSecureServer(pemOf(server), (_request, response) => {
      response.writeHead(403);
      response.end();
    });
    const port = await listen(http2);
    expect((await run(port, { alpn: ['h2'] })).outcome).toMatchObject({
      kind: 'accepted',
      answer: { kind: 'http', status: 403 },
    });
  });
});

describe('what is sent behind the handshake', () => {
  it('bytes that are no HTTP prove as much', async () => {
    const port = await listen(tlsServer(required, (socket) => socket.write('220 ready\r\n')));
    expect((await run(port)).outcome).toMatchObject({ answer: { kind: 'bytes', first: '220 ready\r\n' } });
  });

  it('silence is said', async () => {
    const port = await listen(tlsServer(pemOf(server), () => undefined));
    expect((await run(port, { timeout: 2000 })).outcome).toEqual({
      kind: 'accepted',
      answer: { kind: 'silence' },
    });
  });

  it('without an application, a moment of silence is acceptance', async () => {
    const port = await listen(tlsServer(pemOf(server), () => undefined));
    expect((await run(port, { application: 'none' })).outcome).toEqual({
      kind: 'accepted',
      answer: { kind: 'not-probed' },
    });
  });

  it.each(['http', 'none'] as const)('a close in silence is a refusal (%s)', async (application) => {
    const port = await listen(tlsServer(required, (socket) => socket.end()));
    expect((await run(port, { application })).outcome).toEqual({
      kind: 'refused',
      by: 'close',
      when: 'after',
    });
  });

  it('so is a reset', async () => {
    const inner = await listen(tlsServer(required));
    let flights = 0;
    const relay = tcpServer((socket) => {
      const upstream = connect(inner, '127.0.0.1');
      upstream.on('error', () => undefined).pipe(socket);
      socket.once('close', () => upstream.destroy());
      // ClientHello, the client's Finished, the request.
      socket.on('data', (chunk) => {
        flights += 1;
        if (flights < 3) upstream.write(chunk);
        else socket.resetAndDestroy();
      });
    });
    const { outcome } = await run(await listen(relay), { version: '1.2' });
    expect(outcome).toEqual({ kind: 'refused', by: 'reset', when: 'after' });
  });
});

describe('somebody else is there', () => {
  const garbage = (bytes: string | Buffer) => listen(tcpServer((socket) => void socket.end(bytes)));

  it('speaks another protocol', async () => {
    const { outcome } = await run(await garbage('SSH-2.0-OpenSSH_9.2\r\n'));
    expect(outcome).toMatchObject({ kind: 'broken', message: expect.stringContaining('SSH-2.0') as string });
  });

  it('closes at once', async () => {
    const { outcome } = await run(await listen(tcpServer((socket) => socket.destroy())));
    expect(outcome).toMatchObject({ kind: 'refused', when: 'handshake' });
  });

  it('closes after the first record', async () => {
    const port = await listen(tcpServer((socket) => socket.once('data', () => socket.end())));
    expect((await run(port)).outcome).toEqual({ kind: 'refused', by: 'close', when: 'handshake' });
  });

  it('says nothing', async () => {
    const { outcome } = await run(await listen(tcpServer(() => undefined)), { timeout: 1000 });
    expect(outcome).toMatchObject({ kind: 'unreachable', phase: 'handshake', timedOut: true });
  });

  it('does not listen', async () => {
    const one = tcpServer(() => undefined);
    const port = await listen(one);
    one.close();
    await once(one, 'close');
    expect((await run(port)).outcome).toMatchObject({
      kind: 'unreachable',
      phase: 'connect',
      timedOut: false,
    });
  });

  it('a byte now and then: the whole handshake has one time limit', async () => {
    const port = await listen(
      tcpServer((socket) => {
        // The head of the longest record that there may be.
        socket.write(Buffer.from([22, 3, 3, 0x40, 0]));
        const timer = setInterval(() => socket.write(Buffer.from([2])), 20);
        socket.once('close', () => clearInterval(timer));
      }),
    );
    const { outcome } = await run(port, { timeout: 1000 });
    expect(outcome).toMatchObject({ kind: 'unreachable', phase: 'handshake', timedOut: true });
  });

  it('a relay that closes after each number of bytes of a good server', async () => {
    const inner = await listen(tlsServer(required));
    for (const count of [1, 5, 40, 200, 900, 1300]) {
      const relay = await listen(
        tcpServer((socket) => {
          let left = count;
          const upstream = connect(inner, '127.0.0.1');
          upstream.on('error', () => undefined);
          socket.on('data', (chunk) => upstream.write(chunk));
          socket.once('close', () => upstream.destroy());
          upstream.on('data', (chunk: Buffer) => {
            socket.write(chunk.subarray(0, left));
            left -= chunk.length;
            if (left <= 0) socket.end();
          });
        }),
      );
      const { outcome } = await run(relay);
      expect({ count, kind: outcome.kind }).toEqual({ count, kind: 'refused' });
    }
  });

  it.each(['1.2', '1.3'] as const)('a chain longer than any real one, TLS %s', async (version) => {
    const many = Array.from({ length: 600 }, () => root);
    const port = await listen(
      tlsServer(pemOf({ ...server, chain: [...server.chain, ...pairOf(root, ...many).chain] })),
    );
    const { outcome } = await run(port, { version });
    expect(outcome).toMatchObject({
      kind: 'broken',
      message: expect.stringMatching(/^the server announces a message of \d{6} bytes/) as string,
    });
  });

  it('ends at once when it is interrupted', async () => {
    const controller = new AbortController();
    const port = await listen(tcpServer(() => controller.abort(new Error('interrupted'))));
    const order = { pair: undefined, application: 'http' } as const;
    const work = run(port, order, controller.signal);
    await expect(work).rejects.toThrow('interrupted');
  });

  it('a certificate message of 64 MiB is not read, nor kept', async () => {
    const length = 16 * 1024 * 1024 - 1;
    const hello = Buffer.concat([
      Buffer.from([2, 0, 0, 38, 3, 3]),
      Buffer.alloc(32, 7),
      Buffer.from([0, 0xc0, 0x2b, 0]),
    ]);
    const record = (body: Buffer): Buffer =>
      Buffer.concat([Buffer.from([22, 3, 3, body.length >> 8, body.length & 255]), body]);
    const head = Buffer.from([11, 0xff, 0xff, 0xff]);
    const filler = record(Buffer.alloc(16_384));
    let sent = 0;
    const port = await listen(
      tcpServer((socket) => {
        socket.write(Buffer.concat([record(hello), record(head)]));
        const pump = (): void => {
          while (sent < 4 * length && !socket.destroyed) {
            sent += filler.length;
            if (!socket.write(filler)) return void socket.once('drain', pump);
          }
        };
        pump();
      }),
    );
    const before = process.memoryUsage().rss;
    const { outcome } = await run(port, { version: '1.2' });
    expect(outcome).toMatchObject({
      kind: 'broken',
      message: expect.stringContaining(`${length} bytes`) as string,
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });
});
