import { linkSync, mkdirSync, renameSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Journal } from '../authorities/authority.ts';
import {
  discard,
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
import { foreignCode } from '../errors.ts';
import type { Sync } from '../sync.ts';
import { generationName } from './folder-name.ts';
import type { Access, CertificateFolder, GenerationFile } from './generation.ts';
import { readRequest, requestText, type StoredRequest } from './request.ts';
import { stampFolder } from './seal.ts';

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
    const file = join(this.path, 'request.json');
    return isEmpty(file) ? undefined : readRequest(file)?.request;
  }

  /** PEM of the key that an earlier run made. */
  key(): Buffer | undefined {
    return isEmpty(this.#keyFile) ? undefined : readIfThere(this.#keyFile);
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
    return readJson(join(this.path, 'journal.json'));
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
      if (isThere(this.#keyFile) && !isEmpty(this.#keyFile)) {
        linkSync(this.#keyFile, join(draft, 'key.pem'));
        names.push('key.pem');
      }
      for (const { name, data, secret } of files) {
        const mode = secret ? access.keyMode : 0o644;
        writeNew(join(draft, name), { data, mode, ownership: access.ownership }, 'later');
      }
      stampFolder(draft, files);
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

/** A power cut leaves the name alone of what nobody has made durable yet. */
const isEmpty = (file: string): boolean => statSync(file, { throwIfNoEntry: false })?.size === 0;
