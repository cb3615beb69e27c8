import { mkdir, readdir, readlink, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { foreignCode } from '../errors.ts';
import {
  createOnce,
  ioError,
  jsonText,
  makeFolder,
  pointLink,
  readIfThere,
  readJson,
  removeAll,
  syncFolder,
  temporaryBeside,
  writeNew,
} from '../durable.ts';
import { generationName } from './generation.ts';

export interface TrustFiles {
  /** PEM of every root that is trusted now. */
  roots: string;
  /** PEM of the CRL of every CA in the chain. */
  crls: string;
}

export const defaultTrust = (store: string): string => join(store, '_trust', 'default');

/**
 * Brings `_trust/default` up to date with its authority, in a new version if anything changed.
 * The first local CA of a store makes it and stays its source.
 * @param authority as request.json names it.
 * @returns the path of the bundle, or `undefined` where it belongs to another authority.
 */
export async function updateDefaultTrust(store: string, authority: string, files: TrustFiles): Promise<string | undefined> {
  const folder = defaultTrust(store);
  await makeFolder(join(folder, 'versions'));
  const source = join(folder, 'trust.json');
  const known = await readJson(source);
  if (!known) {
    await createOnce(source, { data: jsonText({ schema: 1, authority }), mode: 0o644 });
    return updateDefaultTrust(store, authority, files);
  }
  if (known['authority'] !== authority) return undefined;
  const current = join(folder, 'current');
  while (!(await isUpToDate(current, files))) {
    const newest = Math.max(0, ...(await versions(folder)));
    const target = join(folder, 'versions', generationName(newest + 1));
    if (await claim(target, files)) await moveForward(folder);
  }
  return current;
}

async function isUpToDate(current: string, files: TrustFiles): Promise<boolean> {
  const [roots, crls] = await Promise.all([
    readIfThere(join(current, 'ca.pem')),
    readIfThere(join(current, 'crl.pem')),
  ]);
  return roots?.toString('latin1') === files.roots && crls?.toString('latin1') === files.crls;
}

async function versions(folder: string): Promise<number[]> {
  return (await readdir(join(folder, 'versions'))).filter((entry) => /^\d{6,}$/.test(entry)).map(Number);
}

async function claim(target: string, files: TrustFiles): Promise<boolean> {
  const draft = temporaryBeside(target);
  await mkdir(draft, { mode: 0o755 });
  try {
    await writeNew(join(draft, 'ca.pem'), { data: files.roots, mode: 0o644 });
    await writeNew(join(draft, 'crl.pem'), { data: files.crls, mode: 0o644 });
    await syncFolder(draft);
    await rename(draft, target);
  } catch (error) {
    await removeAll(draft).catch(() => undefined);
    if (['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) return false;
    throw ioError(error, 'write', target);
  }
  await syncFolder(dirname(target));
  return true;
}

async function moveForward(folder: string): Promise<void> {
  const link = join(folder, 'current');
  for (;;) {
    const newest = Math.max(...(await versions(folder)));
    const current = Number(basename(await readlink(link).catch(() => '0')));
    if (current >= newest) return;
    await pointLink(link, join('versions', generationName(newest)));
    await syncFolder(folder);
  }
}
