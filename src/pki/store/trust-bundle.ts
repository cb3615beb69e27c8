import { chmodSync, mkdirSync, readdirSync, readlinkSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { foreignCode } from '../errors.ts';
import { createOnce } from '../create-once.ts';
import {
  discard,
  ioError,
  isThere,
  jsonText,
  makeOpenFolder,
  orIoError,
  pointLink,
  readIfThere,
  readJson,
  removeAll,
  replace,
  syncFolder,
  temporaryBeside,
  writeNew,
} from '../durable.ts';
import { sweepDrafts } from '../sweep.ts';
import { folderName, generationName } from './folder-name.ts';

export interface TrustFiles {
  /** PEM of every root that is trusted now. */
  roots: string;
  /** PEM of the CAs below them. */
  intermediates: string;
  /** PEM of the CRL of every CA in the chain. */
  crls: string;
}

/** Folder of what to trust under a name. */
export const trustBundle = (store: string, name: string): string => join(store, '_trust', folderName(name));

export const defaultTrust = (store: string): string => trustBundle(store, 'default');

/** A file of the bundle, where this authority feeds it. */
export function trustFor(store: string, authority: string, name: 'ca.pem' | 'crl.pem'): Buffer | undefined {
  const folder = defaultTrust(store);
  if (readJson(join(folder, 'trust.json'))?.['authority'] !== authority) return undefined;
  return readIfThere(join(folder, 'current', name));
}

/**
 * Brings `_trust/default` up to date with its authority, in a new version if anything changed.
 * The first local CA of a store makes it and stays its source.
 * @param authority as request.json names it.
 * @param read what its authority says at that moment.
 * @returns the path of the bundle, or `undefined` where it belongs to another authority.
 */
export function updateDefaultTrust(
  store: string,
  authority: string,
  read: () => TrustFiles,
): string | undefined {
  const folder = defaultTrust(store);
  makeOpenFolder(join(folder, 'versions'));
  const source = join(folder, 'trust.json');
  const known = readJson(source);
  if (!known) {
    createOnce(source, { data: jsonText({ schema: 1, authority }), mode: 0o644 });
    return updateDefaultTrust(store, authority, read);
  }
  // One that is declared may trust others too: "certwright trust" alone brings it up to date.
  if (known['declared'] !== undefined && known['authority'] !== undefined) {
    return known['authority'] === authority && isThere(join(folder, 'current'))
      ? join(folder, 'current')
      : undefined;
  }
  if (known['authority'] === undefined) {
    replace(source, { data: jsonText({ ...known, authority }), mode: 0o644 });
    return updateDefaultTrust(store, authority, read);
  }
  if (known['authority'] !== authority) return undefined;
  updateTrust(folder, read);
  return join(folder, 'current');
}

/** How many versions of a bundle stay. */
const kept = 5;

/**
 * Brings a bundle up to date, in a new version if anything changed.
 * @returns the version in use, and whether it is a new one
 */
export function updateTrust(
  folder: string,
  read: () => TrustFiles,
): { generation: number; changed: boolean } {
  makeOpenFolder(join(folder, 'versions'));
  sweepDrafts(folder);
  sweepDrafts(join(folder, 'versions'));
  // A run that died may have left a version that nobody points to, or a link that a slower run moved back.
  moveForward(folder);
  const current = join(folder, 'current');
  const before = trustGeneration(folder);
  for (;;) {
    const newest = Math.max(0, ...versions(folder));
    // Only after the number: what a higher version holds was read after what a lower one holds.
    const files = read();
    if (isUpToDate(current, files)) break;
    claim(join(folder, 'versions', generationName(newest + 1)), files);
    moveForward(folder);
  }
  prune(folder);
  const generation = trustGeneration(folder);
  return { generation, changed: generation !== before };
}

/** 0 where there is none. */
export const trustGeneration = (folder: string): number => currentVersion(join(folder, 'current'));

/** Readers that have followed `current` to an older one have long been done. */
function prune(folder: string): void {
  const old = versions(folder)
    .sort((x, y) => y - x)
    .slice(kept);
  for (const version of old) removeAll(join(folder, 'versions', generationName(version)));
}

const fileNames = [
  ['ca.pem', 'roots'],
  ['chain.pem', 'intermediates'],
  ['crl.pem', 'crls'],
] as const;

/** Whether a bundle holds just that. */
export const isTrustUpToDate = (folder: string, files: TrustFiles): boolean =>
  isUpToDate(join(folder, 'current'), files);

function isUpToDate(current: string, files: TrustFiles): boolean {
  const same = (name: string, text: string): boolean =>
    readIfThere(join(current, name))?.toString('latin1') === text;
  return fileNames.every(([name, part]) => same(name, files[part]));
}

function versions(folder: string): number[] {
  const all = join(folder, 'versions');
  return orIoError('read', all, () => readdirSync(all))
    .filter((entry) => /^\d{6,15}$/.test(entry))
    .map(Number);
}

/** Writes a version whole under its number, unless another run has that number already. */
function claim(target: string, files: TrustFiles): void {
  const draft = temporaryBeside(target);
  try {
    mkdirSync(draft);
    chmodSync(draft, 0o755);
    for (const [name, part] of fileNames) writeNew(join(draft, name), { data: files[part], mode: 0o644 });
    syncFolder(draft);
    renameSync(draft, target);
  } catch (error) {
    discard(draft);
    if (['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) return;
    throw ioError(error, 'write', target);
  }
  syncFolder(dirname(target));
}

function moveForward(folder: string): void {
  const link = join(folder, 'current');
  for (;;) {
    const newest = Math.max(0, ...versions(folder));
    if (currentVersion(link) >= newest) return;
    pointLink(link, join('versions', generationName(newest)));
    syncFolder(folder);
  }
}

function currentVersion(link: string): number {
  try {
    return Number(basename(readlinkSync(link)));
  } catch {
    return 0;
  }
}
