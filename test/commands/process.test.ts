import { execFileSync, spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { prompt } from '../../src/commands/passphrase.ts';
import { program, run, temporaryFolder } from '../support/cli.ts';

const endOf = (child: ReturnType<typeof spawn>): Promise<unknown> =>
  new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));

describe('a run that waits for input', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('ends by %s at standard input', async (signal) => {
    const child = spawn(process.execPath, [program, 'inspect', '-'], { stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = endOf(child);
    // More than a pipe holds: once it is gone, the program is reading.
    await new Promise((resolve) => child.stdin.write(Buffer.alloc(1 << 20), resolve));
    child.kill(signal);
    expect(await ended).toBe(signal);
  });

  it('ends by SIGINT where Ctrl-C is pressed at a prompt', async () => {
    const controller = new AbortController();
    const sent: string[] = [];
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
    const asked = prompt('passphrase of the CA', {
      ...{ cwd: '/', env: {}, pid: 7, uid: 0, now: () => new Date(0), signal: controller.signal },
      ...{ stdin, stdout: { write: () => true }, stderr: { write: () => true } },
      kill: (pid, signal) => {
        sent.push(`${pid} ${signal}`);
        controller.abort(new Error('interrupted'));
      },
    });
    stdin.write('half a\u0003');
    await expect(asked).rejects.toThrow('interrupted');
    expect(sent).toEqual(['7 SIGINT']);
    expect(stdin.listenerCount('data')).toBe(0);
  });

  it('ends by SIGTERM at a named pipe that nobody writes to', async () => {
    const fifo = join(temporaryFolder(), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const child = spawn(process.execPath, [program, 'inspect', fifo], { stdio: 'ignore' });
    const ended = endOf(child);
    // Opens once the program has opened the other end.
    const silent = await open(fifo, 'w');
    child.kill('SIGTERM');
    expect(await ended).toBe('SIGTERM');
    await silent.close();
  });
});

describe.skipIf(!existsSync('/dev/full'))('standard output that takes nothing', () => {
  it.each([[['--help']], [['list', '--json']]])('is one line and exit code 1: %j', async (words) => {
    const child = spawn(process.execPath, [program, ...words], {
      cwd: temporaryFolder(),
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    });
    let told = '';
    child.stderr?.on('data', (chunk: Buffer) => (told += chunk.toString()));
    expect(await endOf(child)).toBe(1);
    expect(told).toBe('certwright: cannot write the output (ENOSPC)\n');
  });
});

it.each([
  [['ca', 'crl', '--frobnicate'], 'certwright ca crl --help'],
  [['ca', 'frobnicate'], 'certwright ca --help'],
  [['issue', '--frobnicate'], 'certwright issue --help'],
])('wrong usage points to the help that has the flags: %j', async (words, hint) => {
  const { code, stderr } = await run(words, { cwd: temporaryFolder() });
  expect(code).toBe(2);
  expect(stderr.split('\n')[1]).toBe(`  ${hint}`);
});

it('help about a command that there is not says so', async () => {
  const ran = await run(['help', 'bogus'], { cwd: temporaryFolder() });
  expect(ran).toMatchObject({
    code: 2,
    stderr: "certwright: unknown command 'bogus'\n  certwright --help\n",
  });
});
