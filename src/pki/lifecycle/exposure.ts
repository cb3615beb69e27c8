import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { readIfThere } from '../durable.ts';
import { recordExposure, wasExposed } from '../store/exposure-record.ts';
import type { Access, CertificateFolder } from '../store/generation.ts';
import { checkAccess } from '../store/mend-access.ts';
import { publicKeyDer } from '../x509/key.ts';
import { outputsOf, type World } from './issue.ts';
import type { Wanted } from './issue-all.ts';
import { certificateIn } from './standing.ts';

/**
 * Whether others could use the private key of a generation: by the modes of its files and copies now, or by what an
 * earlier run has found and mended.
 * @param remember whether that is written down, which is to be done before anything is mended.
 */
export async function isExposed(
  { folder, generation }: { folder: CertificateFolder; generation: number },
  { store, wanted: { request, source }, access }: { store: string; wanted: Wanted; access: Access },
  world: World,
  remember: boolean,
): Promise<boolean> {
  const path = folder.versionPath(generation);
  const publicKey = certificateIn(path)?.publicKey;
  if (!publicKey) return false;
  if (wasExposed(folder, publicKey)) return true;
  const files = checkAccess(path, access, false).mended;
  const copies = await outputsOf({ store, folder, request, source, lock: 'held' }, world, 'look');
  if (![...files, ...copies].some(({ exposed }) => exposed)) return false;
  if (remember) recordExposure(folder, publicKey);
  return true;
}

/** The key in use, where the next generation may have it too. */
export function reusableKey(folder: CertificateFolder): Buffer | undefined {
  const key = readIfThere(join(folder.currentPath, 'key.pem'));
  return key && !wasExposed(folder, publicKeyDer(createPublicKey(key))) ? key : undefined;
}
