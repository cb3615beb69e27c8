import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { execute, program, type Ran } from './cli.ts';
import { findTool } from './tools.ts';

/*
 * The program under strace(1), which sees and disturbs the system calls of its main thread: all that it changes on
 * disk is changed there, by synchronous calls. Worker threads are not followed, so that counting is exact.
 */

const traced = [
  'openat',
  'write',
  'fsync',
  'fchmod',
  'mkdir',
  'mkdirat',
  'rename',
  'renameat',
  'renameat2',
  'link',
  'linkat',
  'symlink',
  'symlinkat',
  'unlink',
  'unlinkat',
  'rmdir',
] as const;

/** One system call on a file below the working folder. */
export interface DiskCall {
  /** `openat` */
  name: string;
  /** Which of the calls with this name it is, from 1. */
  ordinal: number;
  /** Its arguments, as strace shows them. */
  text: string;
  /** Whether it only reads: an openat(2) that creates nothing. */
  reads: boolean;
}

/**
 * When a process that stands still is ended, long after any is done: the call that is made to fail may be one by which
 * Node.js wakes its own threads.
 */
const standstill = '60s';

/** Whether this system lets a process trace its child. */
export function canTrace(): boolean {
  const strace = findTool('strace');
  return strace !== undefined && spawnSync(strace, ['-qq', '-e', 'trace=none', 'true']).status === 0;
}

/** What the program does to the disk when nothing disturbs it. */
export async function diskCalls(
  argv: readonly string[],
  cwd: string,
): Promise<{ ran: Ran; calls: DiskCall[] }> {
  const { ran, lines } = await trace([], argv, cwd);
  const counts = new Map<string, number>();
  const calls = lines.flatMap((line) => {
    const name = /^(\w+)\(/.exec(line)?.[1];
    if (name === undefined) return [];
    const ordinal = (counts.get(name) ?? 0) + 1;
    counts.set(name, ordinal);
    const text = ours(line, cwd);
    return text === undefined
      ? []
      : [{ name, ordinal, text, reads: name === 'openat' && !text.includes('O_CREAT') }];
  });
  return { ran, calls };
}

/**
 * Runs the program in a fresh working folder with one of its calls failing (`error=ENOSPC`) or fatal (`signal=SIGKILL`).
 * Node.js itself may make some calls more or less than it did when it was watched: then another folder is tried, and the
 * calls after it, and those before.
 * @returns also the call that was hit; `undefined` where none was.
 */
export async function disturb(
  call: Pick<DiskCall, 'name' | 'ordinal'>,
  effect: string,
  argv: readonly string[],
  fresh: () => Promise<string> | string,
): Promise<{ cwd: string; ran: Ran; hit: string | undefined }> {
  const ordinals = [0, 0, 1, -1, 2, -2, 3, -3].map((more) => Math.max(1, call.ordinal + more));
  for (;;) {
    const cwd = await fresh();
    const when = ordinals.shift() ?? call.ordinal;
    const { ran, lines } = await trace(['-e', `inject=${call.name}:${effect}:when=${when}`], argv, cwd);
    // A call that its process did not survive has no result.
    const struck = lines.find((line) => /\(INJECTED\)| = \?$/.test(line));
    const hit = struck === undefined ? undefined : ours(struck, cwd);
    if (hit !== undefined || ordinals.length === 0) return { cwd, ran, hit };
    rmSync(cwd, { recursive: true });
  }
}

async function trace(
  inject: readonly string[],
  argv: readonly string[],
  cwd: string,
): Promise<{ ran: Ran; lines: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'certwright-strace-'));
  const file = join(folder, 'trace');
  try {
    const calls = traced.map((name) => `?${name}`).join(',');
    const flags = ['-y', '-s', '4096', '-o', file, '-e', `trace=${calls}`, '-e', 'signal=none', ...inject];
    const tracing = ['strace', ...flags, process.execPath, program, ...argv];
    // It ends the whole group, tracer and traced.
    const ran = await execute('timeout', ['--signal=KILL', standstill, ...tracing], {
      cwd,
      env: { ...process.env, UV_USE_IO_URING: '0' },
    });
    return { ran, lines: readFileSync(file, 'latin1').split('\n') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The line, if it is about a file below the working folder. What a hook is told names such files, too. */
function ours(line: string, cwd: string): string | undefined {
  if (/^write\(\d+<(socket|pipe):/.test(line)) return undefined;
  const text = line.replace(/AT_FDCWD<[^>]*>/g, 'AT_FDCWD');
  return text.includes(`"${cwd}/`) || text.includes(`<${cwd}/`) ? text.replaceAll(cwd, '.') : undefined;
}
