import { forgetReplacing, readReplacing } from '../store/replacing-record.ts';
import { certificateFolder } from '../store/store.ts';
import type { StoredGeneration } from './revocation-target.ts';

/** The generation that an earlier run was to revoke, and has perhaps replaced already; `undefined` also for what is no name. */
export const unfinishedReplacing = (store: string, name: string): number | undefined =>
  readReplacing(certificateFolder(store, name));

/** The generation is revoked: the next such order is another one. */
export function endReplacing({ folder, generation }: StoredGeneration): void {
  if (readReplacing(folder) === generation) forgetReplacing(folder);
}
