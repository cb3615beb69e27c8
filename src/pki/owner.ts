import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';

/** Who runs: enough to know later whether it still does. */
export interface RunOwner {
  boot: string;
  pidNamespace: string;
  pid: number;
  /** Start time of the process in clock ticks since boot. */
  started: string;
}

/** Empty where it cannot be read. */
function quietly(read: () => string): string {
  try {
    return read().trim();
  } catch {
    return '';
  }
}

function startTime(pid: number): string {
  const stat = quietly(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The command's name may hold anything; what follows its last parenthesis is fields 3 and up (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie is over, and stays for ever where nobody reaps it: the first process of many a container does not.
  return fields[0] === 'Z' || fields[0] === 'X' ? '' : (fields[19] ?? '');
}

let self: RunOwner | undefined;

/** @param pid of this process: nothing of what it says changes while it runs. */
export function thisRun(pid: number): RunOwner {
  if (self?.pid !== pid) {
    self = {
      boot: quietly(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
      pidNamespace: quietly(() => readlinkSync('/proc/self/ns/pid')),
      pid,
      started: startTime(pid),
    };
  }
  return self;
}

/** `unknown` where it runs out of our sight: another host, boot or container, or no /proc. */
export function stateOf(owner: RunOwner, us: RunOwner): 'alive' | 'dead' | 'unknown' {
  if (owner.boot === '' || owner.boot !== us.boot || owner.pidNamespace !== us.pidNamespace) return 'unknown';
  const started = startTime(owner.pid);
  return started !== '' && started === owner.started ? 'alive' : 'dead';
}

let ours: string | undefined;

/** The mark of a run that cannot be told from others. */
const unseen = '00000000-0-0';

/** This run as part of a file's name: where it can be seen (hashed), process number, start time. Zeros without /proc. */
export function runMark(): string {
  if (ours === undefined) {
    const { boot, pidNamespace, pid, started } = thisRun(Number(quietly(() => readlinkSync('/proc/self'))));
    const place = createHash('sha256').update(`${boot} ${pidNamespace}`).digest('hex').slice(0, 8);
    ours = started === '' ? unseen : `${place}-${pid}-${started}`;
  }
  return ours;
}

/** Whether the run with this mark is over, or out of our sight. */
export function stateOfMark(mark: string): 'alive' | 'dead' | 'unknown' {
  // A hundred drafts of our own may lie in a folder at once.
  if (mark === runMark() && mark !== unseen) return 'alive';
  const [place, pid, started] = mark.split('-');
  if (started === '0' || place !== runMark().split('-')[0]) return 'unknown';
  return startTime(Number(pid)) === started ? 'alive' : 'dead';
}

let asker: string | undefined;

/** Who runs this, for records: `user@host`. Behind sudo and su, on systems that keep it (audit), whoever has logged in. */
export function askedBy(): string {
  if (asker === undefined) {
    const { uid, name } = user();
    const login = uid === 0 ? Number(quietly(() => readFileSync('/proc/self/loginuid', 'utf8'))) : uid;
    const known = login === uid ? name : nameOf(login);
    asker = `${known ?? name}@${hostname()}`.replace(/[^\w.@-]/g, '_').slice(0, 400);
  }
  return asker;
}

/** A container may run as a user whom nobody has given a name. */
function user(): { uid: number; name: string } {
  try {
    const { uid, username } = userInfo();
    return { uid, name: username };
  } catch {
    return { uid: -1, name: 'unknown' };
  }
}

function nameOf(uid: number): string | undefined {
  const lines = quietly(() => readFileSync('/etc/passwd', 'utf8')).split('\n');
  return lines.map((line) => line.split(':')).find(([, , id]) => id === String(uid))?.[0];
}
