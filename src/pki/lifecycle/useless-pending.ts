import type { Authority } from '../authorities/authority.ts';
import { PkiError } from '../errors.ts';
import { wasExposed } from '../store/exposure-record.ts';
import type { CertificateFolder } from '../store/generation.ts';
import type { PendingGeneration } from '../store/pending-generation.ts';
import { publicHalf } from '../x509/key.ts';
import { KnownRevocations } from './known-revocations.ts';
import { certificateIn } from './standing.ts';

/**
 * Whether what a run that died has left is of no use: its key is in wrong hands, or it has a certificate that has ended or
 * was revoked since.
 * @param newKey whether the key in use is in wrong hands.
 * @throws PkiError `pending-differs` where its key is, and what it was for may have been bought.
 */
export function isUseless(
  pending: PendingGeneration,
  folder: CertificateFolder,
  authority: Authority,
  { now, newKey }: { now: Date; newKey: boolean },
): boolean {
  if (isTainted(pending, folder, newKey)) {
    if (!authority.sells || pending.read() === undefined) return true;
    throw new PkiError(
      'pending-differs',
      `an earlier run asked ${authority.reference} for a certificate with a key that is in wrong hands (${pending.path})`,
      { hint: 'drop what may have been bought with --discard-pending' },
    );
  }
  if (!pending.isWhole) return false;
  const made = certificateIn(folder.versionPath(pending.number));
  if (!made) return true;
  return made.notAfter <= now || new KnownRevocations().of(folder, authority.reference, made) !== undefined;
}

function isTainted(pending: PendingGeneration, folder: CertificateFolder, newKey: boolean): boolean {
  const publicKey = publicHalf(pending.key());
  if (!publicKey) return false;
  if (wasExposed(folder, publicKey)) return true;
  return newKey && certificateIn(folder.currentPath)?.publicKey.equals(publicKey) === true;
}
