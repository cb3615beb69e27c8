import { resolve } from 'node:path';
import type { ReadStream } from 'node:tty';
import { PkiError } from '../pki/errors.ts';
import { refuseUnreadable } from '../pki/given-path.ts';
import { readWhole } from '../pki/lifecycle/read-whole.ts';
import { nonEmpty } from './options.ts';
import type { Context } from './context.ts';

/**
 * The first line of a file, without its line ending.
 * @throws PkiError `not-found`, `unreadable`, `passphrase` where that line is empty.
 */
export function passphraseFile(path: string, context: Context): Buffer {
  const file = resolve(context.cwd, path);
  const bytes = given(() => readWhole(file));
  const end = bytes.indexOf('\n');
  const line = end === -1 ? bytes : bytes.subarray(0, end);
  const passphrase = line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
  if (passphrase.length === 0) {
    throw new PkiError('passphrase', `the first line of ${file} is empty`, {
      hint: 'it must hold the passphrase',
    });
  }
  return passphrase;
}

/** A file that turns out not to be needed may be mistyped all the same. @throws PkiError `not-found`, `unreadable` */
export function checkPassphraseFile(path: string, context: Context): void {
  const file = resolve(context.cwd, path);
  given(() => {
    refuseUnreadable(file);
  });
}

function given<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    throw new PkiError(error.code, error.message, {
      hint: 'name a file whose first line is the passphrase',
      cause: error,
    });
  }
}

/** The CA's passphrase if a file or the environment holds it. */
export async function givenCaPassphrase(
  file: string | undefined,
  context: Context,
): Promise<Buffer | undefined> {
  if (file !== undefined) return passphraseFile(file, context);
  const value = nonEmpty(context.env['CERTWRIGHT_CA_PASSPHRASE']);
  return value === undefined ? undefined : Buffer.from(value, 'utf8');
}

/** What encrypts the keys of a CA that `--create-ca` makes; `undefined` where none is to be made. */
export const passphraseOfNewCa = (
  { createCa, passphraseFile: file }: { createCa?: boolean; passphraseFile?: string },
  context: Context,
): (() => Promise<Buffer | undefined>) | undefined =>
  createCa === true ? () => givenCaPassphrase(file, context) : undefined;

/** Whether a run here could open the CA's key, without asking. @throws PkiError as `passphraseFile` */
export const hasCaPassphrase = async (file: string | undefined, context: Context): Promise<boolean> =>
  (await givenCaPassphrase(file, context)) !== undefined || isTerminal(context.stdin);

/** Asks for the CA's passphrase where nothing holds it; only ever at a terminal. */
export async function caPassphrase(
  file: string | undefined,
  context: Context,
  flag = '--passphrase-file',
): Promise<Buffer> {
  const given = await givenCaPassphrase(file, context);
  const elsewhere = `give it with ${flag} FILE or in CERTWRIGHT_CA_PASSPHRASE`;
  return given ?? (await prompt('passphrase of the CA', context, elsewhere));
}

/** Twice, since a mistyped passphrase closes the CA for ever. */
export async function newPassphrase(context: Context, elsewhere?: string): Promise<Buffer> {
  const first = await prompt('new passphrase for the CA', context, elsewhere);
  const second = await prompt('the same again', context, elsewhere);
  if (!first.equals(second))
    throw new PkiError('passphrase', 'the two passphrases differ', { hint: 'nothing was made; try again' });
  return first;
}

/** @throws PkiError `passphrase` where there is no terminal: nothing ever waits for one. */
export async function prompt(
  label: string,
  context: Context,
  elsewhere = 'give it with --passphrase-file FILE or in CERTWRIGHT_CA_PASSPHRASE',
): Promise<Buffer> {
  const { stdin, stderr } = context;
  if (!isTerminal(stdin)) {
    throw new PkiError('passphrase', `a ${label} is needed and there is no terminal to ask at`, {
      hint: elsewhere,
    });
  }
  stderr.write(`${label}: `);
  stdin.setRawMode(true);
  try {
    return await readHidden(stdin, context);
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}

const isTerminal = (stdin: Context['stdin']): stdin is ReadStream =>
  stdin.isTTY === true && 'setRawMode' in stdin;

/**
 * Raw mode hands over every key as it is pressed: Enter ends, Backspace takes back, Ctrl-D gives up, and Ctrl-C is the
 * signal that it is elsewhere.
 */
function readHidden(terminal: ReadStream, { kill, pid, signal }: Context): Promise<Buffer> {
  return new Promise((done, fail) => {
    let typed: string[] = [];
    const stop = (): void => {
      terminal.off('data', onData);
      signal.removeEventListener('abort', interrupted);
    };
    const refuse = (message: string): void => {
      stop();
      fail(new PkiError('passphrase', message, { hint: 'nothing was done' }));
    };
    const interrupted = (): void => {
      stop();
      fail(signal.reason as Error);
    };
    const onData = (chunk: Buffer): void => {
      for (const key of chunk.toString('utf8')) {
        if (key === '\u0003') {
          kill(pid, 'SIGINT');
          return;
        }
        if (key === '\u0004') {
          refuse('no passphrase was given');
          return;
        }
        if (key === '\r' || key === '\n') {
          const text = typed.join('');
          if (text === '') {
            refuse('the passphrase is empty');
            return;
          }
          stop();
          done(Buffer.from(text, 'utf8'));
          return;
        }
        typed = key === '\u007f' || key === '\b' ? typed.slice(0, -1) : [...typed, key];
      }
    };
    signal.throwIfAborted();
    terminal.on('data', onData);
    signal.addEventListener('abort', interrupted);
  });
}
