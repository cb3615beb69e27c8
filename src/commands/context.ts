import { setMaxListeners } from 'node:events';
import type { Readable } from 'node:stream';
import { PlainOutput } from './plain-output.ts';

export interface OutputStream {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number | undefined;
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
  /** Number of the user that we act as; -1 where the system has none. */
  uid: number;
  /** kill(2). */
  kill: (pid: number, signal: NodeJS.Signals) => void;
  /** Wall clock. */
  now: () => Date;
  /** Aborts at SIGINT and SIGTERM: a run ends at the next point where it can be resumed. */
  signal: AbortSignal;
}

/**
 * The process's own world. Standard input is opened when it is first used: that costs a millisecond. `onSignals` says
 * what is to hear of SIGINT and SIGTERM from the moment when a command asks for `signal`; before that, and in a command
 * that never asks, they end the process as the kernel does, even one that waits for input or in a blocking read.
 */
export function processContext(onSignals: (controller: AbortController) => void): Context {
  let controller: AbortController | undefined;
  return {
    cwd: process.cwd(),
    // What the SDK is lent is changed in the process; this stays as it was given.
    env: { ...process.env },
    get stdin() {
      return process.stdin;
    },
    stdout: new PlainOutput(1, () => process.stdout),
    stderr: new PlainOutput(2, () => process.stderr),
    pid: process.pid,
    uid: process.geteuid?.() ?? -1,
    kill: (pid, signal) => void process.kill(pid, signal),
    now: () => new Date(),
    get signal() {
      if (controller === undefined) {
        controller = new AbortController();
        // Hundreds of calls may wait for it at once, which is no leak.
        setMaxListeners(0, controller.signal);
        onSignals(controller);
      }
      return controller.signal;
    },
  };
}
