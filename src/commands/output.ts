import { Chalk, type ChalkInstance } from 'chalk';
import { foreignCode, PkiError, type ClockDifference, type Fault } from '../pki/errors.ts';
import type { Context, OutputStream } from './context.ts';
import { printable, printableJson } from './printable.ts';

/** Colours, or none: text in, text out. */
export type Paint = ChalkInstance;

export interface OutputFlags {
  json?: boolean;
  /** JSON, one document a line. */
  jsonLines?: boolean;
  quiet?: boolean;
  verbose?: boolean;
}

/** The only way to the terminal: results on stdout, everything else on stderr. */
export class Output {
  readonly json: boolean;
  readonly #lines: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Colours for what goes to stdout. */
  readonly paint: ChalkInstance;
  readonly #context: Context;

  constructor(context: Context, flags: OutputFlags) {
    this.#context = context;
    this.#lines = flags.jsonLines ?? false;
    this.json = (flags.json ?? false) || this.#lines;
    this.quiet = flags.quiet ?? false;
    this.verbose = flags.verbose ?? false;
    this.paint = new Chalk({ level: colourLevel(context.stdout, context.env) });
  }

  get #paintErr(): ChalkInstance {
    return new Chalk({ level: colourLevel(this.#context.stderr, this.#context.env) });
  }

  /** The one result of a run: a document for `--json`, else lines for a person (nothing when `--quiet`). */
  result(document: object, lines: readonly string[]): void {
    if (this.json) this.#context.stdout.write(`${printableJson(document, 2)}\n`);
    else if (!this.quiet && lines.length > 0) this.#context.stdout.write(`${lines.join('\n')}\n`);
  }

  /** One document of several, one a line (`--json-lines`). */
  row(document: object): void {
    this.#context.stdout.write(`${printableJson(document)}\n`);
  }

  /** Bytes that were asked for as such (a PEM on stdout). */
  raw(text: string): void {
    this.#context.stdout.write(text);
  }

  /** Something worth knowing beside the result. */
  note(text: string): void {
    if (!this.quiet && !this.json) this.#context.stderr.write(`${printable(text)}\n`);
  }

  /** What is about to happen at AWS: beside JSON too, whose document comes at the end. */
  announce(text: string): void {
    if (!this.quiet) this.#context.stderr.write(`${printable(text)}\n`);
  }

  /** What is known nowhere else, and is acted on later: whatever happens afterwards, it was said. */
  insist(text: string): void {
    this.#context.stderr.write(`${this.#paintErr.yellow('warning:')} ${printable(text)}\n`);
  }

  /** Something that may hurt later; JSON carries it in the document instead. */
  warn(text: string): void {
    if (!this.json) this.#context.stderr.write(`${this.#paintErr.yellow('warning:')} ${printable(text)}\n`);
  }

  /** What the result says as well, and somebody must see to: cron mails no exit code, and without this it would end unseen. */
  needsSomebody(text: string): void {
    if (this.quiet) this.warn(text);
  }

  /** The only place where a failure is worded for people or programs. */
  failure(error: unknown): void {
    const { code, message, hint, faults = [], clock, details = [] } = describe(error);
    if (this.json) {
      const document = {
        schema: 'certwright.error/1',
        error: {
          code,
          message,
          ...(hint === undefined ? {} : { hint }),
          ...(faults.length === 0 ? {} : { faults }),
          ...clockDocument(clock),
          ...(details.length === 0 ? {} : { details }),
        },
      };
      this.#context.stdout.write(`${printableJson(document, this.#lines ? 0 : 2)}\n`);
    }
    if (!this.json || this.verbose) {
      this.#refuse(message, hint, details);
      for (const fault of faults) this.#point(fault);
    }
    if (this.verbose) this.#context.stderr.write(`${printable(trace(error))}\n`);
  }

  /** A part of a result that failed; JSON carries it in the document. */
  problem(message: string, hint: string | undefined, details: readonly string[] = []): void {
    if (!this.json) this.#refuse(message, hint, details);
  }

  #refuse(message: string, hint: string | undefined, details: readonly string[]): void {
    const { stderr } = this.#context;
    stderr.write(`${this.#paintErr.red('certwright:')} ${printable(message)}\n`);
    for (const line of details) stderr.write(`  | ${printable(line)}\n`);
    if (hint !== undefined) stderr.write(`  ${printable(hint)}\n`);
  }

  /** `FILE:LINE:COLUMN` as editors and CI systems find it. */
  #point({ file, line, column, message, hint }: Fault): void {
    const { stderr } = this.#context;
    stderr.write(`${printable(`${file}:${line}:${column} ${message}`)}\n  ${printable(hint)}\n`);
  }

  /** Shows a spinner on a terminal once `work` has taken a second; elsewhere nothing. */
  async progress<T>(label: string, work: Promise<T>): Promise<T> {
    if (this.quiet || this.json || this.#context.stderr.isTTY !== true) return work;
    let stop = (): void => undefined;
    const timer = setTimeout(() => {
      void import('ora').then(({ default: ora }) => {
        if (!timer.hasRef()) return;
        const spinner = ora({ text: printable(label), stream: process.stderr, discardStdin: false }).start();
        stop = () => spinner.stop();
      });
    }, 1000);
    try {
      return await work;
    } finally {
      clearTimeout(timer);
      timer.unref();
      stop();
    }
  }
}

/** NO_COLOR and FORCE_COLOR as their sites define them; else colour for a terminal that is not dumb. */
function colourLevel(stream: OutputStream, env: Context['env']): 0 | 1 {
  const { NO_COLOR: no, FORCE_COLOR: force, TERM: term } = env;
  if (no !== undefined && no !== '') return 0;
  if (force !== undefined) return force === '0' || force === 'false' ? 0 : 1;
  return stream.isTTY === true && term !== 'dumb' ? 1 : 0;
}

interface Failure {
  code: string;
  message: string;
  hint?: string | undefined;
  faults?: readonly Fault[];
  clock?: ClockDifference | undefined;
  details?: readonly string[];
}

/** What a failure is called; an error that nobody foresaw keeps its own words. */
export function describe(error: unknown): Failure {
  if (error instanceof PkiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = foreignCode(error);
  return {
    code: 'internal',
    message: code === undefined || message.includes(code) ? message : `${message} (${code})`,
    hint: 'this was not foreseen; --verbose shows where it comes from',
  };
}

/** A failure beside others, for programs. */
export function errorDocument(error: unknown): object {
  const { code, message, hint, details = [] } = describe(error);
  return {
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(details.length === 0 ? {} : { details }),
  };
}

/** Whose clock is by how many seconds ahead of this machine's. */
export const clockDocument = (clock: ClockDifference | undefined): object =>
  clock === undefined
    ? {}
    : { clock: { source: clock.source, aheadSeconds: Math.round(clock.ahead / 1000) } };

function trace(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stack = error.stack ?? error.message;
  return error.cause === undefined ? stack : `${stack}\ncaused by ${trace(error.cause)}`;
}
