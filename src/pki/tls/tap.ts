import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

/**
 * Stands between a socket and `tls.connect`: shows every byte that comes in to `watch`, and every byte that goes out to
 * `watchOwn`, before it passes it on.
 */
export class Tap extends Duplex {
  readonly #socket: Socket;
  readonly #watchOwn: (chunk: Buffer) => void;
  #tell: () => void = () => undefined;

  constructor(
    socket: Socket,
    watch: (chunk: Buffer) => void,
    watchOwn: (chunk: Buffer) => void = () => undefined,
  ) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#watchOwn = watchOwn;
    socket.on('data', (chunk: Buffer) => {
      watch(chunk);
      this.#tell();
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => {
      this.push(null);
      this.#tell();
    });
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => {
      if (!this.destroyed) this.destroy();
      this.#tell();
    });
    socket.pause();
  }

  /** Waits until the server sends something or hangs up, but no longer than `limit` milliseconds. */
  news(limit: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, limit);
      this.#tell = () => {
        clearTimeout(timer);
        // TLS first.
        setImmediate(done);
      };
    });
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#watchOwn(chunk);
    this.#socket.write(chunk, done);
  }

  /** A flight in one packet: of one in several, a server that hangs up halfway can cost its own alert (TCP resets). */
  override _writev(chunks: readonly { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const flight = Buffer.concat(chunks.map(({ chunk }) => chunk));
    this.#watchOwn(flight);
    this.#socket.write(flight, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
