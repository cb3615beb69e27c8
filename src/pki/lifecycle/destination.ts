import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { isThere, orIoError } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { checkDestination, lookAtGiven, refuseNoFolder, refuseOurs } from '../given-path.ts';
import { placeOf } from '../place.ts';
import type { PemSet } from './generation-files.ts';

/** Where a pipeline wants its files. */
export type Destination =
  { kind: 'folder'; path: string } | { kind: 'files'; key: string | undefined; cert: string };

interface Target {
  path: string;
  what: 'key' | keyof PemSet;
}

/** The key first and the certificate last: a certificate that is there has its key. */
export function pathsOf(destination: Destination, withKey: boolean): Target[] {
  if (destination.kind === 'files') {
    const key: Target[] =
      withKey && destination.key !== undefined ? [{ path: destination.key, what: 'key' }] : [];
    return [...key, { path: destination.cert, what: 'fullchain' }];
  }
  const names = ['key', 'chain', 'ca', 'fullchain', 'cert'] as const;
  return names
    .filter((what) => withKey || what !== 'key')
    .map((what) => ({ path: join(destination.path, `${what}.pem`), what }));
}

/**
 * A folder that may be made, or two files that differ in folders that are there: found out before anything is issued.
 * @throws PkiError `not-found`, `bad-input`, `usage`
 */
export function checkPlaces(destination: Destination): void {
  if (destination.kind === 'folder') {
    checkFolder(destination);
    return;
  }
  const { key, cert } = destination;
  for (const [flag, file] of [['--cert-out', cert] as const, ['--key-out', key] as const]) {
    if (file === undefined) continue;
    checkDestination(file, flag);
    refuseReadOnly(dirname(file), flag);
  }
  if (key === undefined) return;
  const at = placeOf(cert);
  if (placeOf(key) !== at) return;
  throw new PkiError('usage', `the key and the certificate would both be written to ${at}`, {
    hint: 'give --key-out and --cert-out two different files',
  });
}

function checkFolder(destination: Destination & { kind: 'folder' }): void {
  const { path } = destination;
  refuseNoFolder(path);
  if (lookAtGiven(path)) {
    for (const target of pathsOf(destination, true)) checkDestination(target.path, '--out');
  } else if (isThere(path)) {
    throw new PkiError('bad-input', `--out ${path} is a link that leads nowhere`, {
      hint: 'make the folder that it leads to, or name another',
    });
  } else refuseOurs(path, '--out');
  let there = path;
  while (!isThere(there)) there = dirname(there);
  refuseReadOnly(there, '--out');
}

/** @throws PkiError `io` */
function refuseReadOnly(folder: string, use: string): void {
  orIoError(`write for ${use} in`, folder, () => {
    accessSync(folder, constants.W_OK | constants.X_OK);
  });
}
