import { link, open, readFile, rename, stat, unlink, utimes } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { foreignCode, PkiError } from '../errors.ts';
import { ioError, jsonText, temporaryBeside } from '../durable.ts';
import { stateOf, thisRun, type RunOwner } from './owner.ts';

export interface LockOptions {
  pid: number;
  /** Milliseconds to wait for another run. */
  timeout: number;
  signal: AbortSignal;
}

/** How often an owner shows that it lives, and after how long without a sign it counts as dead elsewhere. */
const heartbeat = 5_000;
const silence = 20_000;

/**
 * Holds `path` as a lock while `work` runs. It is politeness: two runs at once waste work but break nothing,
 * since whatever they create is claimed by rename or link.
 * @throws PkiError `busy` when another run keeps it for longer than the timeout.
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const us = await thisRun(options.pid);
  const text = jsonText({ schema: 1, ...us });
  await acquire(path, text, us, options);
  const timer = setInterval(
    () => void utimes(path, new Date(), new Date()).catch(() => undefined),
    heartbeat,
  );
  timer.unref();
  try {
    return await work();
  } finally {
    clearInterval(timer);
    if ((await readText(path)) === text) await unlink(path).catch(() => undefined);
  }
}

async function acquire(path: string, text: string, us: RunOwner, options: LockOptions): Promise<void> {
  const deadline = performance.now() + options.timeout;
  let seen = { modified: -1, at: performance.now() };
  for (let pause = 5; ; pause = Math.min(pause * 2, 200)) {
    if (await create(path, text)) return;
    const held = await readText(path);
    if (held === undefined) continue;
    const modified = (await stat(path).catch(() => undefined))?.mtimeMs ?? -1;
    if (modified !== seen.modified) seen = { modified, at: performance.now() };
    const owner = parseOwner(held);
    const state = owner ? await stateOf(owner, us) : 'unknown';
    if (state === 'dead' || (state === 'unknown' && performance.now() - seen.at > silence)) {
      await breakLock(path, held);
      continue;
    }
    if (performance.now() > deadline) {
      throw new PkiError('busy', `another run holds ${path}${owner ? ` (process ${owner.pid})` : ''}`, {
        hint: 'wait for it, or give more time with --lock-timeout',
      });
    }
    await wait(pause * (0.5 + Math.random()), undefined, { signal: options.signal }).catch(() => {
      options.signal.throwIfAborted();
    });
  }
}

async function create(path: string, text: string): Promise<boolean> {
  const temporary = temporaryBeside(path);
  try {
    const file = await open(temporary, 'wx', 0o644);
    await file.writeFile(text).finally(() => file.close());
    await link(temporary, path);
    return true;
  } catch (error) {
    if (foreignCode(error) === 'EEXIST') return false;
    throw ioError(error, 'lock', path);
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

/** Takes a dead owner's lock away; if a living one got in between, it is put back. */
async function breakLock(path: string, held: string): Promise<void> {
  const aside = temporaryBeside(path);
  try {
    await rename(path, aside);
    if ((await readText(aside)) !== held) await link(aside, path).catch(() => undefined);
    await unlink(aside);
  } catch (error) {
    if (foreignCode(error) !== 'ENOENT') throw ioError(error, 'unlock', path);
  }
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

function parseOwner(text: string): RunOwner | undefined {
  try {
    const value = JSON.parse(text) as Partial<RunOwner>;
    return typeof value.pid === 'number'
      ? { boot: '', pidNamespace: '', started: '', ...value, pid: value.pid }
      : undefined;
  } catch {
    return undefined;
  }
}
