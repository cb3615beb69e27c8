import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { platform } from 'node:os';
import { syncFolder } from './durable.ts';
import { PkiError } from './errors.ts';

/**
 * Waits until what was written, created, renamed or linked at these paths survives a power cut: files, and folders for
 * the names in them.
 */
export type Sync = (paths: readonly string[]) => Promise<void>;

/** Each by an fsync(2) of its own. */
export const syncEach: Sync = async (paths) => {
  for (const path of paths) syncFolder(path);
};

/** From so many on, one syncfs(2) takes less time than an fsync(2) for each. */
const many = 32;

interface Waiting {
  paths: readonly string[];
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
    const paths = group.flatMap((one) => one.paths);
    try {
      const isTogether = paths.length >= many && (await syncFileSystems(paths));
      for (const one of group) {
        if (isTogether) one.done();
        else await settle(one);
      }
    } catch (error) {
      for (const { failed } of group) failed(error);
    }
  };
  return (paths) =>
    new Promise((done, failed) => {
      waiting.push({ paths, done, failed });
      if (waiting.length === 1) before = before.then(take);
    });
}

const settle = ({ paths, done, failed }: Waiting): Promise<void> => syncEach(paths).then(done, failed);

/**
 * @returns `false` where there is no such program, and nothing can be said
 * @throws PkiError `io`
 */
async function syncFileSystems(paths: readonly string[]): Promise<boolean> {
  // Elsewhere sync(8) knows no file systems, or does not wait.
  if (platform() !== 'linux') return false;
  const places = new Map<number, string>();
  try {
    for (const path of paths) places.set(statSync(path).dev, path);
  } catch {
    // Whose it is will be told by itself.
    return false;
  }
  for (const path of places.values()) {
    const { code, text } = await runSync(path);
    if (code === 1) throw new PkiError('io', `cannot sync the file system of ${path}: ${text}`);
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
