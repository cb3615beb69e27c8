import { execFile, type ExecFileOptions } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Context } from '../../src/commands/context.ts';
import { runCommandLine } from '../../src/commands/main.ts';

export interface Ran {
  code: number | string;
  stdout: string;
  stderr: string;
}

const folders: string[] = [];

/** A folder that goes with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'certwright-test-'));
  folders.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder that all tests of a `describe` share. */
export function temporaryFolderForSuite(): () => string {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'certwright-test-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return () => folder;
}

class Collector extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

export interface Lent {
  cwd: string;
  stdin?: string | Buffer;
  env?: Record<string, string>;
  now?: () => Date;
}

/** Runs a command line that is to end with 0, and shows what it said where it does not. */
export async function succeed(argv: readonly string[], lent: Lent): Promise<Ran> {
  const ran = await run(argv, lent);
  expect({ argv, code: ran.code, stderr: ran.code === 0 ? '' : ran.stderr }).toEqual({
    argv,
    code: 0,
    stderr: '',
  });
  return ran;
}

/** Runs a command line in this process, with everything lent. */
export async function run(
  argv: readonly string[],
  { cwd, stdin = '', env = {}, now = () => new Date() }: Lent,
): Promise<Ran> {
  const stdout = new Collector();
  const stderr = new Collector();
  const input = new PassThrough();
  input.end(stdin);
  const context: Context = {
    cwd,
    env,
    stdin: input,
    stdout,
    stderr,
    pid: process.pid,
    uid: process.geteuid?.() ?? -1,
    kill: (pid, signal) => void process.kill(pid, signal),
    now,
    signal: new AbortController().signal,
  };
  const code = await runCommandLine(argv, context);
  return { code, stdout: stdout.text, stderr: stderr.text };
}

export const program = resolve(import.meta.dirname, '../../bin/certwright.js');

/** Runs the built program as its users do. */
export function spawnProgram(
  argv: readonly string[],
  options: ExecFileOptions & { stdin?: string } = {},
): Promise<Ran> {
  return execute(process.execPath, [program, ...argv], options);
}

/** Runs any program; never throws for its exit code. */
export function execute(
  file: string,
  argv: readonly string[],
  { stdin, ...options }: ExecFileOptions & { stdin?: string } = {},
): Promise<Ran> {
  return new Promise((done) => {
    const child = execFile(
      file,
      [...argv],
      { maxBuffer: 64 * 1024 * 1024, ...options, encoding: 'utf8' },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : (error.code ?? error.signal ?? 1);
        done({ code, stdout, stderr });
      },
    );
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(stdin ?? '');
  });
}
