import type { KeyObject } from 'node:crypto';
import { PkiError } from '../../errors.ts';

export const checks = [
  'folder',
  'mode',
  'owner',
  'link',
  'key',
  'certificate',
  'crl',
  'record',
  'revocation',
  'draft',
  'clock',
  'disk',
] as const;
export type Check = (typeof checks)[number];

/** Something about a CA that somebody should know. */
export interface Finding {
  check: Check;
  /** `note` is no fault. */
  level: 'wrong' | 'note';
  path: string;
  message: string;
  /** What to do about it, one clause; empty for a note that asks for nothing. */
  fix: string;
  /** Does it, where that cannot do harm. */
  mend: (() => void) | undefined;
}

/** What an examination is lent. */
export interface Examined {
  folder: string;
  now: Date;
  /** The key of an issuer that was opened and is the right one. */
  keys: Map<string, KeyObject>;
  findings: Findings;
}

/** How many of one sort are listed: a million files may share one fault. */
const most = 10;

export class Findings {
  readonly all: Finding[] = [];
  readonly #counts = new Map<string, number>();

  wrong(check: Check, path: string, message: string, fix: string, mend?: () => void): void {
    this.all.push({ check, level: 'wrong', path, message, fix, mend });
  }

  note(check: Check, path: string, message: string, fix = '', mend?: () => void): void {
    this.all.push({ check, level: 'note', path, message, fix, mend });
  }

  /** One of perhaps many; `sort` says which belong together. */
  oneOfMany(
    sort: string,
    check: Check,
    path: string,
    message: string,
    fix: string,
    level: Finding['level'] = 'wrong',
  ): void {
    const count = (this.#counts.get(sort) ?? 0) + 1;
    this.#counts.set(sort, count);
    if (count <= most) this.all.push({ check, level, path, message, fix, mend: undefined });
  }

  /** Says how many were left out. */
  finish(folder: string): void {
    for (const [sort, count] of this.#counts) {
      if (count > most) this.note('record', folder, `${count - most} more ${sort}`, 'as those above');
    }
  }

  /** Looks at something; a refusal is what was found. */
  look<T>(check: Check, path: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.refusal(check, path, error);
      return undefined;
    }
  }

  refusal(check: Check, path: string, error: unknown): void {
    if (!(error instanceof PkiError)) throw error;
    this.wrong(check, path, error.message, error.hint ?? 'restore it from a backup');
  }
}
