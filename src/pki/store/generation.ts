import type { KeyObject } from 'node:crypto';
import { link, mkdir, readdir, readlink, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { foreignCode, PkiError } from '../errors.ts';
import {
  ioError,
  jsonText,
  makeFolder,
  orIoError,
  pointLink,
  readIfThere,
  readJson,
  removeAll,
  replace,
  syncFolder,
  temporaryBeside,
  writeNew,
  type Ownership,
} from '../durable.ts';
import type { Journal } from '../authorities/authority.ts';
import { privateKeyPem } from '../x509/key.ts';
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

  constructor(path: string) {
    this.path = path;
  }

  get lockFile(): string {
    return join(this.path, '.lock');
  }

  get currentPath(): string {
    return join(this.path, 'current');
  }

  get requestFile(): string {
    return join(this.path, 'request.json');
  }

  /** The generation in use, or `undefined` where there is none. */
  async current(): Promise<number | undefined> {
    try {
      const target = basename(await readlink(this.currentPath));
      return /^\d+$/.test(target) ? Number(target) : undefined;
    } catch (error) {
      if (foreignCode(error) === 'ENOENT') return undefined;
      if (foreignCode(error) === 'EINVAL') {
        throw new PkiError('malformed', `${this.currentPath} is not a symbolic link`, {
          hint: 'copy stores with "cp -a" or "tar", which keep links',
        });
      }
      throw ioError(error, 'read', this.currentPath);
    }
  }

  async #numbers(folder: 'versions' | 'pending'): Promise<number[]> {
    try {
      const entries = await readdir(join(this.path, folder));
      return entries.filter((entry) => /^\d{6,}$/.test(entry)).map(Number);
    } catch (error) {
      if (foreignCode(error) === 'ENOENT') return [];
      throw ioError(error, 'read', join(this.path, folder));
    }
  }

  /** The newest generation that an earlier run began. */
  async pending(): Promise<PendingGeneration | undefined> {
    const current = (await this.current()) ?? 0;
    const newest = Math.max(0, ...(await this.#numbers('pending')));
    // One that was switched to already is only what a run did not live to remove.
    return newest <= current ? undefined : new PendingGeneration(this, newest);
  }

  /**
   * Begins a generation by creating its folder under `pending/`. Numbers only grow: a clock that jumps chooses nothing.
   */
  async begin(request: StoredRequest): Promise<PendingGeneration> {
    await makeFolder(join(this.path, 'pending'), 0o700);
    for (;;) {
      const taken = [...(await this.#numbers('versions')), ...(await this.#numbers('pending'))];
      const number = Math.max(0, ...taken) + 1;
      const path = join(this.path, 'pending', generationName(number));
      // request.json comes with the folder, in one rename: a run that died never leaves a folder without it.
      const draft = temporaryBeside(path);
      try {
        await mkdir(draft, { mode: 0o700 });
        await writeNew(join(draft, 'request.json'), { data: requestText(request), mode: 0o600 });
        await rename(draft, path);
        return new PendingGeneration(this, number);
      } catch (error) {
        await removeAll(draft).catch(() => undefined);
        if (!['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) throw ioError(error, 'create', path);
      }
    }
  }

  versionPath(generation: number): string {
    return join(this.path, 'versions', generationName(generation));
  }

  /** Forgets everything that runs which died have left half done. */
  async discardPending(): Promise<void> {
    await removeAll(join(this.path, 'pending'));
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

  async request(): Promise<StoredRequest | undefined> {
    return (await readRequest(join(this.path, 'request.json')))?.request;
  }

  /** PEM of the key that an earlier run made. */
  async key(): Promise<Buffer | undefined> {
    return readIfThere(this.#keyFile);
  }

  /** Keeps the key before anything is asked for it; it is 0600 or stricter from its creation. */
  async keepKey(key: KeyObject, access: Access): Promise<void> {
    const draft = temporaryBeside(this.#keyFile);
    await writeNew(draft, { data: privateKeyPem(key), mode: access.keyMode, ownership: access.ownership });
    await orIoError('write', this.#keyFile, rename(draft, this.#keyFile));
  }

  async read(): Promise<Readonly<Record<string, unknown>> | undefined> {
    return readJson(join(this.path, 'journal.json'));
  }

  async write(entry: Readonly<Record<string, unknown>>, options: { durable: boolean }): Promise<void> {
    const path = join(this.path, 'journal.json');
    const data = jsonText({ schema: 1, ...entry });
    if (options.durable) {
      await replace(path, { data, mode: 0o600 });
      await syncFolder(dirname(this.path));
      return;
    }
    const draft = temporaryBeside(path);
    await writeNew(draft, { data, mode: 0o600 });
    await orIoError('write', path, rename(draft, path));
  }

  /**
   * Writes the generation whole, claims its number by rename, and switches `current` to it.
   * @returns `false` where another run has claimed the number first.
   */
  async complete(files: readonly GenerationFile[], access: Access, request: StoredRequest): Promise<boolean> {
    const target = this.#folder.versionPath(this.number);
    const claimed = (await this.#isWhole(target)) || (await this.#assemble(files, access, target));
    if (!claimed) return false;
    await this.switchTo(request);
    return true;
  }

  /** A run that died after the claim has left the generation whole. */
  async #isWhole(target: string): Promise<boolean> {
    return (await readIfThere(join(target, 'version.json'))) !== undefined;
  }

  async #assemble(files: readonly GenerationFile[], access: Access, target: string): Promise<boolean> {
    await makeFolder(dirname(target));
    const draft = temporaryBeside(join(this.path, 'ready'));
    try {
      await mkdir(draft, { mode: 0o755 });
      const { ownership } = access;
      await Promise.all([
        (await this.key()) && link(this.#keyFile, join(draft, 'key.pem')),
        ...files.map(({ name, data, secret }) =>
          writeNew(join(draft, name), { data, mode: secret ? access.keyMode : 0o644, ownership }),
        ),
      ]);
      await syncFolder(draft);
      await rename(draft, target);
    } catch (error) {
      await removeAll(draft).catch(() => undefined);
      if (['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) return false;
      throw ioError(error, 'write', target);
    }
    await syncFolder(dirname(target));
    return true;
  }

  /** One rename(2) is the switch. It never goes back to an older generation. */
  async switchTo(request: StoredRequest): Promise<void> {
    const earlier = await readRequest(this.#folder.requestFile);
    await replace(this.#folder.requestFile, { data: requestText(request, earlier?.unknown), mode: 0o644 });
    const current = await this.#folder.current();
    if (current === undefined || current < this.number) {
      await pointLink(this.#folder.currentPath, join('versions', generationName(this.number)));
      await syncFolder(this.#folder.path);
    }
    await removeAll(this.path);
  }
}
