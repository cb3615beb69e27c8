import { relateItems, type FileProblem, type FoundItem, type Lent } from '../pki/lifecycle/inspect.ts';
import { folderSignatureTime } from '../pki/x509/file-budget.ts';
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
    for (const one of file.found) found.push(one);
    for (const one of file.problems) problems.push(one);
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
  const related = await relateItems(found, folderSignatureTime);
  if (!stream) return report({ found, problems, related }, { stored: undefined, skipped }, look, output);
  const checked = look.check ? check(found, look) : undefined;
  output.row({
    schema,
    end: {
      relations: related.relations,
      relationsComplete: related.complete,
      skipped,
      check: checked ?? null,
    },
  });
  const failed = found.length > 0 ? [exit.partly] : problems.map(({ code }) => exitCodeOf[code]);
  return combine([...(problems.length > 0 ? failed : []), ...(checked?.met === false ? [exit.no] : [])]);
}
