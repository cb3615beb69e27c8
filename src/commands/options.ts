import { resolve } from 'node:path';
import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';
import { refuseNoFolder, requireFolder } from '../pki/given-path.ts';
import type { Context } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import type { OutputFlags } from './output.ts';

/** Wraps the function behind a command so that its exit code reaches `main`. */
export type Run = <Args extends unknown[]>(
  handler: (...args: Args) => Promise<ExitCode>,
) => (...args: Args) => Promise<void>;

/** What every file of a command exports: it declares flags and hands a handler to `run`. */
export type Register = (command: Command, context: Context, run: Run) => void;

export interface StoreFlags extends OutputFlags {
  store?: string;
}

export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON document on stdout, success or failure')
    .option('-q, --quiet', 'say nothing but warnings and failures')
    .option('-v, --verbose', 'show causes and stack traces');
}

export function addStoreOption(command: Command): Command {
  return command.option(
    '--store <dir>',
    'folder of the certificates (CERTWRIGHT_STORE; default ./certs)',
    notEmpty('--store', 'name a folder, or leave it out for ./certs'),
  );
}

/** A variable of a script that is not set is no folder. */
export const notEmpty =
  (flag: string, hint: string) =>
  (folder: string): string => {
    if (folder !== '') return folder;
    throw new PkiError('usage', `${flag} is empty`, { hint });
  };

/** @throws PkiError `bad-input` where something else than a folder was named */
export function storePath(flags: StoreFlags, context: Context): string {
  const named = flags.store ?? nonEmpty(context.env['CERTWRIGHT_STORE']);
  const path = resolve(context.cwd, named ?? 'certs');
  // A file that happens to be called certs is in nobody's way until it is written to.
  if (named !== undefined) refuseNoFolder(path);
  return path;
}

/**
 * The same for a command that can do its work without a store.
 * @throws PkiError `not-found` where the one that was named is not there: what is mistyped would be passed over
 */
export function storeBeside(flags: StoreFlags, context: Context): string {
  const path = storePath(flags, context);
  if (flags.store !== undefined) requireFolder(path, '--store', 'name the folder of the certificates');
  return path;
}

export const nonEmpty = (value: string | undefined): string | undefined => (value === '' ? undefined : value);

/** Collects a flag that may be repeated. */
export const collect = (value: string, previous: string[] | undefined): string[] => [
  ...(previous ?? []),
  value,
];

/** One of a closed list; the message names all of them. */
export function oneOf<T extends string>(flag: string, choices: readonly T[]): (value: string) => T {
  return (value) => {
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) {
      throw new PkiError('usage', `${flag} ${JSON.stringify(value)} is not known`, {
        hint: `one of: ${choices.join(', ')}`,
      });
    }
    return choice;
  };
}

/** Flags that contradict each other. */
export function exclusive(flags: Readonly<Record<string, unknown>>): void {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined && value !== false);
  if (given.length > 1) {
    throw new PkiError('usage', `${given.map(([flag]) => flag).join(' and ')} exclude each other`, {
      hint: `give only one of them`,
    });
  }
}

/** Whether `--ca` names an authority of AWS rather than a folder. */
export const isArn = (reference: string): boolean => /^(acm$|acm:|arn:)/.test(reference);

/** `--jobs`: how many certificates are worked on at a time. */
export function jobsOf(text = '8'): number {
  const jobs = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (jobs >= 1 && jobs <= 100) return jobs;
  throw new PkiError('usage', `--jobs ${JSON.stringify(text)} is not a number of jobs`, { hint: '1 to 100' });
}

/** A count, or the number of a generation. */
export function wholeNumber(text: string, flag: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new PkiError('usage', `${flag} ${JSON.stringify(text)} is not a whole number from 1 to 999999`);
}
