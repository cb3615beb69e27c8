import { fstatSync, writeSync } from 'node:fs';
import { foreignCode } from '../pki/errors.ts';
import type { OutputStream } from './context.ts';

/**
 * Standard output or error. A file or a pipe is written to directly, and before the next line of the program: Node's
 * own streams take 2 ms to load. A terminal gets them, and so does a pipe that is full and will not wait.
 */
export class PlainOutput implements OutputStream {
  readonly #descriptor: number;
  readonly #open: () => NodeJS.WriteStream;
  #stream: NodeJS.WriteStream | undefined;

  constructor(descriptor: 1 | 2, open: () => NodeJS.WriteStream) {
    this.#descriptor = descriptor;
    this.#open = open;
    if (isDevice(descriptor)) this.#stream = this.#opened();
  }

  get isTTY(): boolean {
    return this.#stream?.isTTY ?? false;
  }

  get columns(): number | undefined {
    return this.#stream?.columns;
  }

  write(text: string): void {
    if (this.#stream) {
      this.#stream.write(text);
      return;
    }
    let rest: Uint8Array = Buffer.from(text);
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#descriptor, rest));
    } catch (error) {
      if (foreignCode(error) !== 'EAGAIN') exitOnFailedWrite(error);
      this.#stream = this.#opened();
      this.#stream.write(rest);
    }
  }

  #opened(): NodeJS.WriteStream {
    return this.#open().on('error', exitOnFailedWrite);
  }
}

/** A reader that has gone (`| head`) is no failure; a full disk is one, and whoever reads the result must hear of it. */
function exitOnFailedWrite(error: unknown): void {
  const code = foreignCode(error);
  if (code === 'EPIPE') process.exit(0);
  try {
    writeSync(2, `certwright: cannot write the output (${code ?? String(error)})\n`);
  } catch {
    // Standard error is full or closed as well: the exit code is left.
  }
  process.exit(1);
}

function isDevice(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isCharacterDevice();
  } catch {
    // A closed descriptor: Node's stream knows what to do with it.
    return true;
  }
}
