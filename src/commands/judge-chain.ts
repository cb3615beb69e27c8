import type { ChainInput } from '../pki/x509/validation/chain-input.ts';
import { validateChain } from '../pki/x509/validation/chain.ts';
import type { Judged } from './inspect-report.ts';
import type { Output } from './output.ts';
import { verdictDocument, verdictLines } from './verdict-report.ts';

/** Asks for the verdict and words it. */
export function judgeChain(input: ChainInput, output: Output): Judged {
  const verdict = validateChain(input);
  const [finding] = verdict.candidates[0]?.findings ?? [];
  if (output.quiet && finding) output.problem(finding.message, finding.fix);
  return {
    holds: verdict.valid,
    document: verdictDocument(verdict, input),
    lines: verdictLines(verdict, input, output),
  };
}
