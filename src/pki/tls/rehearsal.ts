import { once } from 'node:events';
import { Duplex } from 'node:stream';
import {
  checkServerIdentity,
  connect,
  createServer,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { foreignCode, PkiError } from '../errors.ts';
import { privateKeyPem } from '../x509/key.ts';
import { certificatePem, encodePem } from '../x509/pem-writer.ts';
import { opensslWords } from './outcome.ts';
import type { TlsPair, TlsVersion } from './probe.ts';

/** What the judging side goes by (DER). */
export interface Trust {
  anchors: readonly Buffer[];
  /** With any, OpenSSL wants one of every CA in the chain. */
  crls: readonly Buffer[];
}

export interface Rehearsal {
  /** Who is judged: the server by the client, or the client by the server. */
  judged: 'server' | 'client';
  server: TlsPair;
  client: TlsPair;
  /** Of the side that judges. */
  trust: Trust;
  /** A host name or an address that the server's certificate must hold, where the server is judged. */
  name: string | undefined;
  version: TlsVersion;
}

/** What OpenSSL made of it. */
export type OpenSslVerdict =
  | { kind: 'accepted'; cipher: string }
  /** `code` is OpenSSL's name for the reason without its prefix, or Node's for a wrong name. */
  | { kind: 'refused'; code: string }
  /** No handshake came about between these two. */
  | { kind: 'broken'; message: string };

/** A handshake within one process takes milliseconds; one that stands still is broken. */
const limit = 10_000;

/**
 * A real handshake of OpenSSL with itself, without a network. Nobody hangs up on a bad certificate: the verdict is read
 * afterwards, since the side that refuses would take its reason along.
 * The side that is judged knows no roots, for OpenSSL would add from them what is missing in the files.
 * @throws PkiError `bad-input` where OpenSSL cannot use a pair, or what it is to trust
 */
export async function rehearse(rehearsal: Rehearsal): Promise<OpenSslVerdict> {
  const { judged, version } = rehearsal;
  const versions = { minVersion: `TLSv${version}`, maxVersion: `TLSv${version}` } as const;
  const [near, far] = duplexPair();
  const side = (role: 'server' | 'client'): SecureContextOptions => ({
    ...versions,
    ...contextOf(rehearsal[role], judged === role ? undefined : rehearsal.trust),
  });
  const server = usable('server', () =>
    createServer({ ...side('server'), requestCert: true, rejectUnauthorized: false }),
  );
  const served = new Promise<TLSSocket>((done, fail) => {
    server.once('secureConnection', done).once('tlsClientError', fail);
  });
  // Awaited late; until then it must not count as nobody's.
  served.catch(() => undefined);
  const client = usable('client', () =>
    connect({
      ...side('client'),
      socket: near,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    }),
  );
  client.on('error', () => undefined);
  try {
    server.emit('connection', far);
    await withLimit(Promise.all([once(client, 'secureConnect'), served]));
    return judged === 'server' ? verdictOnServer(client, rehearsal.name) : verdictOnClient(await served);
  } catch (error) {
    return { kind: 'broken', message: opensslWords(error) };
  } finally {
    client.destroy();
    near.destroy();
    far.destroy();
  }
}

function usable<T>(role: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new PkiError('bad-input', `OpenSSL cannot use what the ${role} has: ${opensslWords(cause)}`, {
      hint: foreignCode(cause),
      cause,
    });
  }
}

function contextOf({ chain, key }: TlsPair, trust: Trust | undefined): SecureContextOptions {
  const crls = trust?.crls.map((der) => encodePem('X509 CRL', der)) ?? [];
  return {
    cert: chain.map(certificatePem).join(''),
    key: privateKeyPem(key),
    ca: trust?.anchors.map(certificatePem) ?? [],
    ...(crls.length > 0 ? { crl: crls } : {}),
  };
}

function verdictOnServer(socket: TLSSocket, name: string | undefined): OpenSslVerdict {
  const verdict = verdictOnClient(socket);
  if (verdict.kind !== 'accepted' || name === undefined) return verdict;
  const mismatch = checkServerIdentity(name, socket.getPeerCertificate());
  return mismatch ? { kind: 'refused', code: 'ERR_TLS_CERT_ALTNAME_INVALID' } : verdict;
}

function verdictOnClient(socket: TLSSocket): OpenSslVerdict {
  if (socket.authorized) return { kind: 'accepted', cipher: socket.getCipher().standardName };
  // Typed as an Error, but Node.js sets the code.
  return { kind: 'refused', code: String(socket.authorizationError) };
}

async function withLimit<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error('the handshake stood still')), limit);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Two streams, each of which reads what is written to the other. */
function duplexPair(): [Duplex, Duplex] {
  const near: Duplex = end(() => far);
  const far: Duplex = end(() => near);
  return [near, far];
}

function end(other: () => Duplex): Duplex {
  return new Duplex({
    read: () => undefined,
    write: (chunk, _encoding, done) => {
      other().push(chunk);
      done();
    },
    final: (done) => {
      other().push(null);
      done();
    },
  });
}
