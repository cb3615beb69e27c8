import { chmodSync, mkdirSync, readdirSync, renameSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Journal, Recording } from '../authorities/authority.ts';
import {
  discard,
  draftName,
  ioError,
  isThere,
  jsonText,
  makeOpenFolder,
  orIoError,
  pointLink,
  readIfThere,
  readJson,
  removeAtOnce,
  replace,
  syncFolder,
  temporaryBeside,
  unlinkIfThere,
  writeNew,
} from '../durable.ts';
import { foreignCode, PkiError } from '../errors.ts';
import { sweepDrafts } from '../sweep.ts';
import { generationName } from './folder-name.ts';
import type { Access, CertificateFolder, GenerationFile } from './generation.ts';
import { readRequest, requestText, type StoredRequest } from './request.ts';
import { sealedBy, stampFolder } from './seal.ts';

/** A generation whose files are written whole. */
export interface Assembled {
  path: string;
  /** Folders of its authority that are to be durable before it is in use. */
  recorded: readonly string[];
}

/**
 * A generation being born: `pending/000014/`. A run that died is resumed here: with the key that was kept before something
 * was bought for it, or with that of a generation which it had assembled.
 */
export class PendingGeneration implements Journal {
  readonly number: number;
  readonly #folder: CertificateFolder;
  /** Nothing but a request is in it: this run has begun it, and left nothing else there yet. */
  #isBare: boolean;

  constructor(folder: CertificateFolder, number: number, isBare = false) {
    this.#folder = folder;
    this.number = number;
    this.#isBare = isBare;
  }

  /** Whether there is nothing to go on with. */
  get isBare(): boolean {
    return this.#isBare;
  }

  get path(): string {
    return join(this.#folder.path, 'pending', generationName(this.number));
  }

  get #keyFile(): string {
    return join(this.path, 'key.pem');
  }

  request(): StoredRequest | undefined {
    const file = join(this.path, 'request.json');
    return isEmpty(file) ? undefined : readRequest(file)?.request;
  }

  /** PEM of the key that an earlier run made. */
  key(): Buffer | undefined {
    if (this.#isBare) return undefined;
    const folders = [this.path, ...this.#assembled, ...(this.isWhole ? [this.#target] : [])];
    for (const folder of folders) {
      const path = join(folder, 'key.pem');
      const pem = isEmpty(path) ? undefined : readIfThere(path);
      if (pem) return pem;
    }
    return undefined;
  }

  /** What other runs have assembled, and not come to claim the number with. */
  get #assembled(): string[] {
    if (this.#isBare) return [];
    return foldersIn(this.path)
      .filter((name) => draftName.exec(name)?.[1] === ready)
      .map((name) => join(this.path, name))
      .filter((path) => versionIn(path) !== undefined);
  }

  assembled(): readonly Readonly<Record<string, unknown>>[] {
    return this.#assembled.map(versionIn).filter((one) => one !== undefined);
  }

  /** What the generation says of itself that a run which died has claimed the number with. */
  get version(): Readonly<Record<string, unknown>> {
    return versionIn(this.#target) ?? {};
  }

  /** Keeps the key before anything is bought for it; it is 0600 or stricter from its creation. */
  async keepKey(pem: string, access: Access): Promise<void> {
    this.#isBare = false;
    const draft = temporaryBeside(this.#keyFile);
    writeNew(draft, { data: pem, mode: access.keyMode, ownership: access.ownership }, 'later');
    try {
      await this.#folder.sync([], [draft]);
      renameSync(draft, this.#keyFile);
    } catch (error) {
      discard(draft);
      throw ioError(error, 'write', this.#keyFile);
    }
  }

  read(): Readonly<Record<string, unknown>> | undefined {
    return this.#isBare ? undefined : readJson(join(this.path, 'journal.json'));
  }

  write(entry: Readonly<Record<string, unknown>>, options: { durable: boolean }): void {
    this.#isBare = false;
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

  /** Forgets this one. @throws PkiError `io` */
  drop(): void {
    removeAtOnce(this.path);
  }

  /** Forgets this one, unless something may be left of it at its authority. */
  giveUp(): void {
    if (this.read() === undefined && this.#assembled.length === 0) this.#leave();
  }

  /**
   * Writes the generation whole, and has its authority record it: a run that dies from here on is continued with it.
   * @param files with the key's, if it has one; what says the rest comes last.
   */
  async assemble(
    files: readonly GenerationFile[],
    access: Access,
    recording?: Recording,
  ): Promise<Assembled> {
    const path = temporaryBeside(join(this.path, ready));
    try {
      makeOpenFolder(dirname(this.#target), 'later');
      mkdirSync(path);
      chmodSync(path, 0o755);
      for (const { name, data, secret } of files) {
        const mode = secret ? access.keyMode : 0o644;
        writeNew(join(path, name), { data, mode, ownership: access.ownership }, 'later');
      }
      stampFolder(path, files);
      const record = recording ? [recording.draft()] : [];
      await this.#folder.sync([path], [...files.map(({ name }) => join(path, name)), ...record]);
    } catch (error) {
      recording?.drop();
      discard(path);
      throw ioError(error, 'write', this.#target);
    }
    // This one has their key. Of several that are whole, the next run could not tell which was recorded.
    if (!this.#isBare) sweepDrafts(this.path, ready);
    return { path, recorded: recording?.commit() ?? [] };
  }

  /**
   * Claims the number by rename, and switches `current` to it.
   * @returns `false` where another run has claimed the number first.
   */
  async claim({ path, recorded }: Assembled, request: StoredRequest): Promise<boolean> {
    try {
      renameSync(path, this.#target);
    } catch (error) {
      // Where it is not there any more, that run has cleared up already.
      if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(foreignCode(error) ?? ''))
        throw ioError(error, 'write', this.#target);
      discard(path);
      return false;
    }
    const file = join(this.path, 'request.json');
    // From here on any later run goes on with it.
    if (!isThere(file)) replace(file, { data: requestText(request), mode: 0o600 });
    await this.switchTo(request, recorded);
    return true;
  }

  get #target(): string {
    return this.#folder.versionPath(this.number);
  }

  /** A run that died after the claim has left the generation whole: only the switch is missing. */
  get isWhole(): boolean {
    return !this.#isBare && isThere(join(this.#target, sealedBy));
  }

  /** One rename(2) is the switch. It never goes back to an older generation. */
  async switchTo(request: StoredRequest, recorded: readonly string[] = []): Promise<void> {
    await this.#folder.sync([dirname(this.#target), ...recorded]);
    const file = this.#folder.requestFile;
    const there = readIfThere(file)?.toString();
    if (there !== requestText(request)) {
      // Fields of another version survive.
      const data = requestText(request, readRequest(file)?.unknown());
      if (there !== data) replace(file, { data, mode: 0o644 }, 'now');
    }
    const current = this.#folder.current();
    if (current === undefined || current < this.number) {
      pointLink(this.#folder.currentPath, join('versions', generationName(this.number)));
      await this.#folder.sync([this.#folder.path]);
    }
    this.#leave();
  }

  /** What cannot be removed now is recognised by its number and swept by the next run. */
  #leave(): void {
    try {
      if (!this.#isBare) {
        this.drop();
        return;
      }
      unlinkIfThere(join(this.path, 'request.json'));
      rmdirSync(this.path);
    } catch {
      // Swept, as said.
    }
  }
}

const ready = 'ready';

/** None where the folder is gone: another run has finished. */
function foldersIn(path: string): string[] {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return [];
    throw ioError(error, 'read', path);
  }
}

/** What the file says that is written last; `undefined` where a run died before, or a power cut took it. */
function versionIn(folder: string): Record<string, unknown> | undefined {
  try {
    return readJson(join(folder, sealedBy));
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}

/** A power cut leaves the name alone of what nobody has made durable yet. */
const isEmpty = (file: string): boolean =>
  orIoError('look at', file, () => statSync(file, { throwIfNoEntry: false })?.size === 0);
