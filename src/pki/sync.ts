import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { platform } from 'node:os';
import { dirname } from 'node:path';
import { syncFolder } from './durable.ts';
import { PkiError } from './errors.ts';

/**
 * Waits until what was written, created, renamed or linked survives a power cut: the names in some folders, and the bytes
 * of some files.
 */
export type Sync = (folders: readonly string[], files?: readonly string[]) => Promise<void>;

/** Each by an fsync(2) of its own, what is in a folder before its names. */
export const syncEach: Sync = async (folders, files = []) => {
  for (const path of [...files, ...folders]) syncFolder(path);
};

/** From so many on, one syncfs(2) takes less time than an fsync(2) for each. */
const many = 32;

interface Waiting {
  folders: readonly string[];
  files: readonly string[];
  done: () => void;
  failed: (error: unknown) => void;
}

/**
 * For work on many things at a time: what is ready at about the same time becomes durable together, by one syncfs(2) for
 * each file system, which also tells of writes that have failed. Where there are few, or no `sync -f`, each by itself.
 */
export function syncTogether(): Sync {
  let waiting: Waiting[] = [];
  let before = Promise.resolve();
  const take = async (): Promise<void> => {
    // Whoever else is at work comes to the same point first. A sync that has begun already covers none of them.
    await new Promise(setImmediate);
    const group = waiting;
    waiting = [];
    const count = group.reduce((sum, { folders, files }) => sum + folders.length + files.length, 0);
    try {
      const isTogether = count >= many && (await syncFileSystems(group.flatMap(foldersOf)));
      for (const one of group) {
        if (isTogether) one.done();
        else await settle(one);
      }
    } catch (error) {
      for (const { failed } of group) failed(error);
    }
  };
  return (folders, files = []) =>
    new Promise((done, failed) => {
      waiting.push({ folders, files, done, failed });
      if (waiting.length === 1) before = before.then(take);
    });
}

const settle = ({ folders, files, done, failed }: Waiting): Promise<void> =>
  syncEach(folders, files).then(done, failed);

/** Files are on the file system of their folder. */
const foldersOf = ({ folders, files }: Waiting): string[] => [
  ...folders,
  ...files.map((file) => dirname(file)),
];

/**
 * @returns `false` where there is no such program, and nothing can be said
 * @throws PkiError `io`
 */
async function syncFileSystems(folders: readonly string[]): Promise<boolean> {
  // Elsewhere sync(8) knows no file systems, or does not wait.
  if (platform() !== 'linux') return false;
  const places = new Map<number, string>();
  try {
    for (const path of new Set(folders)) places.set(statSync(path).dev, path);
  } catch {
    // Whose it is will be told by itself.
    return false;
  }
  for (const path of places.values()) {
    const { code, text } = await runSync(path);
    if (code === 1) {
      throw new PkiError('io', `cannot sync the file system of ${path}: ${text}`, {
        hint: 'look what the system log says of the device; the same command goes on',
      });
    }
    if (code !== 0) return false;
  }
  return true;
}

/** `code` is a number where the program has ended by itself. */
const runSync = (path: string): Promise<{ code: unknown; text: string }> =>
  new Promise((resolve) => {
    execFile('sync', ['-f', path], (error, _, stderr) => {
      resolve({ code: error ? error.code : 0, text: stderr.trim().split('\n').at(-1) ?? '' });
    });
  });
