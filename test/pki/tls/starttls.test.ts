import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { probe, type Connection } from '../../../src/pki/tls/probe.ts';
import { startTlsProtocols, type StartTls } from '../../../src/pki/tls/starttls.ts';
import { authority, issue } from '../../support/chains.ts';
import { listen, pairOf, pemOf, tcpServer } from '../../support/tls-server.ts';

const pair = pairOf(issue('localhost', authority('Root')));
const secureContext = createSecureContext(pemOf(pair));

/** What a server says first, then its answer to each thing it is told. */
type Script = readonly [greeting: string | Buffer, ...answers: (string | Buffer)[]];

const mysqlGreeting = (capabilities: number): Buffer => {
  const body = Buffer.concat([
    Buffer.from([10]),
    Buffer.from('8.0.36\0', 'latin1'),
    Buffer.alloc(13, 1),
    Buffer.from([capabilities & 255, capabilities >> 8]),
    Buffer.alloc(20),
  ]);
  return Buffer.concat([Buffer.from([body.length, 0, 0, 0]), body]);
};

const ldapAnswer = (code: number): Buffer =>
  Buffer.from([0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, code, 0x04, 0x00, 0x04, 0x00]);

const good: Readonly<Record<StartTls, Script>> = {
  smtp: ['220-mail\r\n220 ready\r\n', '250-mail\r\n250-SIZE 1\r\n250 STARTTLS\r\n', '220 go\r\n'],
  imap: ['* OK ready\r\n', '* CAPABILITY IMAP4rev2\r\na1 OK go\r\n'],
  pop3: ['+OK ready\r\n', '+OK go\r\n'],
  ftp: ['220 ready\r\n', '234 go\r\n'],
  ldap: ['', ldapAnswer(0)],
  postgres: ['', 'S'],
  mysql: [mysqlGreeting(0x0800), ''],
};

const bad: Readonly<Record<StartTls, [Script, RegExp]>> = {
  smtp: [['220 ready\r\n', '250 SIZE 1\r\n'], /does not offer STARTTLS/],
  imap: [['* OK ready\r\n', 'a1 NO not now\r\n'], /unexpected answer to STARTTLS: "a1 NO not now"/],
  pop3: [['+OK ready\r\n', '-ERR\r\n'], /unexpected answer to STLS/],
  ftp: [['220 ready\r\n', '502 no\r\n'], /unexpected answer to AUTH TLS/],
  ldap: [['', ldapAnswer(53)], /LDAP result code 53/],
  postgres: [['', 'N'], /has no TLS/],
  mysql: [[mysqlGreeting(0)], /has no TLS/],
};

async function serve([greeting, ...answers]: Script): Promise<number> {
  const converse = async (socket: Socket): Promise<void> => {
    if (greeting.length > 0) socket.write(greeting);
    for (const answer of answers) {
      // MySQL's client does not wait for an answer: what follows its 36 bytes is TLS.
      await once(socket, 'readable');
      socket.read(answer.length > 0 ? undefined : 36);
      if (answer.length > 0) socket.write(answer);
    }
    const tls = new TLSSocket(socket, { isServer: true, secureContext });
    tls.on('error', () => undefined).once('data', () => tls.end('done\r\n'));
  };
  return listen(tcpServer((socket) => void converse(socket)));
}

const run = (port: number, startTls: StartTls, timeout = 5000): Promise<Connection> =>
  probe(
    {
      endpoint: { host: '127.0.0.1', port },
      servername: 'localhost',
      proxy: undefined,
      startTls,
      timeout,
      alpn: [],
      version: undefined,
      pair: undefined,
      application: 'http',
    },
    new AbortController().signal,
  );

describe('STARTTLS', () => {
  it.each(startTlsProtocols)('%s', async (protocol) => {
    const { outcome, server } = await run(await serve(good[protocol]), protocol);
    expect(outcome).toMatchObject({ kind: 'accepted', answer: { kind: 'bytes', first: 'done\r\n' } });
    expect(server?.chain).toEqual(pair.chain);
  });

  it.each(startTlsProtocols)('%s without TLS is said in its words', async (protocol) => {
    const [script, message] = bad[protocol];
    const { outcome } = await run(await serve(script), protocol);
    expect(outcome).toMatchObject({ kind: 'broken', phase: 'starttls' });
    expect(outcome).toHaveProperty('message', expect.stringMatching(message));
  });

  it('a server that closes, says nothing, or talks without end', async () => {
    const closing = await listen(tcpServer((socket) => socket.end('220 ready\r\n')));
    expect((await run(closing, 'smtp')).outcome).toMatchObject({ kind: 'broken', phase: 'starttls' });
    const silent = await listen(tcpServer(() => undefined));
    expect((await run(silent, 'smtp', 1000)).outcome).toMatchObject({
      kind: 'unreachable',
      phase: 'starttls',
      timedOut: true,
    });
    const endless = await listen(tcpServer((socket) => socket.write(Buffer.alloc(1_000_000, 0x61))));
    expect((await run(endless, 'smtp')).outcome).toMatchObject({
      kind: 'broken',
      message: 'the server talks on and on before TLS',
    });
  });

  it('words in clear behind the answer are not taken into the protected talk', async () => {
    const port = await serve(['+OK ready\r\n', '+OK go\r\n+OK injected\r\n']);
    expect((await run(port, 'pop3')).outcome).toMatchObject({
      kind: 'broken',
      message: expect.stringContaining('14 bytes more in clear') as string,
    });
  });
});
