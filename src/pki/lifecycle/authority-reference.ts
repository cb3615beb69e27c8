import { isCaArn, parseArn } from '../authorities/aws/arn.ts';
import { isAws } from '../authorities/reference.ts';
import { isAbsolute, relative, resolve } from 'node:path';

/** How request.json names an authority: relative to the store, since cron runs elsewhere. */
export function authorityReference(store: string, reference: string): string {
  return isAbsolute(reference) ? relative(resolve(store), reference) || '.' : reference;
}

let last = { store: '', authority: '', reference: '' };

/** The way back: a folder's absolute path, or an ARN. */
export function referenceOf(store: string, { authority }: { authority: string }): string {
  // Thousands of certificates of one store are nearly all of one authority.
  if (last.store !== store || last.authority !== authority) {
    const reference = isAws(authority) ? authority : resolve(store, authority);
    last = { store, authority, reference };
  }
  return last.reference;
}

/**
 * Refuses what names nothing at AWS that issues: nothing is found of it, which must not look like an answer.
 * @throws PkiError `bad-input`
 */
export function checkReference(reference: string, flag: string): void {
  if (isAws(reference) && reference !== 'acm') {
    parseArn(reference.replace(/^acm:/, ''), 'acm-pca', isCaArn, flag);
  }
}
