import type { Socket } from 'node:net';
import { ConnectionFailure, networkWords, type Phase } from './failure.ts';

/** More than any greeting before TLS has. */
const mostHeld = 65_536;

/** The words in clear before TLS begins: lines or counted bytes, one after another, at most 64 KiB of them. */
export class PlainTalk {
  readonly #socket: Socket;
  readonly #phase: Phase;
  #held: Buffer = Buffer.alloc(0);
  #failure: ConnectionFailure | undefined;
  #wake: () => void = () => undefined;

  constructor(socket: Socket, phase: Phase) {
    this.#socket = socket;
    this.#phase = phase;
    socket
      .on('data', this.#onData)
      .on('end', this.#onEnd)
      .on('error', this.#onError)
      .on('close', this.#onEnd);
  }

  send(data: string | Buffer): void {
    this.#socket.write(data);
  }

  /** The next line, without its ending. */
  async line(): Promise<string> {
    let end: number;
    while ((end = this.#held.indexOf('\n')) < 0) await this.#more();
    return this.#take(end + 1)
      .toString('latin1')
      .replace(/\r?\n$/, '');
  }

  async bytes(count: number): Promise<Buffer> {
    while (this.#held.length < count) await this.#more();
    return this.#take(count);
  }

  fail(message: string): ConnectionFailure {
    return new ConnectionFailure(this.#phase, message);
  }

  /**
   * Gives the socket back for TLS. Bytes that are there already would be taken for a part of what TLS protects
   * (CVE-2011-0411), so there must be none.
   */
  finish(): void {
    const { length } = this.#held;
    this.#letGo();
    if (length > 0) throw this.fail(`the server sent ${length} bytes more in clear where TLS begins`);
  }

  /** Gives the socket back with what came already, for a talk with somebody else. */
  passOn(): void {
    this.#letGo();
    if (this.#held.length > 0) this.#socket.unshift(this.#held);
  }

  #letGo(): void {
    this.#socket
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onEnd)
      .pause();
    if (this.#failure) throw this.#failure;
  }

  #take(count: number): Buffer {
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#held.length > mostHeld) throw this.fail('the server talks on and on before TLS');
    this.#socket.resume();
    await new Promise<void>((done) => {
      this.#wake = done;
    });
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#socket.pause();
    this.#held = Buffer.concat([this.#held, chunk]);
    this.#wake();
  };

  readonly #onEnd = (): void => {
    this.#failure ??= this.fail('the connection was closed before TLS began');
    this.#wake();
  };

  readonly #onError = (error: Error): void => {
    this.#failure ??= this.fail(networkWords(error));
    this.#wake();
  };
}

/** What somebody else said, cut to what a message can bear. */
export const quoted = (text: string): string =>
  JSON.stringify(text.length > 120 ? `${text.slice(0, 117)}…` : text);
