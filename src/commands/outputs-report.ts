import type { OutputOutcome } from '../pki/lifecycle/outputs.ts';
import { exit, type ExitCode } from './exit-codes.ts';
import { describe, type Output } from './output.ts';

/** What is printed of each output with --json. */
export const outputDocuments = (outcomes: readonly OutputOutcome[] = []): object[] =>
  outcomes.map(({ path, content, state, was, exposed, error }) => {
    const document = { path, content, state, was: was ?? null, exposed };
    if (state !== 'failed') return document;
    const { code, message, hint } = describe(error);
    return { ...document, error: { code, message, ...(hint === undefined ? {} : { hint }) } };
  });

/** A certificate that is as it should be ends as its copies do. */
export const withOutputs = (code: ExitCode, outcomes: readonly OutputOutcome[] = []): ExitCode =>
  code === exit.done && outcomes.some(({ state }) => state === 'failed') ? exit.failed : code;

const words = {
  missing: 'it was missing',
  link: 'a link stood in its place',
  content: 'it held something else',
  access: 'its owner or mode was another',
} as const;

/**
 * Says what was wrong with copies, and what could not be mended.
 * @param isNew whether the certificate is: then that they are written goes without saying.
 */
export function tellOutputs(
  name: string,
  outcomes: readonly OutputOutcome[] = [],
  output: Output,
  isNew: boolean,
): void {
  for (const { path, state, was, exposed, error } of outcomes) {
    if (state === 'failed') {
      const { message, hint } = describe(error);
      output.problem(`${name}: output ${path}: ${message}`, hint);
    } else if (state !== 'right' && was !== undefined && !isNew) {
      const line = `${name}: ${state === 'written' ? 'wrote' : 'would write'} ${path}: ${words[was]}`;
      if (!exposed) output.note(line);
      else
        output.warn(`${line}; others could use its key: "certwright rotate ${name} --force" makes a new one`);
    }
  }
}
