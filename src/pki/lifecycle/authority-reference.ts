import { isAws } from '../authorities/reference.ts';
import { isAbsolute, relative, resolve } from 'node:path';

export { meantForOthers, settingsOfAws } from '../authorities/reference.ts';

/** What request.json says instead of an authority where nobody told who issued a certificate. */
export const unknownAuthority = 'unknown:';

/** How request.json names an authority: relative to the store, since cron runs elsewhere. */
export function authorityReference(store: string, reference: string): string {
  return isAbsolute(reference) ? relative(resolve(store), reference) || '.' : reference;
}

let last = { store: '', authority: '', reference: '' };

/** The way back: a folder's absolute path, an ARN, or `unknown:`. */
export function referenceOf(store: string, { authority }: { authority: string }): string {
  // Thousands of certificates of one store are nearly all of one authority.
  if (last.store !== store || last.authority !== authority) {
    const isPath = !isAws(authority) && authority !== unknownAuthority;
    const reference = isPath ? resolve(store, authority) : authority;
    last = { store, authority, reference };
  }
  return last.reference;
}
