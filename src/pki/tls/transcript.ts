import { alertOf, type Alert } from './alert.ts';
import { ShortMessage } from './byte-reader.ts';
import {
  handshakeType,
  HandshakeReader,
  readCertificateRequest12,
  readCertificateRequest13,
  readCertificateStatus,
  readChain12,
  readChain13,
  readKeyExchangeGroup,
  readServerHello,
  type CertificateRequest,
  type HandshakeMessage,
  type ServerHello,
} from './handshake-message.ts';
import { contentType, RecordReader, type TlsRecord } from './record.ts';
import { TrafficKey } from './traffic-key.ts';

/** Sealed bytes that may wait for their secret: a whole flight of a server, and much more. */
const mostWaiting = 1_048_576;

/** Of an answer that is no TLS. */
const longestShown = 64;

/**
 * What a side says in one connection, as data: read from a copy of its records, since Node.js tells neither whether a
 * certificate was asked for, nor by which alert it was refused, nor whether the client's was sent at all. Everything that is
 * kept is bounded.
 */
export class Transcript {
  hello: ServerHello | undefined;
  /** DER, as sent. */
  chain: Buffer[] = [];
  /** NamedGroup of the key exchange. */
  group: number | undefined;
  request: CertificateRequest | undefined;
  /** Encoded OCSPResponse. */
  ocsp: Buffer | undefined;
  readonly alerts: Alert[] = [];
  /** The side has sent its Finished, as far as it can be read. */
  finished = false;
  /** TLS 1.2 after ChangeCipherSpec: what follows cannot be read. */
  sealed = false;
  /** The server has signed its part of the key exchange (TLS 1.2). */
  hasKeyExchange = false;

  readonly #side: 'SERVER' | 'CLIENT';
  readonly #records = new RecordReader();
  readonly #messages = new HandshakeReader();
  readonly #secrets = new Map<string, Buffer>();
  #key: TrafficKey | undefined;
  #waiting: TlsRecord[] = [];
  #waitingBytes = 0;
  #bytes = 0;
  #first: Buffer = Buffer.alloc(0);
  #isTls = false;

  /** @param side whose records these are; a client's need the server's `hello` before they can be opened */
  constructor(side: 'SERVER' | 'CLIENT' = 'SERVER') {
    this.#side = side;
  }

  get tls13(): boolean {
    return this.hello?.tls13 === true;
  }

  /** A handshake message that nobody would read, by type and length. */
  get oversized(): { type: number; length: number } | undefined {
    return this.#messages.oversized;
  }

  /** The first bytes, where they are no TLS. */
  get foreign(): Buffer | undefined {
    return !this.#isTls && this.#records.broken ? this.#first : undefined;
  }

  /** Bytes that came in all. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What the server sent, in order. */
  receive(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#first.length < longestShown) {
      this.#first = Buffer.concat([this.#first, chunk]).subarray(0, longestShown);
    }
    for (const record of this.#records.read(chunk)) {
      this.#isTls = true;
      this.#record(record);
    }
  }

  /** One line of the `keylog` event (NSS key log format). */
  learn(line: string): void {
    const [label = '', , secret = ''] = line.trim().split(' ');
    this.#secrets.set(label, Buffer.from(secret, 'hex'));
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const record of waiting) this.#open(record);
  }

  #record(record: TlsRecord): void {
    if (this.tls13 && record.type === contentType.applicationData) this.#open(record);
    else if (record.type === contentType.changeCipherSpec) this.sealed = !this.tls13;
    else if (!this.sealed) this.#plain(record.type, record.fragment);
  }

  /** Opens a record of TLS 1.3, or keeps it until `learn` brings its secret. */
  #open(record: TlsRecord): void {
    const label = this.finished
      ? (`${this.#side}_TRAFFIC_SECRET_0` as const)
      : (`${this.#side}_HANDSHAKE_TRAFFIC_SECRET` as const);
    const secret = this.#secrets.get(label);
    if (!this.#key && secret && this.hello) this.#key = TrafficKey.of(this.hello.cipherSuite, secret);
    if (!this.#key || this.#waiting.length > 0) {
      this.#waitingBytes += record.fragment.length;
      if (this.#waitingBytes <= mostWaiting) this.#waiting.push(copy(record));
      return;
    }
    const opened = this.#key.open(record);
    if (opened) this.#plain(opened.type, opened.content);
  }

  #plain(type: number, content: Buffer): void {
    if (type === contentType.alert && content.length >= 2) {
      if (this.alerts.length < 16) this.alerts.push(alertOf(content[1] ?? 0, content[0]));
    } else if (type === contentType.handshake) {
      for (const message of this.#messages.read(content)) this.#understand(message);
    }
  }

  /** A message that does not parse is the business of OpenSSL, which refuses it too. */
  #understand(message: HandshakeMessage): void {
    try {
      this.#read(message);
    } catch (error) {
      if (!(error instanceof ShortMessage || error instanceof RangeError)) throw error;
    }
  }

  #read({ type, body }: HandshakeMessage): void {
    switch (type) {
      case handshakeType.serverHello:
        this.hello = readServerHello(body);
        this.group = this.hello.group;
        break;
      case handshakeType.certificate: {
        const { certificates, ocsp } = (this.tls13 ? readChain13 : readChain12)(Buffer.from(body));
        this.chain = certificates;
        this.ocsp = ocsp;
        break;
      }
      case handshakeType.serverKeyExchange:
        this.hasKeyExchange = true;
        this.group = readKeyExchangeGroup(body);
        break;
      case handshakeType.certificateRequest:
        // TLS 1.3 may ask once more after the handshake; what it wants is then the newest.
        this.request = (this.tls13 ? readCertificateRequest13 : readCertificateRequest12)(Buffer.from(body));
        break;
      case handshakeType.certificateStatus:
        this.ocsp = readCertificateStatus(Buffer.from(body));
        break;
      case handshakeType.finished:
        this.finished = true;
        this.#key = undefined;
        break;
      case handshakeType.keyUpdate:
        this.#key?.update();
        break;
      default:
    }
  }
}

const copy = ({ type, header, fragment }: TlsRecord): TlsRecord => ({
  type,
  header: Buffer.from(header),
  fragment: Buffer.from(fragment),
});
