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

export function processContext(signal: AbortSignal): Context {
  return {
    cwd: process.cwd(),
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    pid: process.pid,
    now: () => new Date(),
    signal,
  };
}
