import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { discard, draftName } from './durable.ts';
import { stateOfMark } from './owner.ts';

/** Long after any run has ended whose end cannot be seen from here: another host, boot or container. */
const abandoned = 3_600_000;

/**
 * Removes the drafts that dead runs have left in a folder.
 * @param only of what is to have this name; a folder that is not ours alone is swept of nothing else.
 */
export function sweepDrafts(folder: string, only?: string): void {
  for (const draft of abandonedDrafts(folder, only)) discard(draft);
}

/** The paths of those drafts. */
export function abandonedDrafts(folder: string, only?: string): string[] {
  return entriesOf(folder).flatMap((entry) => {
    const [, name, mark] = draftName.exec(entry) ?? [];
    if (mark === undefined || (only !== undefined && name !== only)) return [];
    const draft = join(folder, entry);
    return isOver(draft, mark) ? [draft] : [];
  });
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not there yet, or not for us to look through: what needs it will say so itself.
    return [];
  }
}

function isOver(draft: string, mark: string): boolean {
  const state = stateOfMark(mark);
  if (state !== 'unknown') return state === 'dead';
  const { mtimeMs } = lstatSync(draft, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
  return Date.now() - mtimeMs > abandoned;
}
