/** Reads the vectors of TLS's presentation language (RFC 8446 section 3). A short read gives `ShortMessage`. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** An unsigned integer of 1, 2 or 3 bytes. */
  number(size: 1 | 2 | 3): number {
    return this.bytes(size).readUIntBE(0, size);
  }

  bytes(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new ShortMessage();
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  /** A vector with a length of `size` bytes in front. */
  vector(size: 1 | 2 | 3): Buffer {
    return this.bytes(this.number(size));
  }

  /** A vector's content, to be read on. */
  inside(size: 1 | 2 | 3): ByteReader {
    return new ByteReader(this.vector(size));
  }

  rest(): Buffer {
    return this.bytes(this.#bytes.length - this.#at);
  }
}

/** The message ends before what its lengths promise. */
export class ShortMessage extends Error {}
