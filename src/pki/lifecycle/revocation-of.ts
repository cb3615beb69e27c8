import type { CertificateFolder } from '../store/generation.ts';
import { KnownRevocations, type KnownRevocation } from './known-revocations.ts';
import { authorityOf } from './revocation-target.ts';
import type { Standing } from './standing.ts';

/** What is on record here of a generation's revocation. */
export function revocationOf(
  folder: CertificateFolder,
  store: string,
  { certificate, generation }: Pick<Standing, 'certificate' | 'generation'>,
): KnownRevocation | undefined {
  const authority = authorityOf(folder, store, generation);
  return authority === undefined ? undefined : new KnownRevocations().of(folder, authority, certificate);
}
