import {
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  type Dirent,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  discard,
  ioError,
  lookAt,
  makeFolder,
  makeOpenFolder,
  removeAll,
  temporaryBeside,
  writeNew,
} from '../durable.ts';
import { refuseNoFolder } from '../given-path.ts';
import { liesIn, realFolder } from '../place.ts';
import { sweepDrafts } from '../sweep.ts';
import type { Sync } from '../sync.ts';
import { foreignCode, PkiError } from '../errors.ts';
import { folderName } from './folder-name.ts';
import { CertificateFolder } from './generation.ts';
import { readRequest } from './request.ts';

/** Creates the store where there is none, after proving that its file system can do what the store stands on. */
export function openStoreForWriting(path: string): void {
  refuseNoFolder(path);
  try {
    if (lstatSync(join(path, '.')).isDirectory()) return;
  } catch (error) {
    if (foreignCode(error) !== 'ENOENT') throw ioError(error, 'use', path);
    makeFolder(dirname(path));
    sweepDrafts(dirname(path), basename(path));
    probe(path);
    makeOpenFolder(path);
  }
}

/**
 * Of a store that is looked through, not made: what is mistyped must not look like one that has nothing in it.
 * @throws PkiError `not-found`, `bad-input` for a file, a CA's folder, or that of one certificate
 */
export function requireStore(path: string): void {
  const at = (name: string): string => join(path, name);
  refuseNoFolder(path);
  if (!existsSync(path)) {
    throw new PkiError('not-found', `there is no store in ${path}`, {
      hint: 'name its folder with --store; "certwright issue" makes one',
    });
  }
  if (lookAt(at('ca.json'))?.isFile() === true) {
    throw new PkiError('bad-input', `${path} is the folder of a CA, not of certificates`, {
      hint: 'name the folder of the certificates with --store; --ca names that of a CA',
    });
  }
  if (lookAt(at('request.json'))?.isFile() === true || lookAt(at('current'))?.isSymbolicLink() === true) {
    throw new PkiError('bad-input', `${path} is the folder of one certificate, not of all`, {
      hint: `name the folder above it: --store ${dirname(path)}`,
    });
  }
}

export const certificateFolder = (store: string, name: string, sync?: Sync): CertificateFolder =>
  new CertificateFolder(`${store}/${folderName(name)}`, sync);

/** Is shown a folder that no generation is in use in. */
type SeeEmpty = (folder: CertificateFolder) => void;

/**
 * The names of all certificates in a store, in the order of its folders; none where there is no store.
 * A folder that does not tell goes by its own name.
 */
export function storedNames(store: string, seeEmpty?: SeeEmpty): string[] {
  return foldersIn(store).flatMap((entry) => nameIn(`${store}/${entry}`, entry, seeEmpty) ?? []);
}

/** The same for whoever looks at `current` of each anyway: some may turn out to have none, and be no certificate. */
export function likelyNames(store: string, seeEmpty?: SeeEmpty): string[] {
  return foldersIn(store).flatMap(
    (entry) => (isPlain(entry) ? entry : nameIn(`${store}/${entry}`, entry, seeEmpty)) ?? [],
  );
}

/** Whether a folder tells its certificate's name: a slug does not. */
export const isPlain = (name: string): boolean => folderName(name) === name;

function foldersIn(store: string): string[] {
  try {
    const entries = readdirSync(store, { withFileTypes: true });
    return entries
      .filter((entry) => !/^[._]/.test(entry.name) && (entry.isDirectory() || leadsOut(store, entry)))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return [];
    refuseNoFolder(store);
    throw ioError(error, 'read', store);
  }
}

/** A certificate elsewhere must not be passed over in silence; another name for one of this store has nothing to say. */
function leadsOut(store: string, entry: Dirent): boolean {
  const path = join(store, entry.name);
  if (!entry.isSymbolicLink() || liesIn(realFolder(path), store)) return false;
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** `undefined` where there is no certificate. */
function nameIn(path: string, entry: string, seeEmpty?: SeeEmpty): string | undefined {
  const folder = new CertificateFolder(path);
  try {
    if (folder.current() === undefined && !folder.isCutOff) {
      seeEmpty?.(folder);
      return undefined;
    }
    // Ten thousand requests would be read for nothing.
    if (isPlain(entry)) return entry;
    return readRequest(folder.requestFile)?.request.name ?? entry;
  } catch (error) {
    if (error instanceof PkiError) return entry;
    throw error;
  }
}

const brokenDevice = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EACCES'];

/**
 * Tries, beside where the store will be, so that a run that dies here is followed by one that tries again.
 * @throws PkiError `unsupported` that names what the file system cannot do.
 */
function probe(store: string): void {
  const folder = temporaryBeside(store);
  const file = join(folder, 'file');
  const steps: readonly [string, () => void][] = [
    [
      'keep permission bits',
      () => {
        keepsModes(file);
      },
    ],
    [
      'make hard links',
      () => {
        linkSync(file, join(folder, 'link'));
      },
    ],
    [
      'make symbolic links',
      () => {
        symlinkSync('file', join(folder, 'symlink'));
      },
    ],
    [
      'rename over a symbolic link',
      () => {
        renamesOverLinks(folder);
      },
    ],
  ];
  makeFolder(folder, 0o700, 'later');
  try {
    for (const [what, step] of steps) attempt(store, what, step);
    // Once the store is there, nobody looks for this again.
    removeAll(folder);
  } catch (error) {
    discard(folder);
    throw error;
  }
}

function attempt(store: string, what: string, step: () => void): void {
  try {
    step();
  } catch (cause) {
    if (cause instanceof PkiError) throw cause;
    if (brokenDevice.includes(foreignCode(cause) ?? '')) throw ioError(cause, 'write', store);
    throw new PkiError('unsupported', `the file system of ${store} does not ${what}`, {
      hint: 'keep the store on a local Linux or macOS file system',
      cause,
    });
  }
}

function keepsModes(file: string): void {
  writeNew(file, { data: '', mode: 0o600 }, 'later');
  const { mode } = lstatSync(file);
  if ((mode & 0o777) !== 0o600) throw new Error(`mode ${mode.toString(8)}`);
}

function renamesOverLinks(folder: string): void {
  const current = join(folder, 'current');
  symlinkSync('link', current);
  renameSync(join(folder, 'symlink'), current);
  if (readlinkSync(current) !== 'file') throw new Error('the old link stayed');
}
