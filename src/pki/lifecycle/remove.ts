import { renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  isThere,
  lookAt,
  orIoError,
  readIfThere,
  removeAll,
  syncFolder,
  temporaryBeside,
} from '../durable.ts';
import { PkiError } from '../errors.ts';
import { refuseNoFolder } from '../given-path.ts';
import { withLock } from '../store/lock.ts';
import { readRequest, type StoredRequest } from '../store/request.ts';
import { certificateFolder } from '../store/store.ts';
import { sweepDrafts } from '../sweep.ts';
import { readLife, type CertificateLife } from '../x509/certificate.ts';
import { referenceOf, unknownAuthority } from './authority-reference.ts';
import { leftRemovals } from './left-removals.ts';
import type { World } from './issue.ts';
import { pemCertificates } from './standing.ts';
import { arnIn } from './successor.ts';
import { mayBeBought, quietly, unfinishedOrderIn, type UnfinishedOrder } from './unfinished-order.ts';

/** What goes, and what of it stays elsewhere. */
export interface Removal {
  name: string;
  /** Absolute path of its folder. */
  path: string;
  generation: number | undefined;
  certificate: CertificateLife | undefined;
  /** Who issued it: a folder's absolute path, an ARN, `acm` or `acm:ARN`; `undefined` where nothing tells. */
  authority: string | undefined;
  /** In ACM, where it stays. */
  arn: string | undefined;
  /** Copies at other places, which stay. */
  outputs: readonly string[];
  /** What a run has begun and not finished, and may have paid for. */
  order: UnfinishedOrder | undefined;
}

/** Copies are listed by the outputs of a request. */
const outputsOf = (store: string, request: StoredRequest | undefined): string[] =>
  (request?.outputs ?? []).map(({ path }) => resolve(store, path));

/**
 * Looks at what would be removed, without touching it. What cannot be read is no reason to keep it.
 * @throws PkiError `not-found`, `bad-input` where a link stands in the place of its folder.
 */
export function lookAtRemoval(store: string, name: string): Removal {
  refuseNoFolder(store);
  const folder = certificateFolder(store, name);
  const there = lookAt(folder.path);
  if (!there) {
    throw new PkiError('not-found', `there is no certificate ${JSON.stringify(name)} in ${store}`, {
      hint: '"certwright list" shows what there is',
    });
  }
  if (!there.isDirectory()) {
    throw new PkiError('bad-input', `${folder.path} is not a folder`, {
      hint: 'look who has put it there, and remove it by hand',
    });
  }
  const parts = [
    folder.requestFile,
    folder.currentPath,
    ...['versions', 'pending'].map((one) => join(folder.path, one)),
  ];
  if (!parts.some(isThere)) {
    throw new PkiError('bad-input', `${folder.path} is no certificate's folder`, {
      hint: 'what is not of certwright is removed by hand',
    });
  }
  const request = quietly(() => readRequest(folder.requestFile)?.request);
  const der = quietly(() => pemCertificates(readIfThere(join(folder.currentPath, 'cert.pem')))[0]);
  return {
    name,
    path: folder.path,
    generation: quietly(() => folder.current()),
    certificate: der && quietly(() => readLife(der)),
    authority: request?.authority === unknownAuthority ? undefined : request && referenceOf(store, request),
    arn: quietly(() => arnIn(folder.currentPath)),
    outputs: outputsOf(store, request),
    order: unfinishedOrderIn(folder),
  };
}

/**
 * Ends what runs that died were removing: its name is gone, and keys may be there still.
 * @returns the paths of those that cannot be
 */
export function endRemovals(store: string): string[] {
  sweepDrafts(store);
  return leftRemovals(store);
}

/**
 * Removes a certificate with its keys from the store: out of sight by one rename, then file by file. A run that dies in
 * between leaves a draft, which the next run here or of rotate sweeps. What its authority has on record stays there.
 * @throws PkiError `pending-differs` where a run has begun what may have been paid for, `busy`
 */
export async function remove(
  store: string,
  name: string,
  { discardPending, lockTimeout }: { discardPending: boolean; lockTimeout: number },
  { pid, signal }: Pick<World, 'pid' | 'signal'>,
): Promise<Removal> {
  const folder = certificateFolder(store, name);
  lookAtRemoval(store, name);
  return withLock(folder.lockFile, { pid, timeout: lockTimeout, signal }, async () => {
    const removal = lookAtRemoval(store, name);
    if (removal.order && !discardPending) throw mayBeBought(removal.order, folder);
    const draft = temporaryBeside(folder.path);
    orIoError('remove', folder.path, () => {
      renameSync(folder.path, draft);
    });
    syncFolder(store);
    try {
      removeAll(draft);
    } catch (error) {
      throw notGone(name, draft, error);
    }
    return removal;
  });
}

/** Nobody shall believe that a key is gone which is not. */
function notGone(name: string, draft: string, error: unknown): PkiError {
  const why = error instanceof PkiError ? error.message : String(error);
  return new PkiError('io', `the name ${name} is gone, but keys are left in ${draft}: ${why}`, {
    hint: 'once that is mended, the next "certwright rotate" or "certwright remove" removes them, or rm -r does',
    cause: error,
  });
}
