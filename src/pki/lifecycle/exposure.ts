import { join } from 'node:path';
import { readIfThere } from '../durable.ts';
import { recordExposure, wasExposed } from '../store/exposure-record.ts';
import type { Access, CertificateFolder } from '../store/generation.ts';
import { checkAccess } from '../store/mend-access.ts';
import { publicHalf } from '../x509/key.ts';
import { outputsOf, type IssueOrder, type World } from './issue.ts';

/** What is asked for, and the file that does. */
type Asking = Pick<IssueOrder, 'request' | 'source'>;

/**
 * Whether others could use the private key of a generation: by the modes of its files and copies now, or by what an
 * earlier run has found and mended.
 * @param remember whether that is written down, which is to be done before anything is mended.
 */
export async function isExposed(
  { folder, generation }: { folder: CertificateFolder; generation: number },
  { store, wanted: { request, source }, access }: { store: string; wanted: Asking; access: Access },
  world: World,
  remember: boolean,
): Promise<boolean> {
  const path = folder.versionPath(generation);
  const publicKey = publicHalf(keyIn(path));
  if (!publicKey) return false;
  if (wasExposed(folder, publicKey)) return true;
  const files = checkAccess(path, access, false).mended;
  const copies = await outputsOf({ store, folder, request, source, lock: 'held' }, world, 'look');
  if (![...files, ...copies].some(({ exposed }) => exposed)) return false;
  if (remember) recordExposure(folder, publicKey);
  return true;
}

/** The key in use, where the next generation may have it too: it is whole, and others could not use it. */
export async function reusableKey(
  folder: CertificateFolder,
  { store, ...wanted }: Asking & { store: string },
  access: Access,
  world: World,
): Promise<Buffer | undefined> {
  const generation = folder.current();
  if (generation === undefined) return undefined;
  const key = keyIn(folder.versionPath(generation));
  if (!publicHalf(key)) return undefined;
  return (await isExposed({ folder, generation }, { store, wanted, access }, world, true)) ? undefined : key;
}

const keyIn = (path: string): Buffer | undefined => readIfThere(join(path, 'key.pem'));
