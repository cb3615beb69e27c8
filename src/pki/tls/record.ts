/** ContentType (RFC 8446 5.1). */
export const contentType = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

export interface TlsRecord {
  type: number;
  /** The five bytes in front: what AEAD calls additional data. */
  header: Buffer;
  fragment: Buffer;
}

/** TLSCiphertext of TLS 1.2 may be 2,048 bytes longer than its plaintext (RFC 5246 6.2.3). */
const longestFragment = 16_384 + 2048;

/** Cuts what arrives into records. Holds at most one of them. */
export class RecordReader {
  #held: Buffer = Buffer.alloc(0);
  #broken = false;

  /** Set once something arrived that is no TLS; nothing more is read then. */
  get broken(): boolean {
    return this.#broken;
  }

  *read(chunk: Buffer): Generator<TlsRecord> {
    if (this.#broken) return;
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (bytes.length >= 5) {
      const type = bytes[0] ?? 0;
      const length = bytes.readUInt16BE(3);
      if (type < 20 || type > 24 || bytes[1] !== 3 || length > longestFragment) {
        this.#broken = true;
        this.#held = Buffer.alloc(0);
        return;
      }
      if (bytes.length < 5 + length) break;
      yield { type, header: bytes.subarray(0, 5), fragment: bytes.subarray(5, 5 + length) };
      bytes = bytes.subarray(5 + length);
    }
    // A copy, so that a few bytes do not keep a large chunk alive.
    this.#held = Buffer.from(bytes);
  }
}
