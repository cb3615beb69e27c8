import { lstatSync, statSync } from 'node:fs';
import { readIfThere } from '../durable.ts';
import { foreignCode, PkiError } from '../errors.ts';
import type { ServiceSignal } from './plan.ts';
import type { DeployWorld } from './world.ts';

const again = 'once the service runs, the next "certwright rotate" sends it again';

/**
 * Sends a signal to the process that a file names.
 * @throws PkiError `hook-failed`
 */
export function signalService(signal: ServiceSignal, pidfile: string, world: DeployWorld): void {
  const pid = readPid(pidfile);
  refuseStranger(pid, pidfile, world.uid);
  try {
    world.kill(pid, `SIG${signal}`);
  } catch (cause) {
    const why =
      foreignCode(cause) === 'ESRCH'
        ? `there is no process ${pid}, which ${pidfile} names`
        : `process ${pid} of ${pidfile} cannot be sent SIG${signal}: ${foreignCode(cause) === 'EPERM' ? 'it belongs to another user' : String(cause)}`;
    throw failed(why, again, cause);
  }
}

/** pid_t is an int, and kill(2) takes no more. */
const highestPid = 0x7fff_ffff;

function readPid(pidfile: string): number {
  const text = readIfThere(pidfile)?.toString('latin1').split('\n', 1)[0]?.trim();
  if (text === undefined) throw failed(`there is no ${pidfile}`, `is the service running? ${again}`);
  // Zero and negative numbers mean whole groups of processes.
  if (/^[1-9]\d{0,9}$/.test(text) && Number(text) <= highestPid) return Number(text);
  throw failed(
    `${pidfile} holds no process number`,
    'pidfile names the file that the service writes at its start',
  );
}

/** Whoever may write the file, or has put a link in its place, would otherwise choose whom root signals: only their own processes. */
function refuseStranger(pid: number, pidfile: string, uid: number): void {
  const file = statSync(pidfile, { throwIfNoEntry: false });
  const named = lstatSync(pidfile, { throwIfNoEntry: false });
  if (!file || !named || uid < 0) return;
  const isOpen = (file.mode & 0o022) !== 0;
  const strangers = [named.uid, file.uid].filter((one) => one !== 0 && one !== uid);
  if (!isOpen && strangers.length === 0) return;
  const owner = statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
  if (!isOpen && strangers.every((one) => one === owner)) return;
  throw failed(
    isOpen
      ? `${pidfile} may be written by others`
      : `process ${pid} is none of user ${strangers[0] ?? 0}, to whom ${pidfile} belongs`,
    'the file must belong to root, to who runs certwright, or to the user of the service',
  );
}

const failed = (message: string, hint: string, cause?: unknown): PkiError =>
  new PkiError('hook-failed', message, { hint, cause });
