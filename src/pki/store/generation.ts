import { linkSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { foreignCode, PkiError } from '../errors.ts';
import {
  discard,
  ioError,
  isThere,
  jsonText,
  makeFolder,
  pointLink,
  readIfThere,
  readJson,
  removeAll,
  replace,
  syncFolder,
  temporaryBeside,
  unlinkIfThere,
  writeNew,
  type Ownership,
} from '../durable.ts';
import type { Journal } from '../authorities/authority.ts';
import { sweepDrafts } from '../sweep.ts';
import { syncEach, type Sync } from '../sync.ts';
import { refuseLink } from './refuse-link.ts';
import { readRequest, requestText, type StoredRequest } from './request.ts';

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

/** `000014` */
export const generationName = (generation: number): string => String(generation).padStart(6, '0');

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
    makeFolder(this.path);
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
      return entries.filter((entry) => /^\d{6,}$/.test(entry)).map(Number);
    } catch (error) {
      if (foreignCode(error) === 'ENOENT') return [];
      throw ioError(error, 'read', path);
    }
  }

  /** The newest generation that an earlier run began. */
  pending(): PendingGeneration | undefined {
    // What is asked of thousands of certificates: a look costs less than a list of nothing.
    if (!isThere(`${this.path}/pending`)) return undefined;
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
      // In the loop: another run may have taken the empty one away.
      makeFolder(join(this.path, 'pending'), 0o700, 'later');
      // What is in use counts also where its files are gone: only what is newer is switched to.
      const taken = [...this.#numbers('versions'), ...this.#numbers('pending'), this.current() ?? 0];
      const number = Math.max(0, ...taken) + 1;
      const path = join(this.path, 'pending', generationName(number));
      // request.json comes with the folder, in one rename: a run that died never leaves a folder without it.
      const draft = temporaryBeside(path);
      try {
        mkdirSync(draft, { mode: 0o700 });
        if (request)
          writeNew(join(draft, 'request.json'), { data: requestText(request), mode: 0o600 }, 'later');
        renameSync(draft, path);
        return new PendingGeneration(this, number);
      } catch (error) {
        discard(draft);
        if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(foreignCode(error) ?? ''))
          throw ioError(error, 'create', path);
      }
    }
  }

  /**
   * Removes what runs that died have left behind a finished generation. Only under the lock: a living run's files
   * have the same names.
   */
  sweep(): void {
    const current = this.current() ?? 0;
    for (const number of this.#numbers('pending')) {
      if (number <= current) discard(join(this.path, 'pending', generationName(number)));
    }
    sweepDrafts(this.path);
    if (isThere(`${this.path}/pending`)) sweepDrafts(`${this.path}/pending`);
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
  prune(keep: number, since: Date, inUse: ReadonlySet<number> = new Set()): void {
    const current = this.current();
    if (current === undefined) return;
    const older = this.generations().filter((one) => one < current);
    for (const generation of older.slice(0, Math.max(0, older.length - keep + 1))) {
      if (inUse.has(generation)) continue;
      const path = this.versionPath(generation);
      if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > since.getTime()) continue;
      // Out of sight in one step: a run that dies here leaves no half of a generation under its number.
      const draft = temporaryBeside(path);
      try {
        renameSync(path, draft);
      } catch {
        continue;
      }
      discard(draft);
    }
  }

  versionPath(generation: number): string {
    return `${this.path}/versions/${generationName(generation)}`;
  }

  /** Forgets everything that runs which died have left half done. */
  discardPending(): void {
    removeAll(join(this.path, 'pending'));
  }
}

/** A generation being born: `pending/000014/`. A run that died is resumed here. */
export class PendingGeneration implements Journal {
  readonly number: number;
  readonly #folder: CertificateFolder;

  constructor(folder: CertificateFolder, number: number) {
    this.#folder = folder;
    this.number = number;
  }

  get path(): string {
    return join(this.#folder.path, 'pending', generationName(this.number));
  }

  get #keyFile(): string {
    return join(this.path, 'key.pem');
  }

  request(): StoredRequest | undefined {
    return this.#kept('request.json') && readRequest(join(this.path, 'request.json'))?.request;
  }

  /** PEM of the key that an earlier run made. */
  key(): Buffer | undefined {
    return this.#kept('key.pem');
  }

  /** A power cut leaves the name alone of what nobody has made durable yet. */
  #kept(name: string): Buffer | undefined {
    const bytes = readIfThere(join(this.path, name));
    return bytes?.length === 0 ? undefined : bytes;
  }

  get sync(): Sync {
    return this.#folder.sync;
  }

  /**
   * Keeps the key before anything is asked for it; it is 0600 or stricter from its creation.
   * @param durability `later` leaves the sync to `complete`: a power cut before takes it.
   */
  async keepKey(pem: string, access: Access, durability: 'now' | 'later' = 'now'): Promise<void> {
    const draft = temporaryBeside(this.#keyFile);
    writeNew(draft, { data: pem, mode: access.keyMode, ownership: access.ownership }, 'later');
    try {
      if (durability === 'now') await this.sync([draft]);
      renameSync(draft, this.#keyFile);
    } catch (error) {
      discard(draft);
      throw ioError(error, 'write', this.#keyFile);
    }
  }

  read(): Readonly<Record<string, unknown>> | undefined {
    return this.#kept('journal.json') && readJson(join(this.path, 'journal.json'));
  }

  write(entry: Readonly<Record<string, unknown>>, options: { durable: boolean }): void {
    const content = { data: jsonText({ schema: 1, ...entry }), mode: 0o600 };
    replace(join(this.path, 'journal.json'), content, options.durable ? 'now' : 'later');
    if (!options.durable) return;
    // And all that leads to it, or a power cut takes the record with the folder above it.
    const above = [dirname(this.path), this.#folder.path, dirname(this.#folder.path)];
    for (const path of [join(this.path, 'request.json'), ...above]) syncFolder(path);
  }

  forget(): void {
    unlinkIfThere(join(this.path, 'journal.json'));
  }

  /** Forgets this one, once nothing can be left of it anywhere else. */
  discard(): void {
    discard(this.path);
  }

  /**
   * Writes the generation whole, claims its number by rename, and switches `current` to it.
   * @returns `false` where another run has claimed the number first.
   */
  async complete(files: readonly GenerationFile[], access: Access, request: StoredRequest): Promise<boolean> {
    if (!(await this.#assemble(files, access, this.#folder.versionPath(this.number)))) return false;
    const file = join(this.path, 'request.json');
    // From here on any later run goes on with it.
    if (!isThere(file)) replace(file, { data: requestText(request), mode: 0o600 });
    await this.switchTo(request);
    return true;
  }

  /** A run that died after the claim has left the generation whole: only the switch is missing. */
  get isWhole(): boolean {
    return isThere(join(this.#folder.versionPath(this.number), 'version.json'));
  }

  async #assemble(files: readonly GenerationFile[], access: Access, target: string): Promise<boolean> {
    makeFolder(dirname(target), 0o755, 'later');
    const draft = temporaryBeside(join(this.path, 'ready'));
    try {
      mkdirSync(draft, { mode: 0o755 });
      const names = files.map(({ name }) => name);
      if (isThere(this.#keyFile)) {
        linkSync(this.#keyFile, join(draft, 'key.pem'));
        names.push('key.pem');
      }
      for (const { name, data, secret } of files) {
        const mode = secret ? access.keyMode : 0o644;
        writeNew(join(draft, name), { data, mode, ownership: access.ownership }, 'later');
      }
      await this.sync([...names.map((name) => join(draft, name)), draft]);
      renameSync(draft, target);
    } catch (error) {
      discard(draft);
      if (['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) return false;
      throw ioError(error, 'write', target);
    }
    return true;
  }

  /** One rename(2) is the switch. It never goes back to an older generation. */
  async switchTo(request: StoredRequest): Promise<void> {
    await this.sync([dirname(this.#folder.versionPath(this.number))]);
    const there = readIfThere(this.#folder.requestFile)?.toString();
    const text = (): string => requestText(request, readRequest(this.#folder.requestFile)?.unknown());
    if (there !== requestText(request) && there !== text())
      replace(this.#folder.requestFile, { data: text(), mode: 0o644 }, 'now');
    const current = this.#folder.current();
    if (current === undefined || current < this.number) {
      pointLink(this.#folder.currentPath, join('versions', generationName(this.number)));
      await this.sync([this.#folder.path]);
    }
    // What cannot be removed now is recognised by its number and swept by the next run.
    discard(this.path);
    try {
      rmdirSync(dirname(this.path));
    } catch {
      // Another run has begun one there.
    }
  }
}
