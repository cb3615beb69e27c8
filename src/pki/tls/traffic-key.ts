import { createDecipheriv, createHmac } from 'node:crypto';
import { contentType, type TlsRecord } from './record.ts';

interface Suite {
  cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305';
  hash: 'sha256' | 'sha384';
  keyLength: number;
}

/** The cipher suites of TLS 1.3 that OpenSSL speaks by default (RFC 8446 B.4). */
const suites: Readonly<Record<number, Suite>> = {
  0x1301: { cipher: 'aes-128-gcm', hash: 'sha256', keyLength: 16 },
  0x1302: { cipher: 'aes-256-gcm', hash: 'sha384', keyLength: 32 },
  0x1303: { cipher: 'chacha20-poly1305', hash: 'sha256', keyLength: 32 },
};

const tagLength = 16;

/** HKDF-Expand-Label with an empty context (RFC 8446 7.1); `length` is at most one output of the hash. */
export function expandLabel(hash: Suite['hash'], secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`, 'latin1');
  const info = Buffer.concat([
    Buffer.from([length >> 8, length & 0xff, name.length]),
    name,
    Buffer.from([0, 1]),
  ]);
  return createHmac(hash, secret).update(info).digest().subarray(0, length);
}

/** Opens the records that one side sends under one traffic secret (RFC 8446 5.2, 5.3, 7.3). */
export class TrafficKey {
  readonly #suite: Suite;
  #secret: Buffer;
  #key: Buffer;
  #iv: Buffer;
  #sequence = 0n;

  /** `undefined` where the cipher suite is not one of TLS 1.3. */
  static of(cipherSuite: number, secret: Buffer): TrafficKey | undefined {
    const suite = suites[cipherSuite];
    return suite && new TrafficKey(suite, secret);
  }

  private constructor(suite: Suite, secret: Buffer) {
    this.#suite = suite;
    this.#secret = secret;
    this.#key = expandLabel(suite.hash, secret, 'key', suite.keyLength);
    this.#iv = expandLabel(suite.hash, secret, 'iv', 12);
  }

  /** The sender sent KeyUpdate: the next secret follows from this one (RFC 8446 7.2). */
  update(): void {
    const { hash, keyLength } = this.#suite;
    this.#secret = expandLabel(hash, this.#secret, 'traffic upd', hash === 'sha384' ? 48 : 32);
    this.#key = expandLabel(hash, this.#secret, 'key', keyLength);
    this.#iv = expandLabel(hash, this.#secret, 'iv', 12);
    this.#sequence = 0n;
  }

  /** What a record holds, or `undefined` where it is not sealed with this key. */
  open({ header, fragment }: TlsRecord): { type: number; content: Buffer } | undefined {
    if (fragment.length < tagLength + 1) return undefined;
    const nonce = Buffer.from(this.#iv);
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(this.#sequence);
    for (let at = 0; at < 8; at += 1) nonce[at + 4] = (nonce[at + 4] ?? 0) ^ (counter[at] ?? 0);
    const end = fragment.length - tagLength;
    const plain = decrypt(
      this.#suite.cipher,
      this.#key,
      nonce,
      header,
      fragment.subarray(0, end),
      fragment.subarray(end),
    );
    if (!plain) return undefined;
    this.#sequence += 1n;
    return unpad(plain);
  }
}

function decrypt(
  cipher: Suite['cipher'],
  key: Buffer,
  nonce: Buffer,
  header: Buffer,
  sealed: Buffer,
  authTag: Buffer,
): Buffer | undefined {
  const decipher =
    cipher === 'chacha20-poly1305'
      ? createDecipheriv(cipher, key, nonce, { authTagLength: tagLength })
      : createDecipheriv(cipher, key, nonce, { authTagLength: tagLength });
  decipher.setAAD(header, { plaintextLength: sealed.length });
  decipher.setAuthTag(authTag);
  try {
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** TLSInnerPlaintext: content, its type, then zeros. */
function unpad(plain: Buffer): { type: number; content: Buffer } {
  let end = plain.length - 1;
  while (end > 0 && plain[end] === 0) end -= 1;
  return { type: plain[end] ?? contentType.applicationData, content: plain.subarray(0, end) };
}
