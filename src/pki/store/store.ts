import { randomBytes } from 'node:crypto';
import { link, lstat, readlink, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ioError, makeFolder, removeAll, writeNew } from '../durable.ts';
import { foreignCode, PkiError } from '../errors.ts';
import { folderName } from './folder-name.ts';
import { CertificateFolder } from './generation.ts';

/** Creates the store where there is none, after proving that its file system can do what the store stands on. */
export async function openStoreForWriting(path: string): Promise<void> {
  try {
    if ((await lstat(join(path, '.'))).isDirectory()) return;
  } catch (error) {
    if (foreignCode(error) !== 'ENOENT') throw ioError(error, 'use', path);
    await makeFolder(path);
    await probe(path);
  }
}

export const certificateFolder = (store: string, name: string): CertificateFolder =>
  new CertificateFolder(join(store, folderName(name)));

/** @throws PkiError `unsupported` that names what the file system cannot do. */
async function probe(store: string): Promise<void> {
  const folder = join(store, `.probe-${randomBytes(6).toString('hex')}`);
  const file = join(folder, 'file');
  const steps: readonly [string, () => Promise<unknown>][] = [
    ['keep permission bits', () => keepsModes(file)],
    ['make hard links', () => link(file, join(folder, 'link'))],
    ['make symbolic links', () => symlink('file', join(folder, 'symlink'))],
    ['rename over a symbolic link', () => renamesOverLinks(folder)],
  ];
  await makeFolder(folder, 0o700);
  try {
    for (const [what, step] of steps) {
      await step().catch((cause: unknown) => {
        if (['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'].includes(foreignCode(cause) ?? '')) throw ioError(cause, 'write', store);
        throw new PkiError('unsupported', `the file system of ${store} does not ${what}`, {
          hint: 'keep the store on a local Linux or macOS file system',
          cause,
        });
      });
    }
  } finally {
    await removeAll(folder);
  }
}

async function keepsModes(file: string): Promise<void> {
  await writeNew(file, { data: '', mode: 0o600 });
  const { mode } = await lstat(file);
  if ((mode & 0o777) !== 0o600) throw new Error(`mode ${mode.toString(8)}`);
}

async function renamesOverLinks(folder: string): Promise<void> {
  const current = join(folder, 'current');
  await symlink('link', current);
  await rename(join(folder, 'symlink'), current);
  if ((await readlink(current)) !== 'file') throw new Error('the old link stayed');
}
