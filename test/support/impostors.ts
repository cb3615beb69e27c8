import { connect, type Server } from 'node:net';
import type { Entity } from './chains.ts';
import { tcpServer } from './tls-server.ts';

/* Servers that send a certificate and never prove to hold its key. */

const prefixed = (size: number, content: Buffer): Buffer => {
  const length = Buffer.alloc(size);
  length.writeUIntBE(content.length, 0, size);
  return Buffer.concat([length, content]);
};

const handshake = (type: number, body: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type]), prefixed(3, body)]);

/** Answers any hello with a ServerHello of that version and a certificate, and hangs up. */
export function sendsAndCloses(version: 0x0302 | 0x0303, ...chain: readonly Entity[]): Server {
  const wire = Buffer.from([version >> 8, version & 0xff]);
  // A random, no session, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, no compression.
  const hello = handshake(2, Buffer.concat([wire, Buffer.alloc(32, 7), Buffer.from('00c00900', 'hex')]));
  const certificates = Buffer.concat(chain.map(({ certificate }) => prefixed(3, certificate.der)));
  const flight = Buffer.concat([hello, handshake(11, prefixed(3, certificates))]);
  const record = Buffer.concat([Buffer.from([22]), wire, prefixed(2, flight)]);
  return tcpServer((socket) => socket.once('data', () => socket.end(record)));
}

/** Stands before a server of TLS 1.2, spoils its signature, and claims that the server refuses the client. */
export function spoilsSignature(port: number): Server {
  const refusal = Buffer.from('15030300020228', 'hex');
  return tcpServer((socket) => {
    const behind = connect(port, '127.0.0.1');
    behind.on('error', () => socket.destroy());
    behind.on('data', (chunk) => {
      for (let at = 0; at + 5 < chunk.length; at += 5 + chunk.readUInt16BE(at + 3)) {
        const end = at + 5 + chunk.readUInt16BE(at + 3);
        if (chunk[at] === 22 && chunk[at + 5] === 12) chunk[end - 1] = (chunk[end - 1] ?? 0) ^ 1;
      }
      socket.write(Buffer.concat([chunk, refusal]));
    });
    socket.on('data', (chunk) => behind.write(chunk));
    socket.once('close', () => behind.destroy());
  });
}
