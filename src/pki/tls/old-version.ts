import { randomBytes } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { isFatal } from './alert.ts';
import { dial, type Route } from './dial.ts';
import { ConnectionFailure, within } from './failure.ts';
import { failedHandshake, outcomeOf, type Outcome } from './outcome.ts';
import { contentType } from './record.ts';
import { Transcript } from './transcript.ts';

/** Versions that RFC 8996 deprecates, by their numbers on the wire. */
const numbers = { '1.0': 0x0301, '1.1': 0x0302 } as const;
export type OldVersion = keyof typeof numbers;

export interface OldVersionOrder extends Route {
  servername: string;
  alpn: readonly string[];
}

/** `spoken`: the server took the version up in its ServerHello, whatever would have come of the rest. */
export type OldVersionOutcome = Outcome | { kind: 'spoken' };

/**
 * Offers a server one old version and no other. The hello is written by hand and the connection ends with its answer: the
 * OpenSSL beneath Node.js may have been built or told not to speak these versions, and would then prove nothing.
 */
export async function offerOldVersion(
  order: OldVersionOrder,
  version: OldVersion,
  signal: AbortSignal,
): Promise<OldVersionOutcome> {
  let socket: Socket;
  try {
    socket = await dial(order, signal);
  } catch (error) {
    if (error instanceof ConnectionFailure) return outcomeOf(error);
    throw error;
  }
  const transcript = new Transcript();
  try {
    socket.write(clientHello(numbers[version], order));
    const failure = await within('handshake', order.timeout, answered(socket, transcript));
    if (transcript.hello?.version === numbers[version]) return { kind: 'spoken' };
    return failedHandshake(failure ?? new Error('the connection was closed'), transcript);
  } catch (error) {
    if (error instanceof ConnectionFailure) return outcomeOf(error);
    throw error;
  } finally {
    socket.destroy();
    signal.throwIfAborted();
  }
}

/** Resolves once the server has said what it does about the hello, or has hung up: with what broke the connection. */
function answered(socket: Socket, transcript: Transcript): Promise<Error | undefined> {
  return new Promise((done) => {
    socket.on('data', (chunk: Buffer) => {
      transcript.receive(chunk);
      const { hello, alerts, foreign, oversized } = transcript;
      if (hello || alerts.some((one) => isFatal(one, false)) || foreign || oversized) done(undefined);
    });
    socket.once('error', done);
    socket.once('end', () => done(undefined));
    socket.once('close', () => done(undefined));
    socket.resume();
  });
}

/** Ephemeral and static keys, AES and 3DES: what implementations of these versions have in common (RFC 5246 A.5, RFC 8422). */
const cipherSuites = [
  0xc009, 0xc00a, 0xc013, 0xc014, 0x0033, 0x0039, 0x002f, 0x0035, 0xc008, 0xc012, 0x000a,
  // Secure renegotiation is meant (RFC 5746 3.3).
  0x00ff,
];

/** secp256r1, secp384r1, secp521r1, x25519. */
const groups = [23, 24, 25, 29];

/** ClientHello in a record of its own (RFC 4346 7.4.1.2, RFC 6066 section 3, RFC 8422 5.1, RFC 7301 3.1). */
function clientHello(version: number, { servername, alpn }: OldVersionOrder): Buffer {
  const name = vector(2, Buffer.concat([Buffer.from([0]), vector(2, Buffer.from(servername, 'latin1'))]));
  const protocols = alpn.map((protocol) => vector(1, Buffer.from(protocol, 'utf8')));
  const extensions = [
    ...(isIP(servername) === 0 ? [extension(0, name)] : []),
    extension(10, vector(2, words(groups))),
    extension(11, vector(1, Buffer.from([0]))),
    ...(protocols.length > 0 ? [extension(16, vector(2, Buffer.concat(protocols)))] : []),
  ];
  const body = Buffer.concat([
    words([version]),
    randomBytes(32),
    vector(1, Buffer.alloc(0)),
    vector(2, words(cipherSuites)),
    vector(1, Buffer.from([0])),
    vector(2, Buffer.concat(extensions)),
  ]);
  const message = Buffer.concat([Buffer.from([1]), vector(3, body)]);
  return Buffer.concat([Buffer.from([contentType.handshake]), words([0x0301]), vector(2, message)]);
}

const extension = (type: number, value: Buffer): Buffer => Buffer.concat([words([type]), vector(2, value)]);

const words = (numbersOfTwo: readonly number[]): Buffer =>
  Buffer.from(numbersOfTwo.flatMap((number) => [number >> 8, number & 0xff]));

/** Content with its length in front. */
function vector(size: 1 | 2 | 3, content: Buffer): Buffer {
  const length = Buffer.alloc(size);
  length.writeUIntBE(content.length, 0, size);
  return Buffer.concat([length, content]);
}
