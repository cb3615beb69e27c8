import { isAbsolute, relative, resolve } from 'node:path';

/** How request.json names an authority: relative to the store, since cron runs elsewhere. */
export function authorityReference(store: string, reference: string): string {
  return isAbsolute(reference) ? relative(resolve(store), reference) || '.' : reference;
}
