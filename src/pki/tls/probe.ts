import type { KeyObject } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import {
  connect,
  createSecureContext,
  DEFAULT_CIPHERS,
  type ConnectionOptions,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { PkiError } from '../errors.ts';
import { privateKeyPem } from '../x509/key.ts';
import { certificatePem } from '../x509/pem-writer.ts';
import { Course, type Agreed } from './course.ts';
import { dial, type Route } from './dial.ts';
import { ConnectionFailure } from './failure.ts';
import type { CertificateRequest } from './handshake-message.ts';
import { failedHandshake, opensslWords, outcomeOf, type Outcome } from './outcome.ts';
import { prove, type Proof } from './prove.ts';
import { groupName } from './registry-names.ts';
import { Tap } from './tap.ts';
import { Transcript } from './transcript.ts';

/** What a side of a connection presents: its certificate first, then what it sends along (DER). */
export interface TlsPair {
  chain: readonly Buffer[];
  key: KeyObject;
}

export const tlsVersions = ['1.2', '1.3'] as const;
export type TlsVersion = (typeof tlsVersions)[number];

export interface ProbeOrder extends Route {
  /** Name of the server: for SNI (unless it is an address) and the Host field. */
  servername: string;
  alpn: readonly string[];
  /** Only this version; without it, the better one that both know. */
  version: TlsVersion | undefined;
  pair: TlsPair | undefined;
  /** Presents a pair whose key or signature OpenSSL would call too weak. */
  weak?: boolean;
  application: Proof['application'];
  path?: Proof['path'];
}

/** What a server showed; whatever did not come to pass is `undefined`. */
export interface ServerFacts {
  /** `TLSv1.2` or `TLSv1.3` */
  protocol: string | undefined;
  /** IANA's name of the cipher suite. */
  cipher: string | undefined;
  /** Name of the key exchange's group. */
  group: string | undefined;
  alpn: string | undefined;
  /** DER, in the order in which they were sent. */
  chain: readonly Buffer[];
  /** Encoded OCSPResponse. */
  ocsp: Buffer | undefined;
  /** It asked for a client certificate. */
  request: CertificateRequest | undefined;
}

export interface Connection {
  server: ServerFacts | undefined;
  outcome: Outcome;
  /** The server has proven to hold the key of its certificate: anybody can send that. */
  proven: boolean;
  /** The certificate that was sent (DER): OpenSSL sends none where the server can verify no signature of its key. */
  shown: Buffer | undefined;
  /** Address that was connected to (the proxy's, where there is one). */
  address: string | undefined;
}

/**
 * One connection to a server, from the first packet to its answer. Whatever the server does is a result.
 * @throws PkiError `bad-input` where OpenSSL cannot use the pair; the signal's reason where it is aborted.
 */
export async function probe(order: ProbeOrder, signal: AbortSignal): Promise<Connection> {
  const secureContext = contextFor(order);
  let socket: Socket;
  try {
    socket = await dial(order, signal);
  } catch (error) {
    if (!(error instanceof ConnectionFailure)) throw error;
    return {
      server: undefined,
      outcome: outcomeOf(error),
      proven: false,
      shown: undefined,
      address: undefined,
    };
  }
  const address = socket.remoteAddress;
  try {
    return { ...(await talk(socket, order, secureContext)), address };
  } finally {
    socket.destroy();
    signal.throwIfAborted();
  }
}

function contextFor({ pair, version, weak = false }: ProbeOrder): SecureContext {
  const only = version === undefined ? undefined : (`TLSv${version}` as const);
  try {
    return createSecureContext({
      minVersion: only ?? 'TLSv1.2',
      maxVersion: only ?? 'TLSv1.3',
      // The verdict on the server is ours; and from roots that it holds, OpenSSL would complete the chain that it sends.
      ca: [],
      ...(weak ? { ciphers: `${DEFAULT_CIPHERS}:@SECLEVEL=0` } : {}),
      ...(pair ? { cert: pair.chain.map(certificatePem).join(''), key: privateKeyPem(pair.key) } : {}),
    });
  } catch (cause) {
    throw new PkiError('bad-input', `OpenSSL cannot use the client's pair: ${opensslWords(cause)}`, {
      cause,
    });
  }
}

async function talk(
  socket: Socket,
  order: ProbeOrder,
  secureContext: SecureContext,
): Promise<Omit<Connection, 'address'>> {
  const transcript = new Transcript();
  const own = new Transcript('CLIENT');
  const started = performance.now();
  const tap = new Tap(
    socket,
    (chunk) => transcript.receive(chunk),
    (chunk) => {
      own.hello = transcript.hello;
      if (!own.finished) own.receive(chunk);
    },
  );
  const options: ConnectionOptions & { requestOCSP: boolean } = {
    socket: tap,
    secureContext,
    rejectUnauthorized: false,
    requestOCSP: true,
    ...(isIP(order.servername) === 0 ? { servername: order.servername } : {}),
    ...(order.alpn.length > 0 ? { ALPNProtocols: [...order.alpn] } : {}),
  };
  const tls = connect(options);
  const course = new Course(tls);
  tls.on('keylog', (line: Buffer) => {
    for (const side of [transcript, own]) side.learn(line.toString('latin1'));
  });
  tls.on('error', () => undefined);
  try {
    const failure = await handshake(tls, order.timeout);
    const outcome = failure
      ? failedHandshake(failure, transcript)
      : await prove(tls, tap, transcript, course, order, performance.now() - started);
    // A server of TLS 1.2 refuses before the end, but after the client has verified its signature and gone on.
    const proven = course.agreed !== undefined || (transcript.hasKeyExchange && own.sealed);
    return { server: factsOf(transcript, course.agreed), outcome, proven, shown: own.chain[0] };
  } finally {
    tls.destroy();
  }
}

/** Resolves with what ended it, or with nothing where it was finished. */
function handshake(tls: TLSSocket, timeout: number): Promise<Error | undefined> {
  return new Promise((done) => {
    const timer = setTimeout(() => {
      done(
        new ConnectionFailure('handshake', `the handshake was not done within ${timeout / 1000} s`, {
          timedOut: true,
        }),
      );
    }, timeout);
    const end = (failure?: Error): void => {
      clearTimeout(timer);
      done(failure);
    };
    tls.once('secureConnect', () => end());
    tls.once('error', end);
    tls.once('close', () => end(new Error('the connection was closed')));
  });
}

/** Older ones are refused, and newer ones say 1.2 here. */
const protocols: Readonly<Record<number, string>> = { 0x0303: 'TLSv1.2' };

function factsOf(transcript: Transcript, agreed: Agreed | undefined): ServerFacts {
  const { hello, group, chain, ocsp, request } = transcript;
  return {
    protocol: hello && (hello.tls13 ? 'TLSv1.3' : protocols[hello.version]),
    cipher: agreed?.cipher,
    group: group === undefined ? undefined : groupName(group),
    alpn: agreed?.alpn,
    chain,
    ocsp,
    request,
  };
}
