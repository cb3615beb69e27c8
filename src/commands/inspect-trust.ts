import { PkiError } from '../pki/errors.ts';
import type { Inspection } from '../pki/lifecycle/inspect.ts';
import { validateChain } from '../pki/x509/validation/chain.ts';
import { chainQuestion } from './chain-question.ts';
import type { Context } from './context.ts';
import type { Judged } from './inspect-report.ts';
import type { Output } from './output.ts';
import type { TrustFlags } from './trust-options.ts';
import { verdictDocument, verdictLines } from './verdict-report.ts';

/**
 * Judges the first certificate of what was found; the others serve as intermediates.
 * What is not whole is not judged: the certificate that matters may be the one that cannot be read.
 */
export async function judgeFound(
  { found, problems }: Inspection,
  target: string,
  flags: TrustFlags,
  context: Context,
  output: Output,
): Promise<Judged | undefined> {
  const question = await chainQuestion(flags, context);
  if (problems.length > 0) return undefined;
  const [leaf, ...others] = found.flatMap(({ item }) =>
    item.kind === 'certificate' ? [item.certificate] : [],
  );
  if (!leaf) {
    throw new PkiError('bad-input', `${target} holds no certificate to be judged`, {
      hint: '--trust is for a file whose first certificate is the one in question',
    });
  }
  const input = { ...question, leaf, intermediates: [...others, ...question.intermediates] };
  const verdict = validateChain(input);
  const [finding] = verdict.candidates[0]?.findings ?? [];
  if (output.quiet && finding) output.problem(finding.message, finding.fix);
  return {
    holds: verdict.valid,
    document: verdictDocument(verdict, input),
    lines: verdictLines(verdict, input, output),
  };
}
