import { lookAt } from '../durable.ts';
import { abandonedDrafts } from '../sweep.ts';

/** Folders that runs which are dead were removing from a store, with whatever keys are in them still: absolute paths. */
export const leftRemovals = (store: string): string[] =>
  abandonedDrafts(store).filter((draft) => lookAt(draft)?.isDirectory() === true);
