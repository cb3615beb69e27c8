import { PkiError } from '../errors.ts';
import { describeCertificate } from '../x509/describe-certificate.ts';
import type { DerError } from '../x509/der-reader.ts';
import { problem, readDocument, type Document, type Item, type Problem } from '../x509/document.ts';
import type { AskPassphrase } from '../x509/key-file.ts';
import { signatureTime, type FileBudget } from '../x509/file-budget.ts';
import type { Relations } from '../x509/relations.ts';
import { Budget } from '../x509/budget.ts';
import { describeKeyItem, type ItemDescription } from './inspect-item.ts';

/** An item as it is shown, with its file. */
export interface FoundItem {
  file: string;
  item: Item;
  description: ItemDescription;
}

export interface FileProblem extends Problem {
  file: string;
}

export interface Inspection {
  found: FoundItem[];
  problems: FileProblem[];
  related: Relations;
}

export interface Lent {
  now: Date;
  /** For what is encrypted; `undefined` means that there is no passphrase to be had. */
  ask: AskPassphrase;
}

/** Reads and describes one file's bytes. */
export async function inspectBytes(bytes: Buffer, file: string, lent: Lent): Promise<Inspection> {
  return inspectDocument(await readDocument(bytes, lent.ask), file, lent.now);
}

export async function inspectDocument(document: Document, file: string, now: Date): Promise<Inspection> {
  const inspection = await describeDocument(document, file, now);
  return { ...inspection, related: await relateItems(inspection.found, signatureTime) };
}

/** Relations between things of several files need all of them: they come last. */
export async function relateItems(found: readonly FoundItem[], time: number): Promise<Relations> {
  if (found.length < 2) return { relations: [], complete: true };
  const { relate } = await import('../x509/relations.ts');
  return relate(
    found.map(({ item }) => item),
    new Budget(time),
  );
}

/** Everything that a document holds, and everything that is wrong with it. */
export async function describeDocument(
  document: Document,
  file: string,
  now: Date,
): Promise<Pick<Inspection, 'found' | 'problems'>> {
  const found: FoundItem[] = [];
  const problems: FileProblem[] = document.problems.map((one) => ({ ...one, file }));
  for (const item of document.items) {
    try {
      const { description, malformed } = await describeItem(item, now, document.budget);
      found.push({ file, item, description });
      for (const error of malformed) problems.push({ ...problem(error, item.place), file });
    } catch (error) {
      if (!(error instanceof PkiError)) throw error;
      problems.push({ ...problem(error, item.place), file });
    }
  }
  return { found, problems };
}

async function describeItem(
  item: Item,
  now: Date,
  budget: FileBudget,
): Promise<{ description: ItemDescription; malformed: readonly DerError[] }> {
  switch (item.kind) {
    case 'certificate': {
      const { description, malformed } = describeCertificate(item.certificate, now, budget);
      return {
        description: { ...description, selfSigned: await selfSigned(item, description.selfIssued, budget) },
        malformed,
      };
    }
    case 'request': {
      const { describeRequest } = await import('../x509/describe-other.ts');
      return describeRequest(item.request, budget);
    }
    case 'crl': {
      const { describeCrl } = await import('../x509/describe-other.ts');
      return describeCrl(item.crl, item.summary, now);
    }
    default:
      return { description: describeKeyItem(item), malformed: [] };
  }
}

/** Most certificates are not self-issued, and checking signatures is code that then need not be loaded. */
async function selfSigned(
  item: Item & { kind: 'certificate' },
  selfIssued: boolean,
  { signatures }: FileBudget,
): Promise<boolean | null> {
  if (!selfIssued) return false;
  const { isSelfSigned } = await import('../x509/relations.ts');
  return isSelfSigned(item.certificate, signatures) ?? null;
}
