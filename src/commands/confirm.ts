import { PkiError } from '../pki/errors.ts';
import type { Context } from './context.ts';

/**
 * Asks before something that costs, or cannot be taken back.
 * @param why it is asked, where there is nobody to ask
 * @throws PkiError `usage` where there is nobody to ask, or the answer is no
 */
export async function confirm(
  question: string,
  yes: boolean,
  context: Context,
  why = 'this costs money',
): Promise<void> {
  if (yes) return;
  const { stdin, stderr } = context;
  if (stdin.isTTY !== true) {
    throw new PkiError('usage', `${why}, and there is no terminal to ask at`, {
      hint: 'add --yes',
    });
  }
  stderr.write(`${question} [y/N] `);
  const { createInterface } = await import('node:readline');
  const lines = createInterface({ input: stdin });
  const answer = await new Promise<string>((done) => {
    lines.once('line', done);
    lines.once('close', () => {
      done('');
    });
  });
  lines.close();
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new PkiError('usage', 'nothing was done', { hint: 'answer y, or add --yes' });
}
