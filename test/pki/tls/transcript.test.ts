import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alertInMessage, alertOf, alertText, isFatal } from '../../../src/pki/tls/alert.ts';
import { readEndpoint } from '../../../src/pki/endpoint.ts';
import { Tap } from '../../../src/pki/tls/tap.ts';
import { expandLabel } from '../../../src/pki/tls/traffic-key.ts';
import { Transcript } from '../../../src/pki/tls/transcript.ts';
import { authority, issue } from '../../support/chains.ts';
import { temporaryFolder } from '../../support/cli.ts';
import { pairOf, pemOf } from '../../support/tls-server.ts';
import { describeWith } from '../../support/tools.ts';

describe('the key schedule', () => {
  // RFC 8448 section 3, server handshake traffic secret and what is derived from it.
  const secret = Buffer.from('b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38', 'hex');

  it.each([
    ['key', 16, '3fce516009c21727d0f2e4e86ee403bc'],
    ['iv', 12, '5d313eb2671276ee13000b30'],
  ])('%s', (label, length, expected) => {
    expect(expandLabel('sha256', secret, label, length).toString('hex')).toBe(expected);
  });
});

describe('alerts', () => {
  it('have the names of RFC 8446', () => {
    expect([40, 42, 43, 44, 45, 46, 48, 116].map((number) => alertText(alertOf(number)))).toEqual([
      'handshake_failure (40)',
      'bad_certificate (42)',
      'unsupported_certificate (43)',
      'certificate_revoked (44)',
      'certificate_expired (45)',
      'certificate_unknown (46)',
      'unknown_ca (48)',
      'certificate_required (116)',
    ]);
    expect(alertText(alertOf(200))).toBe('unknown alert (200)');
  });

  it('are fatal by number in TLS 1.3 and by level before', () => {
    expect(isFatal(alertOf(0), true)).toBe(false);
    expect(isFatal(alertOf(48, 1), true)).toBe(true);
    expect(isFatal(alertOf(100, 1), false)).toBe(false);
    expect(isFatal(alertOf(48, 2), false)).toBe(true);
  });

  it('are found in the words of OpenSSL', () => {
    expect(
      alertInMessage('40:error:0A000418:SSL routines::tlsv1 alert unknown ca:SSL alert number 48\n'),
    ).toEqual(alertOf(48));
    expect(alertInMessage('wrong version number')).toBeUndefined();
  });
});

describe('targets', () => {
  it.each([
    ['localhost:443', 'localhost', 443],
    ['[::1]:8443', '::1', 8443],
    ['[fe80::1%eth0]:8443', 'fe80::1%eth0', 8443],
    ['tls://orders.internal:443/', 'orders.internal', 443],
    ['127.0.0.1:1', '127.0.0.1', 1],
  ])('%s', (text, host, port) => {
    expect(readEndpoint(text)).toEqual({ host, port });
  });

  it.each([
    'localhost',
    'localhost:',
    ':443',
    '::1:443',
    'a:0',
    'a:65536',
    '[1.2.3.4]:5',
    'C:\\x',
    'a b:1',
    'x/y:1',
  ])('%s is none', (text) => {
    expect(readEndpoint(text)).toBeUndefined();
  });
});

describe('a transcript', () => {
  it('of anything at all is bounded and never throws', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
        fc.boolean(),
        (chunks, framed) => {
          const transcript = new Transcript();
          for (const chunk of chunks) {
            const head = framed
              ? Buffer.from([20 + (chunk.length % 5), 3, 3, 0, chunk.length & 255])
              : Buffer.alloc(0);
            transcript.receive(Buffer.concat([head, framed ? chunk.subarray(0, chunk.length & 255) : chunk]));
          }
          transcript.learn('SERVER_HANDSHAKE_TRAFFIC_SECRET 00 11');
          transcript.learn('');
          expect(transcript.alerts.length).toBeLessThanOrEqual(16);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describeWith(['openssl'], 'key updates', () => {
  it('are followed, so that what comes later can be read', async () => {
    const folder = temporaryFolder();
    const { cert, key } = pemOf(pairOf(issue('localhost', authority('Root'))));
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 });
    const argv = ['s_server', '-accept', '127.0.0.1:0', '-cert', 'cert.pem', '-key', 'key.pem'];
    // No tickets: what comes behind the handshake is what it is told to send.
    const server = spawn('openssl', [...argv, '-tls1_3', '-num_tickets', '0'], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let shown = '';
    server.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString('latin1')));
    try {
      await expect.poll(() => shown).toMatch(/^ACCEPT .*:\d+$/m);
      const port = Number(/^ACCEPT .*:(\d+)$/m.exec(shown)?.[1]);
      const transcript = new Transcript();
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      const tls = connectTls({
        socket: new Tap(socket, (chunk) => transcript.receive(chunk)),
        rejectUnauthorized: false,
      });
      tls.on('keylog', (line: Buffer) => transcript.learn(line.toString('latin1')));
      await once(tls, 'secureConnect');
      tls.on('error', () => undefined);
      // It shows what it is sent only once the handshake is done for it too, and takes commands from then on.
      tls.write('hello\n');
      await expect.poll(() => shown).toMatch(/^hello$/m);
      for (const word of ['k', 'K', 'k']) {
        // s_server takes one command of each line that it reads; the update is a record of its own.
        const before = transcript.bytes;
        server.stdin.write(`${word}\n`);
        await expect.poll(() => transcript.bytes).toBeGreaterThan(before);
        server.stdin.write(`after ${word}\n`);
        const [text] = (await once(tls, 'data')) as [Buffer];
        expect(text.toString()).toContain(`after ${word}`);
      }
      // A record that nobody sealed: the server says so under its newest key.
      socket.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 32]), Buffer.alloc(32)]));
      tls.resume();
      await new Promise((done) => tls.once('close', done));
      expect(transcript.alerts).toEqual([alertOf(20)]);
    } finally {
      server.kill();
    }
  });
});
