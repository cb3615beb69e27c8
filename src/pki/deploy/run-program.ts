import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { foreignCode, PkiError } from '../errors.ts';
import { formatDuration } from '../x509/duration.ts';
import { commandText } from './plan.ts';
import { refuseWritable } from './refuse-writable.ts';
import type { DeployWorld } from './world.ts';

export interface ProgramOrder {
  /** Absolute path of the program. */
  file: string;
  /** As it was configured: the program's name first. */
  argv: readonly string[];
  variables: Readonly<Record<string, string>>;
  cwd: string;
  input: string;
  /** Milliseconds. */
  timeout: number;
}

/** Of what a hook says, this much of its end is kept. */
const mostOutput = 4096;
/** Milliseconds between SIGTERM and SIGKILL. */
const grace = 3_000;
/** What a daemon that the hook started may hold our pipes open for, in milliseconds. */
const patienceForPipes = 500;

/** Others could have changed it. */
function refuseProgram(file: string, world: DeployWorld): void {
  try {
    refuseWritable(file, 'the hook', world.uid);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    throw new PkiError('hook-failed', error.message, { hint: error.hint, cause: error });
  }
}

/**
 * Runs a program in a process group of its own and waits for it.
 * @returns the end of what it said.
 * @throws PkiError `hook-failed` with the end of its output as details, or because others may write it; the signal's reason where it is aborted.
 */
export async function runProgram(order: ProgramOrder, world: DeployWorld): Promise<string> {
  const { spawn } = await import('node:child_process');
  world.signal.throwIfAborted();
  refuseProgram(order.file, world);
  const what = commandText(order.argv);
  const child = spawn(order.file, order.argv.slice(1), {
    argv0: order.argv[0],
    cwd: order.cwd,
    env: { ...withoutSecrets(world.env), ...order.variables },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const said = listen(child);
  // Whoever does not read what it is told closes the pipe.
  child.stdin.on('error', () => undefined);
  child.stdin.end(order.input);
  const watch = watchOver(child, order.timeout, world);
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    await closed(child);
    world.signal.throwIfAborted();
    if (watch.timedOut()) {
      throw failed(`${what} was not done within ${formatDuration(order.timeout)} and was killed`, said());
    }
    if (signal !== null) throw failed(`${what} was ended by ${signal}`, said());
    if (code !== 0) throw failed(`${what} ended with ${code ?? 'nothing'}`, said());
    return said();
  } catch (error) {
    if (error instanceof PkiError || world.signal.aborted) throw error;
    throw notStarted(order, error);
  } finally {
    watch.end();
  }
}

/** Ends the whole group once its time is up, or the run is ended: first politely, then for good. */
function watchOver(
  child: ChildProcess,
  timeout: number,
  { kill, signal }: DeployWorld,
): { timedOut: () => boolean; end: () => void } {
  let isLate = false;
  let last: NodeJS.Timeout | undefined;
  const send = (what: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) kill(-child.pid, what);
    } catch {
      // Nobody of the group is left.
    }
  };
  const stop = (): void => {
    send('SIGTERM');
    last ??= setTimeout(() => send('SIGKILL'), grace);
  };
  const first = setTimeout(() => {
    isLate = true;
    stop();
  }, timeout);
  signal.addEventListener('abort', stop, { once: true });
  return {
    timedOut: () => isLate,
    end: () => {
      clearTimeout(first);
      clearTimeout(last);
      signal.removeEventListener('abort', stop);
      // Its leader is gone: what it left behind in its group must not go on after a time-out.
      if (last) send('SIGKILL');
    },
  };
}

/** Both streams in one, as they come. */
function listen(child: ChildProcess): () => string {
  let kept = Buffer.alloc(0);
  const keep = (chunk: Buffer): void => {
    kept = Buffer.concat([kept, chunk]).subarray(-mostOutput);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return () => kept.toString('utf8');
}

/** What was said until its end; a process that it left behind may keep the pipes open. */
async function closed({ stdout, stderr }: ChildProcess): Promise<void> {
  const open = [stdout, stderr].flatMap((stream) => (stream && !stream.closed ? [stream] : []));
  const ends = open.map((stream) => once(stream, 'close'));
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise((done) => {
    timer = setTimeout(done, patienceForPipes);
  });
  await Promise.race([Promise.all(ends), enough]);
  clearTimeout(timer);
  stdout?.destroy();
  stderr?.destroy();
}

/** What opens a CA is nobody else's. */
function withoutSecrets(env: DeployWorld['env']): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^CERTWRIGHT_.*PASSPHRASE/.test(name)));
}

const failed = (message: string, output: string): PkiError =>
  new PkiError('hook-failed', message, {
    hint: 'mend it: the next "certwright rotate" runs it again, without issuing anything',
    details: output.split('\n').filter((line) => line.trim() !== ''),
  });

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  EACCES: 'may not be run',
  ENOEXEC: 'is no program: a script begins with #!',
  E2BIG: 'is given more than the system takes',
};

function notStarted({ argv }: ProgramOrder, error: unknown): PkiError {
  const code = foreignCode(error) ?? '';
  const why = reasons[code] ?? `cannot be started: ${error instanceof Error ? error.message : String(error)}`;
  return failed(`${argv[0] ?? ''} ${why}`, '');
}
