import type { CertificateFolder } from '../store/generation.ts';
import { authorityOf } from './authority-reference.ts';
import { KnownRevocations, type KnownRevocation } from './known-revocations.ts';
import type { Standing } from './standing.ts';

type Asked = Parameters<KnownRevocations['of']>[2];

/** What is on record here of a generation's revocation, at the CA that has issued it: another one may be asked for by now. */
export function revocationOf(
  folder: CertificateFolder,
  store: string,
  { certificate, generation }: Pick<Standing, 'generation'> & { certificate: Asked },
  known = new KnownRevocations(),
): KnownRevocation | undefined {
  const authority = authorityOf(folder, store, generation);
  return authority === undefined ? undefined : known.of(folder, authority, certificate);
}
