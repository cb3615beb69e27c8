import { relateItems, type FileProblem, type FoundItem, type Lent } from '../pki/lifecycle/inspect.ts';
import { inspectFolder } from '../pki/lifecycle/inspect-folder.ts';
import { combine, exit, exitCodeOf, type ExitCode } from './exit-codes.ts';
import { check, itemDocument, problemDocument, report, schema, type Look } from './inspect-report.ts';
import type { Output } from './output.ts';
import { PkiError } from '../pki/errors.ts';

/** Inspects every file of a folder: as one result at the end, or one line for each thing as it is found. */
export async function reportFolder(
  folder: string,
  lent: Lent,
  look: Look,
  stream: boolean,
  output: Output,
): Promise<ExitCode> {
  const found: FoundItem[] = [];
  const problems: FileProblem[] = [];
  let skipped = 0;
  for await (const file of inspectFolder(folder, lent)) {
    if (file.found.length + file.problems.length === 0) skipped += 1;
    found.push(...file.found);
    problems.push(...file.problems);
    if (stream) {
      for (const one of file.found) output.row({ schema, item: itemDocument(one) });
      for (const one of file.problems) output.row({ schema, problem: problemDocument(one) });
    }
  }
  if (found.length + problems.length === 0) {
    throw new PkiError('not-found', `${look.target} holds no certificate, key, request or CRL`, {
      hint: `${skipped} files were looked at`,
    });
  }
  const relations = await relateItems(found);
  if (!stream) return report({ found, problems, relations }, { stored: undefined, skipped }, look, output);
  const checked = look.check ? check(found, look) : undefined;
  output.row({ schema, end: { relations, skipped, check: checked ?? null } });
  const failed = found.length > 0 ? [exit.partly] : problems.map(({ code }) => exitCodeOf[code]);
  return combine([...(problems.length > 0 ? failed : []), ...(checked?.met === false ? [exit.no] : [])]);
}
