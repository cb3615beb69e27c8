import { linkSync, readFileSync, renameSync, statSync, utimes, writeFileSync } from 'node:fs';
import { foreignCode, PkiError } from '../errors.ts';
import { discard, ioError, jsonText, readIfThere, temporaryBeside, unlinkIfThere } from '../durable.ts';
import { stateOf, thisRun, type RunOwner } from '../owner.ts';

export interface LockOptions {
  pid: number;
  /** Milliseconds to wait for another run. */
  timeout: number;
  signal: AbortSignal;
}

/** How often an owner shows that it lives, and after how long without a sign it counts as dead elsewhere. */
const heartbeat = 5_000;
const silence = 20_000;

/** Paths of the locks that this run holds. */
const ours = new Set<string>();

/**
 * Holds `path` as a lock while `work` runs. It is politeness: two runs at once waste work but break nothing,
 * since whatever they create is claimed by rename or link.
 * @throws PkiError `busy` when another run keeps it for longer than the timeout.
 */
export async function withLock<T>(path: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  const us = thisRun(options.pid);
  const text = jsonText({ schema: 1, ...us });
  await acquire(path, text, us, options);
  ours.add(path);
  const timer = setInterval(() => utimes(path, new Date(), new Date(), () => undefined), heartbeat);
  timer.unref();
  try {
    return await work();
  } finally {
    clearInterval(timer);
    ours.delete(path);
    release(path, text);
  }
}

/** The work is done: a lock that cannot be taken away is no failure, the next run sees that its owner is dead. */
function release(path: string, text: string): void {
  try {
    if (readFileSync(path, 'utf8') === text) unlinkIfThere(path);
  } catch {
    // Gone, or broken by a run that did not see us.
  }
}

async function acquire(path: string, text: string, us: RunOwner, options: LockOptions): Promise<void> {
  const deadline = performance.now() + options.timeout;
  let seen = { modified: -1, at: performance.now() };
  for (let pause = 5; ; pause = Math.min(pause * 2, 200)) {
    if (create(path, text)) return;
    const held = readIfThere(path)?.toString('utf8');
    if (held === undefined) continue;
    const modified = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -1;
    if (modified !== seen.modified) seen = { modified, at: performance.now() };
    const owner = parseOwner(held);
    const state = owner ? stateOf(owner, us) : 'unknown';
    if (state === 'dead' || (state === 'unknown' && performance.now() - seen.at > silence)) {
      breakLock(path, held);
      continue;
    }
    if (performance.now() > deadline) {
      throw new PkiError('busy', `another run holds ${path}${owner ? ` (process ${owner.pid})` : ''}`, {
        hint:
          options.timeout === 0
            ? 'wait until it is done'
            : 'wait for it, or give more time with --lock-timeout',
      });
    }
    const { setTimeout: wait } = await import('node:timers/promises');
    await wait(pause * (0.5 + Math.random()), undefined, { signal: options.signal }).catch(() => {
      options.signal.throwIfAborted();
    });
  }
}

/** All locks of a run say the same: another name for one that it holds is a file less to make and to remove. */
function create(path: string, text: string): boolean {
  const [other] = ours;
  if (other !== undefined && linkTo(other, path, text)) return true;
  const temporary = temporaryBeside(path);
  try {
    writeFileSync(temporary, text, { flag: 'wx', mode: 0o644 });
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (foreignCode(error) === 'EEXIST') return false;
    throw ioError(error, 'lock', path);
  } finally {
    // Once the lock is ours, a draft that stays is no failure: it is swept when this run is over.
    discard(temporary);
  }
}

/** @returns `false` where that does not help: it is on another file system, or was taken from us. */
function linkTo(other: string, path: string, text: string): boolean {
  try {
    linkSync(other, path);
  } catch {
    return false;
  }
  if (readIfThere(path)?.toString('utf8') === text) return true;
  unlinkIfThere(path);
  return false;
}

/** Takes a dead owner's lock away; if a living one got in between, it is put back. */
function breakLock(path: string, held: string): void {
  const aside = temporaryBeside(path);
  try {
    renameSync(path, aside);
    if (readIfThere(aside)?.toString('utf8') !== held) putBack(aside, path);
    unlinkIfThere(aside);
  } catch (error) {
    if (foreignCode(error) !== 'ENOENT') throw ioError(error, 'unlock', path);
  }
}

function putBack(aside: string, path: string): void {
  try {
    linkSync(aside, path);
  } catch (error) {
    // A third run holds it by now.
    if (foreignCode(error) !== 'EEXIST') throw error;
  }
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
