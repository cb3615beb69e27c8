import { mkdirSync, readdirSync, renameSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Journal, Recording } from '../authorities/authority.ts';
import {
  discard,
  draftName,
  ioError,
  isThere,
  jsonText,
  makeFolder,
  pointLink,
  readIfThere,
  readJson,
  replace,
  syncFolder,
  temporaryBeside,
  unlinkIfThere,
  writeNew,
} from '../durable.ts';
import { foreignCode, PkiError } from '../errors.ts';
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
    for (const path of [this.#keyFile, ...this.#assembled().map((one) => join(one, 'key.pem'))]) {
      const pem = isEmpty(path) ? undefined : readIfThere(path);
      if (pem) return pem;
    }
    return undefined;
  }

  /** What runs that died had assembled, and not come to claim the number with. */
  #assembled(): string[] {
    if (this.#isBare) return [];
    return readdirSync(this.path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && draftName.exec(entry.name)?.[1] === ready)
      .map(({ name }) => join(this.path, name))
      .filter((path) => versionIn(path) !== undefined);
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

  /** What an authority wrote here; where it did not, what was made of its answer. */
  read(): Readonly<Record<string, unknown>> | undefined {
    if (this.#isBare) return undefined;
    const written = readJson(join(this.path, 'journal.json'));
    return written ?? this.#assembled().map(versionIn)[0];
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

  /** Forgets this one, once nothing can be left of it anywhere else. */
  discard(): void {
    discard(this.path);
  }

  /**
   * Writes the generation whole, and has its authority record it: a run that dies from here on is continued with it.
   * @param files with the key's, if it has one.
   */
  async assemble(
    files: readonly GenerationFile[],
    access: Access,
    recording?: Recording,
  ): Promise<Assembled> {
    const earlier = this.#assembled();
    const path = temporaryBeside(join(this.path, ready));
    try {
      mkdirSync(path, { mode: 0o755 });
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
    const recorded = recording?.commit() ?? [];
    earlier.forEach(discard);
    return { path, recorded };
  }

  /**
   * Claims the number by rename, and switches `current` to it.
   * @returns `false` where another run has claimed the number first.
   */
  async claim({ path, recorded }: Assembled, request: StoredRequest): Promise<boolean> {
    try {
      makeFolder(dirname(this.#target), 0o755, 'later');
      renameSync(path, this.#target);
    } catch (error) {
      discard(path);
      if (['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) return false;
      throw ioError(error, 'write', this.#target);
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
    // What cannot be removed now is recognised by its number and swept by the next run.
    if (this.#isBare) this.#leave();
    else discard(this.path);
  }

  /** The same as `discard`, where it is known what is there. */
  #leave(): void {
    try {
      unlinkIfThere(join(this.path, 'request.json'));
      rmdirSync(this.path);
    } catch {
      discard(this.path);
    }
  }
}

const ready = 'ready';

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
const isEmpty = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.size === 0;
