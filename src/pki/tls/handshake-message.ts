import { ByteReader } from './byte-reader.ts';

/** HandshakeType (RFC 8446 section 4, RFC 5246 7.4, RFC 6066 section 8). */
export const handshakeType = {
  serverHello: 2,
  newSessionTicket: 4,
  encryptedExtensions: 8,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  finished: 20,
  certificateStatus: 22,
  keyUpdate: 24,
} as const;

export interface HandshakeMessage {
  type: number;
  body: Buffer;
}

/** OpenSSL refuses a longer certificate message than 100 KiB; whatever passes it fits. */
export const longestMessage = 131_072;

/** Joins the fragments of handshake messages. Holds at most one message, and none that is longer than `longestMessage`. */
export class HandshakeReader {
  #held: Buffer = Buffer.alloc(0);
  /** Type and length of a message that was too long to be read; the reader has stopped there. */
  oversized: { type: number; length: number } | undefined;

  *read(fragment: Buffer): Generator<HandshakeMessage> {
    if (this.oversized) return;
    let bytes = Buffer.concat([this.#held, fragment]);
    while (bytes.length >= 4) {
      const type = bytes[0] ?? 0;
      const length = bytes.readUIntBE(1, 3);
      if (length > longestMessage) {
        this.oversized = { type, length };
        this.#held = Buffer.alloc(0);
        return;
      }
      if (bytes.length < 4 + length) break;
      yield { type, body: bytes.subarray(4, 4 + length) };
      bytes = bytes.subarray(4 + length);
    }
    this.#held = bytes;
  }
}

/** ExtensionType. */
const extensionType = {
  statusRequest: 5,
  signatureAlgorithms: 13,
  alpn: 16,
  supportedVersions: 43,
  certificateAuthorities: 47,
  keyShare: 51,
} as const;

const readExtensions = (reader: ByteReader): Map<number, Buffer> => {
  const extensions = new Map<number, Buffer>();
  if (reader.done) return extensions;
  const list = reader.inside(2);
  while (!list.done) extensions.set(list.number(2), list.vector(2));
  return extensions;
};

/** SHA-256 of "HelloRetryRequest": the random of a ServerHello that is one (RFC 8446 4.1.3). */
const helloRetryRequest = Buffer.from(
  'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c',
  'hex',
);

export interface ServerHello {
  /** ProtocolVersion; TLS 1.3 says 1.2 here. */
  version: number;
  tls13: boolean;
  cipherSuite: number;
  /** NamedGroup; TLS 1.2 says it in ServerKeyExchange. */
  group: number | undefined;
  retry: boolean;
}

export function readServerHello(body: Buffer): ServerHello {
  const reader = new ByteReader(body);
  const version = reader.number(2);
  const random = reader.bytes(32);
  reader.vector(1);
  const cipherSuite = reader.number(2);
  reader.number(1);
  const extensions = readExtensions(reader);
  const share = extensions.get(extensionType.keyShare);
  return {
    version,
    tls13: extensions.get(extensionType.supportedVersions)?.readUInt16BE(0) === 0x0304,
    cipherSuite,
    group: share && share.length >= 2 ? share.readUInt16BE(0) : undefined,
    retry: random.equals(helloRetryRequest),
  };
}

/** NamedGroup of an ephemeral key on a named curve (RFC 8422 5.4); `undefined` for finite fields. */
export const readKeyExchangeGroup = (body: Buffer): number | undefined =>
  body[0] === 3 && body.length >= 3 ? body.readUInt16BE(1) : undefined;

export interface SentChain {
  /** DER, in the order in which they were sent. */
  certificates: Buffer[];
  /** Encoded OCSPResponse that is stapled to the first certificate. */
  ocsp: Buffer | undefined;
}

/** Certificate of TLS 1.2 (RFC 5246 7.4.2). */
export function readChain12(body: Buffer): SentChain {
  const list = new ByteReader(body).inside(3);
  const certificates: Buffer[] = [];
  while (!list.done) certificates.push(list.vector(3));
  return { certificates, ocsp: undefined };
}

/** Certificate of TLS 1.3 (RFC 8446 4.4.2). */
export function readChain13(body: Buffer): SentChain {
  const reader = new ByteReader(body);
  reader.vector(1);
  const list = reader.inside(3);
  const sent: SentChain = { certificates: [], ocsp: undefined };
  while (!list.done) {
    sent.certificates.push(list.vector(3));
    const status = readExtensions(list).get(extensionType.statusRequest);
    if (status && sent.certificates.length === 1) sent.ocsp = readCertificateStatus(status);
  }
  return sent;
}

/** The OCSP response of a CertificateStatus (RFC 6066 section 8). */
export function readCertificateStatus(body: Buffer): Buffer | undefined {
  const reader = new ByteReader(body);
  return reader.number(1) === 1 ? reader.vector(3) : undefined;
}

/** What a server wants of a client certificate. */
export interface CertificateRequest {
  /** Encoded Names of the CAs that it would take one from; none means any. */
  authorities: Buffer[];
  /** SignatureScheme. */
  signatureSchemes: number[];
}

/** CertificateRequest of TLS 1.2 (RFC 5246 7.4.4). */
export function readCertificateRequest12(body: Buffer): CertificateRequest {
  const reader = new ByteReader(body);
  reader.vector(1);
  const signatureSchemes = readNumbers(reader.inside(2));
  return { authorities: readNames(reader.inside(2)), signatureSchemes };
}

/** CertificateRequest of TLS 1.3 (RFC 8446 4.3.2). */
export function readCertificateRequest13(body: Buffer): CertificateRequest {
  const reader = new ByteReader(body);
  reader.vector(1);
  const extensions = readExtensions(reader);
  const authorities = extensions.get(extensionType.certificateAuthorities);
  const schemes = extensions.get(extensionType.signatureAlgorithms);
  return {
    authorities: authorities ? readNames(new ByteReader(authorities).inside(2)) : [],
    signatureSchemes: schemes ? readNumbers(new ByteReader(schemes).inside(2)) : [],
  };
}

function readNames(list: ByteReader): Buffer[] {
  const names: Buffer[] = [];
  while (!list.done) names.push(list.vector(2));
  return names;
}

function readNumbers(list: ByteReader): number[] {
  const numbers: number[] = [];
  while (!list.done) numbers.push(list.number(2));
  return numbers;
}
