import { PkiError, type ErrorCode, type Fault } from '../errors.ts';
import type { Position, Tree } from './tree.ts';

/** Beyond these nobody reads on. */
const mostFaults = 1000;

/** Everything that is found wrong in one file, so that all of it can be mended at once. */
export class Reading {
  /** As it is named in messages. */
  readonly file: string;
  readonly #faults: Fault[] = [];

  constructor(file: string) {
    this.file = file;
  }

  /** @returns `null`, which stands for a value that is not there because of a fault. */
  fault(at: Position, code: ErrorCode, message: string, hint: string): null {
    if (this.#faults.length < mostFaults) this.#faults.push({ file: this.file, ...at, code, message, hint });
    return null;
  }

  /** Takes a parser's refusal down, with the place where its input stands. */
  attempt<T>(at: Position, parse: () => T): T | null {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof PkiError)) throw error;
      return this.fault(at, error.code, error.message, error.hint ?? 'see docs/config.md');
    }
  }

  /** A value of another kind than the one that is wanted. */
  wrongKind(tree: Tree, label: string, wanted: string, hint: string): null {
    if (isEmpty(tree)) {
      return this.fault(tree.at, 'bad-input', `${label} has no value`, 'give it one, or leave the line out');
    }
    const kind = { scalar: 'one value', list: 'a list', map: 'a mapping' }[tree.kind];
    const found = tree.kind === 'scalar' ? quoted(tree.source) : kind;
    return this.fault(tree.at, 'bad-input', `${label} must be ${wanted}, not ${found}`, hint);
  }

  /** @throws PkiError `bad-config` with every fault, in the order of the file. */
  throwIfFaulty(): void {
    const faults = this.#faults.sort((a, b) => a.line - b.line || a.column - b.column);
    if (faults.length === 0) return;
    const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
    throw new PkiError('bad-config', `${this.file} has ${count}`, { faults });
  }
}

/**
 * Text of the file for a message. What is long or odd is not shown: it may be a key or a passphrase, in the place of
 * a file of settings or of the path to it.
 */
export const quoted = (text: string): string => (isPlain(text) ? JSON.stringify(text) : '"…"');

export const isPlain = (text: string): boolean =>
  /^[\w .,:;@*+~/<-]{0,60}$/.test(text) && !text.includes('-----');

/** `key:` with nothing behind it. */
export const isEmpty = (tree: Tree): boolean => tree.kind === 'scalar' && tree.value === null;
