import { publishesTrust, type Authority } from '../authorities/authority.ts';
import { PkiError } from '../errors.ts';
import { updateDefaultTrust } from '../store/trust-bundle.ts';
import { authorityReference } from './authority-reference.ts';
import { refuseEarlyCrls } from './clock-check.ts';

/**
 * CRLs and roots that peers need follow every issue.
 * @returns the path of the store's own trust bundle, where this authority feeds it
 * @throws PkiError `not-yet-valid` where peers would refuse everybody by its CRLs: the bundle stays as it was
 */
export function feedTrust(store: string, authority: Authority, now: Date): string | undefined {
  if (!publishesTrust(authority)) return undefined;
  authority.refreshCrl();
  refuseEarlyCrls(authority.trust().crls, now);
  return updateDefaultTrust(store, authorityReference(store, authority.reference), () => authority.trust());
}

/** The same for certificates that must not wait until somebody has looked at a clock; `feedWholeTrust` says what is wrong. */
export function feedTrustIfValid(store: string, authority: Authority, now: Date): string | undefined {
  try {
    return feedTrust(store, authority, now);
  } catch (error) {
    if (error instanceof PkiError && error.code === 'not-yet-valid') return undefined;
    throw error;
  }
}

/**
 * The same, with the CRLs of those who have signed before: no certificate waits for them, and what keeps one from being
 * signed keeps nothing else.
 * @throws PkiError for the first that could not be signed
 */
export async function feedWholeTrust(store: string, authority: Authority, now: Date): Promise<void> {
  feedTrust(store, authority, now);
  if (publishesTrust(authority) && (await authority.refreshOthers())) feedTrust(store, authority, now);
}
