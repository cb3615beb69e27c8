import { lchownSync, mkdirSync, readdirSync, readlinkSync, renameSync, statSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { foreignCode, PkiError } from '../errors.ts';
import {
  discard,
  ioError,
  isThere,
  lookAt,
  makeFolder,
  makeOpenFolder,
  orIoError,
  pointLink,
  removeAtOnce,
  syncFolder,
  temporaryBeside,
  writeNew,
  type Ownership,
} from '../durable.ts';
import { sweepDrafts } from '../sweep.ts';
import { syncEach, type Sync } from '../sync.ts';
import { generationName } from './folder-name.ts';
import { PendingGeneration } from './pending-generation.ts';
import { refuseLink } from './refuse-link.ts';
import { requestText, type StoredRequest } from './request.ts';

/** Who may read the files of a generation. */
export interface Access {
  ownership: Ownership;
  keyMode: number;
}

/** One more file of a generation. */
export interface GenerationFile {
  name: string;
  data: string | Uint8Array;
  /** Whether it holds a private key. */
  secret: boolean;
}

/** A certificate's folder in the store. */
export class CertificateFolder {
  readonly path: string;
  readonly sync: Sync;

  constructor(path: string, sync: Sync = syncEach) {
    this.path = path;
    this.sync = sync;
  }

  /** @throws PkiError `bad-input` where a link stands there: what is written would land wherever it points. */
  create(): void {
    refuseLink(this.path);
    makeOpenFolder(this.path);
  }

  get lockFile(): string {
    return `${this.path}/.lock`;
  }

  get currentPath(): string {
    return `${this.path}/current`;
  }

  get requestFile(): string {
    return `${this.path}/request.json`;
  }

  /**
   * The generation in use, or `undefined` where there is none.
   * @throws PkiError `malformed` where `current` is no link, or leads anywhere else
   */
  current(): number | undefined {
    const link = this.currentPath;
    let target: string;
    try {
      target = readlinkSync(link);
    } catch (error) {
      if (foreignCode(error) === 'ENOENT') return undefined;
      if (foreignCode(error) === 'EINVAL') {
        throw new PkiError('malformed', `${link} is not a symbolic link`, {
          hint: 'copy stores with "cp -a" or "tar", which keep links',
        });
      }
      throw ioError(error, 'read', link);
    }
    const number = /^versions\/(\d{6,15})$/.exec(target)?.[1];
    if (number !== undefined) return Number(number);
    throw new PkiError('malformed', `${link} leads to ${JSON.stringify(target)}, which is no generation`, {
      hint: 'look who has done that, and point it at the newest of versions/ again with "ln -sfn"',
    });
  }

  /** @throws PkiError `bad-input` where a link stands in the place of the folder */
  #numbers(folder: 'versions' | 'pending'): number[] {
    const path = `${this.path}/${folder}`;
    try {
      if (!refuseLink(path)) return [];
      const entries = readdirSync(path);
      return entries.filter((entry) => /^\d{6,15}$/.test(entry)).map(Number);
    } catch (error) {
      if (foreignCode(error) === 'ENOENT') return [];
      throw ioError(error, 'read', path);
    }
  }

  /** Whether no run has begun a generation: what is asked of thousands of certificates, and costs less than a list of nothing. */
  get isAtRest(): boolean {
    return hasNoFolders(`${this.path}/pending`);
  }

  /**
   * Whether there are generations and none is in use, as in a copy that was made without links. A run that died between the two
   * has left its first one under `pending/`, and is no such case.
   */
  get isCutOff(): boolean {
    return this.current() === undefined && this.#hasOnlyOld();
  }

  #hasOnlyOld(): boolean {
    const [newest, begun] = [this.#numbers('versions'), this.#numbers('pending')].map((all) =>
      Math.max(0, ...all),
    );
    return (newest ?? 0) > (begun ?? 0);
  }

  /**
   * What is to be looked at as a certificate of its store.
   * @param current what is in use, where it is known already
   * @returns whether it has no folder but `versions/`: nothing was begun, and nobody else holds it. One look tells, and there are
   * thousands of certificates.
   * @throws PkiError `bad-input` where a link stands in its place, `malformed` where none of its generations is in use
   */
  refuseTorn(current = this.current()): boolean {
    const there = refuseLink(this.path);
    if (current !== undefined) return there?.nlink === 3 && countsFolders(there, this.path);
    if (!this.#hasOnlyOld()) return false;
    const newest = `versions/${generationName(Math.max(...this.#numbers('versions')))}`;
    throw new PkiError('malformed', `${this.currentPath} is gone, which says what is in use`, {
      hint: `"ln -s ${newest} ${this.currentPath}" has the newest in use; copy stores with "cp -a" or "tar", which keep links`,
    });
  }

  /** The newest generation that an earlier run began. */
  pending(): PendingGeneration | undefined {
    const current = this.current() ?? 0;
    const newest = Math.max(0, ...this.#numbers('pending'));
    // One that was switched to already is only what a run did not live to remove.
    if (newest <= current) return undefined;
    const pending = new PendingGeneration(this, newest);
    refuseLink(pending.path);
    return pending;
  }

  /**
   * Begins a generation by creating its folder under `pending/`. Numbers only grow: a clock that jumps chooses nothing.
   * @param request with which a later run goes on; without one, it starts over.
   */
  begin(request: StoredRequest | undefined): PendingGeneration {
    for (;;) {
      this.#makePending();
      // What is in use counts also where its files are gone: only what is newer is switched to.
      const taken = [...this.#numbers('versions'), ...this.#numbers('pending'), this.current() ?? 0];
      const number = Math.max(0, ...taken) + 1;
      const path = this.#pendingPath(number);
      // request.json comes with the folder, in one rename: a run that died never leaves a folder without it.
      const draft = temporaryBeside(path);
      try {
        mkdirSync(draft, { mode: 0o700 });
        if (request)
          writeNew(join(draft, 'request.json'), { data: requestText(request), mode: 0o600 }, 'later');
        renameSync(draft, path);
        return new PendingGeneration(this, number, true);
      } catch (error) {
        discard(draft);
        if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(foreignCode(error) ?? ''))
          throw ioError(error, 'create', path);
      }
    }
  }

  /** It stays, for whoever the certificate's folder belongs to, even if root has begun here once. */
  #makePending(): void {
    const path = `${this.path}/pending`;
    if (isThere(path)) return;
    makeFolder(path, 0o700, 'later');
    const { uid, gid } = statSync(this.path);
    if (statSync(path).uid === uid) return;
    try {
      lchownSync(path, uid, gid);
    } catch {
      // Only root can give it away, and only root has to.
    }
  }

  /**
   * Removes what runs that died have left behind a finished generation. Only under the lock: a living run's files
   * have the same names.
   */
  sweep(): void {
    const current = this.current() ?? 0;
    sweepDrafts(this.path);
    for (const number of this.#numbers('pending')) {
      if (number <= current) discard(this.#pendingPath(number));
    }
    if (!this.isAtRest) sweepDrafts(`${this.path}/pending`);
    sweepDrafts(`${this.path}/versions`);
  }

  /** Every generation that is whole, the oldest first. */
  generations(): number[] {
    return this.#numbers('versions').sort((a, b) => a - b);
  }

  /** Points `current` at a generation, be it an older one. Only ever at somebody's word. */
  pointTo(generation: number): void {
    pointLink(this.currentPath, join('versions', generationName(generation)));
    syncFolder(this.path);
  }

  /**
   * Removes all but the newest generations. One that is in use stays, and so does one that is newer, which a run may be
   * about to switch to, and one that was born after `since`: a reader may have followed `current` to it.
   * @param inUse others that stay: hosts serve them still.
   * What cannot be removed now is removed by a later run.
   */
  prune(keep: number, since: Date, inUse: () => ReadonlySet<number>): void {
    const current = this.current();
    // So many there cannot be.
    if (current === undefined || current <= keep) return;
    const older = this.generations().filter((one) => one < current);
    const surplus = older.slice(0, Math.max(0, older.length - keep + 1));
    if (surplus.length === 0) return;
    const kept = inUse();
    for (const generation of surplus) {
      if (kept.has(generation)) continue;
      const path = this.versionPath(generation);
      if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > since.getTime()) continue;
      try {
        // A run that dies here leaves no half of a generation under its number.
        removeAtOnce(path);
      } catch {
        continue;
      }
    }
  }

  #pendingPath(generation: number): string {
    return `${this.path}/pending/${generationName(generation)}`;
  }

  versionPath(generation: number): string {
    return `${this.path}/versions/${generationName(generation)}`;
  }

  /** Forgets everything that runs which died have left half done. */
  discardPending(): void {
    for (const number of this.#numbers('pending')) removeAtOnce(this.#pendingPath(number));
  }
}

/** By device: whether a folder has a link for each folder in it, and two more. Some say 1 always, or 2. */
const counting = new Map<number, boolean>();

function countsFolders({ dev }: Stats, path: string): boolean {
  let counts = counting.get(dev);
  if (counts === undefined) {
    // This one is in the one above.
    counts = (lookAt(dirname(path))?.nlink ?? 0) > 2;
    counting.set(dev, counts);
  }
  return counts;
}

/** Whether nothing is in a folder that holds only folders, or that is not there. */
function hasNoFolders(path: string): boolean {
  const found = lookAt(path);
  if (!found?.isDirectory()) return !found;
  return countsFolders(found, path)
    ? found.nlink === 2
    : orIoError('read', path, () => readdirSync(path)).length === 0;
}
