import { PkiError } from '../pki/errors.ts';
import { inspectDocument, type Inspection, type Lent } from '../pki/lifecycle/inspect.ts';
import type { StoredFacts } from '../pki/lifecycle/inspect-stored.ts';
import { readDocument, type Item, type Problem } from '../pki/x509/document.ts';
import { chainQuestion } from './chain-question.ts';
import type { Context } from './context.ts';
import type { ExitCode } from './exit-codes.ts';
import { report, type Judged, type Look } from './inspect-report.ts';
import { judgeChain } from './judge-chain.ts';
import type { Output } from './output.ts';
import type { TrustFlags } from './trust-options.ts';

/** What the caller wants, and what it is wanted with. */
export interface Asked {
  flags: TrustFlags;
  context: Context;
  look: Look;
  output: Output;
}

/** Judges a file's chain. People see the verdict alone, so nothing is described for them. */
export async function judgeFile(bytes: Buffer, lent: Lent, asked: Asked): Promise<ExitCode> {
  const { look, output } = asked;
  const document = await readDocument(bytes, lent.ask);
  const judged = await judge(document, asked);
  const problems = document.problems.map((one) => ({ ...one, file: look.target }));
  const inspection =
    output.json || look.check
      ? await inspectDocument(document, look.target, look.now)
      : { found: [], related: { relations: [], complete: true } };
  // What is wrong within a certificate that could be read is the verdict's to say.
  return report({ ...inspection, problems }, { stored: undefined, skipped: undefined, judged }, look, output);
}

/** Judges the chain of a certificate of the store. */
export async function judgeStored(
  inspection: Inspection,
  stored: StoredFacts,
  asked: Asked,
): Promise<ExitCode> {
  const { found, problems } = inspection;
  const judged = await judge({ items: found.map(({ item }) => item), problems }, asked, stored.onRecord);
  return report(inspection, { stored, skipped: undefined, judged }, asked.look, asked.output);
}

/**
 * Judges the first certificate; the others serve as intermediates.
 * What is not whole is not judged: the certificate that matters may be the one that cannot be read.
 */
async function judge(
  { items, problems }: { items: readonly Item[]; problems: readonly Problem[] },
  { flags, context, look, output }: Asked,
  onRecord?: StoredFacts['onRecord'],
): Promise<Judged | undefined> {
  const question = await chainQuestion(flags, context);
  if (problems.length > 0) return undefined;
  const [leaf, ...others] = certificatesOf(items);
  if (!leaf) {
    throw new PkiError('bad-input', `${look.target} holds no certificate to be judged`, {
      hint: hintFor(items),
    });
  }
  const input = { ...question, leaf, intermediates: [...others, ...question.intermediates], onRecord };
  return judgeChain(input, output);
}

const certificatesOf = (items: readonly Item[]): (Item & { kind: 'certificate' })['certificate'][] =>
  items.flatMap((item) => (item.kind === 'certificate' ? [item.certificate] : []));

function hintFor(items: readonly Item[]): string {
  const closed = items.find((item) => item.kind === 'foreign');
  return closed === undefined
    ? '--trust is for a file whose first certificate is the one in question'
    : `it is ${closed.what}: ${closed.advice}`;
}
