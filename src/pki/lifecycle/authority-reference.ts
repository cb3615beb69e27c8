import { isAws } from '../authorities/reference.ts';
import { isAbsolute, relative, resolve } from 'node:path';

/** How request.json names an authority: relative to the store, since cron runs elsewhere. */
export function authorityReference(store: string, reference: string): string {
  return isAbsolute(reference) ? relative(resolve(store), reference) || '.' : reference;
}

/** The way back: a folder's absolute path, or an ARN. */
export const referenceOf = (store: string, { authority }: { authority: string }): string =>
  isAws(authority) ? authority : resolve(store, authority);
