import type { Certificate } from '../../x509/certificate.ts';
import { certificatePem } from '../../x509/pem-writer.ts';
import type { Trust } from '../authority.ts';
import { currentCrl } from './crl.ts';
import { allIssuers, type LocalCa } from './open.ts';

/**
 * What peers need of a CA: of who signs now and of who has signed before, as long as their certificates hold.
 * Each comes once, before its issuer.
 */
export function trustOf({ folder, active }: LocalCa, now: Date): Trust {
  const others = allIssuers(folder).filter(({ id }) => id !== active.id);
  const issuers = [active, ...others].filter(({ certificate }) => certificate.notAfter >= now);
  const chains = issuers.map(({ certificate, chain }) => [certificate, ...chain]);
  const lower = chains.flatMap((chain) => chain.slice(0, -1));
  const roots = chains.flatMap((chain) => chain.slice(-1));
  return {
    roots: pemOf(roots),
    intermediates: pemOf(lower),
    crls: issuers.map((issuer) => currentCrl(issuer.folder)?.pem ?? '').join(''),
  };
}

const pemOf = (certificates: readonly Certificate[]): string =>
  [...new Set(certificates.map(({ der }) => certificatePem(der)))].join('');
