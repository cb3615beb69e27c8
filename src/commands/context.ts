import type { Readable, Writable } from 'node:stream';

export interface OutputStream extends Writable {
  isTTY?: boolean;
  columns?: number;
}

export interface InputStream extends Readable {
  isTTY?: boolean;
}

/** What a run is lent: nothing below takes the world for itself. */
export interface Context {
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
  stdin: InputStream;
  stdout: OutputStream;
  stderr: OutputStream;
  /** Process number, to tell later whether this run still lives. */
  pid: number;
  /** Wall clock. */
  now: () => Date;
  /** Aborts at SIGINT and SIGTERM: a run ends at the next point where it can be resumed. */
  signal: AbortSignal;
}

/** The process's own world. Streams are opened when they are first used: each costs a millisecond. */
export function processContext(signal: AbortSignal): Context {
  return {
    cwd: process.cwd(),
    env: process.env,
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return endingQuietly(process.stdout);
    },
    get stderr() {
      return endingQuietly(process.stderr);
    },
    pid: process.pid,
    now: () => new Date(),
    signal,
  };
}

/** A reader that has gone (`| head`) is no failure. */
function endingQuietly(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  if (stream.listenerCount('error', exitOnClosedPipe) === 0) stream.on('error', exitOnClosedPipe);
  return stream;
}

function exitOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}
