import { spawn, type SpawnOptions } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { program } from './cli.ts';

/** `full` runs everything; otherwise a spread that takes a minute or so. */
export const full = process.env['CERTWRIGHT_CAMPAIGN'] === 'full';

/** Printed in the tests' names; CERTWRIGHT_CAMPAIGN_SEED repeats a run. */
export const seed = Number(process.env['CERTWRIGHT_CAMPAIGN_SEED'] ?? randomInt(2 ** 31));

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function seededRandom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** All of them in full mode; else `count`, evenly spread, from a start that the seed chooses. */
export function spread<T>(all: readonly T[], count: number): T[] {
  if (full || all.length <= count) return [...all];
  const step = all.length / count;
  const start = seededRandom(seed)() * step;
  return Array.from({ length: count }, (_, index) => all[Math.floor(start + index * step)] as T);
}

/** Runs `work` for each item, a few at a time. */
export async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const queue = items.entries();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const [index, item] of queue) await work(item, index);
    }),
  );
}

/** Ends the program with SIGKILL after a while; it may be done by then. */
export function killed(
  argv: readonly string[],
  options: SpawnOptions,
  delay: number,
  /** Counted from the moment that this is true: it takes a busy machine long to start a program. */
  isBegun: () => boolean = () => true,
): Promise<'killed' | 'done'> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [program, ...argv], { ...options, stdio: 'ignore' });
    let timer: NodeJS.Timeout | undefined;
    const look = setInterval(() => {
      if (timer || !isBegun()) return;
      timer = setTimeout(() => child.kill('SIGKILL'), delay);
    }, 1);
    child.on('exit', (_code, signal) => {
      clearInterval(look);
      clearTimeout(timer);
      done(signal === 'SIGKILL' ? 'killed' : 'done');
    });
  });
}
