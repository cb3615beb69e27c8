import { readFile, readlink } from 'node:fs/promises';

/** Who runs: enough to know later whether it still does. */
export interface RunOwner {
  boot: string;
  pidNamespace: string;
  pid: number;
  /** Start time of the process in clock ticks since boot. */
  started: string;
}

const quietly = async (work: Promise<string>): Promise<string> =>
  work.catch(() => '').then((text) => text.trim());

async function startTime(pid: number): Promise<string> {
  const stat = await quietly(readFile(`/proc/${pid}/stat`, 'utf8'));
  // The command's name may hold anything; what follows its last parenthesis is fields 3 and up (proc(5)).
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

export async function thisRun(pid: number): Promise<RunOwner> {
  const [boot, pidNamespace, started] = await Promise.all([
    quietly(readFile('/proc/sys/kernel/random/boot_id', 'utf8')),
    quietly(readlink('/proc/self/ns/pid')),
    startTime(pid),
  ]);
  return { boot, pidNamespace, pid, started };
}

/** `unknown` where it runs out of our sight: another host, boot or container, or no /proc. */
export async function stateOf(owner: RunOwner, us: RunOwner): Promise<'alive' | 'dead' | 'unknown'> {
  if (owner.boot === '' || owner.boot !== us.boot || owner.pidNamespace !== us.pidNamespace) return 'unknown';
  const started = await startTime(owner.pid);
  return started !== '' && started === owner.started ? 'alive' : 'dead';
}
