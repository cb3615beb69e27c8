import { publishesTrust, type Authority } from '../authorities/authority.ts';
import { updateDefaultTrust } from '../store/trust-bundle.ts';
import { authorityReference } from './authority-reference.ts';

/**
 * CRLs and roots that peers need follow every issue.
 * @returns the path of the store's own trust bundle, where this authority feeds it
 */
export function feedTrust(store: string, authority: Authority): string | undefined {
  if (!publishesTrust(authority)) return undefined;
  authority.refreshCrl();
  return updateDefaultTrust(store, authorityReference(store, authority.reference), () => authority.trust());
}

/**
 * The same, with the CRLs of those who have signed before: no certificate waits for them, and what keeps one from being
 * signed keeps nothing else.
 * @throws PkiError for the first that could not be signed
 */
export async function feedWholeTrust(store: string, authority: Authority): Promise<void> {
  feedTrust(store, authority);
  if (publishesTrust(authority) && (await authority.refreshOthers())) feedTrust(store, authority);
}
