import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Ownership } from '../durable.ts';
import { PkiError } from '../errors.ts';

/**
 * Looks up `--owner` and `--group`: a number, or a name of the system's databases.
 * @throws PkiError `not-found` for a name that no database knows.
 */
export async function resolveOwnership(
  owner: string | undefined,
  group: string | undefined,
): Promise<Ownership> {
  return {
    uid: owner === undefined ? -1 : await lookUp('passwd', owner),
    gid: group === undefined ? -1 : await lookUp('group', group),
  };
}

/** To chown(2) the highest number, (uid_t)-1, means that nothing shall change. */
export const isAccountNumber = (text: string): boolean =>
  /^\d{1,10}$/.test(text) && Number(text) < 0xffff_ffff;

async function lookUp(database: 'passwd' | 'group', name: string): Promise<number> {
  if (isAccountNumber(name)) return Number(name);
  const local = localDatabase(database);
  const lines = local.split('\n').some((line) => line.startsWith(`${name}:`))
    ? local
    : await getent(database, name);
  const id = lines
    .split('\n')
    .find((line) => line.startsWith(`${name}:`))
    ?.split(':')[2];
  if (id === undefined || !/^\d+$/.test(id)) {
    throw new PkiError(
      'not-found',
      `there is no ${database === 'passwd' ? 'user' : 'group'} ${JSON.stringify(name)}`,
      {
        hint: 'name one that this machine knows, or its number',
      },
    );
  }
  return Number(id);
}

function localDatabase(database: string): string {
  try {
    return readFileSync(`/etc/${database}`, 'utf8');
  } catch {
    return '';
  }
}

/** Directory services behind nsswitch; nothing where there is no getent (macOS). */
async function getent(database: string, name: string): Promise<string> {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._@-]*$/.test(name)) return '';
  const { execFile } = await import('node:child_process');
  return promisify(execFile)('getent', [database, name]).then(
    ({ stdout }) => stdout,
    () => '',
  );
}

/**
 * Permission bits of files that hold a key: 0600, 0640 for a group, or what `--mode` says.
 * @throws PkiError `bad-input` for bits that give it to everybody, or let a group replace it.
 */
export function keyFileMode(mode: string | undefined, group: string | undefined, label = '--mode'): number {
  if (mode === undefined) return group === undefined ? 0o600 : 0o640;
  if (!/^0?[0-7]{3}$/.test(mode)) {
    throw new PkiError('bad-input', `${label} ${JSON.stringify(mode)} is not an octal mode`, {
      hint: 'for example 0600 or 0640',
    });
  }
  const bits = Number.parseInt(mode, 8);
  if ((bits & ~0o640) !== 0 || (bits & 0o400) === 0) {
    throw new PkiError('bad-input', `${label} ${mode} is not for a private key`, {
      hint: 'its owner reads it, a group may, nobody else: 0600, 0640, 0400 or 0440',
    });
  }
  return bits;
}
