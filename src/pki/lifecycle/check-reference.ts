import { isCaArn, parseArn } from '../authorities/aws/arn.ts';
import { isAws } from '../authorities/reference.ts';

/**
 * Refuses what names nothing at AWS that issues: nothing is found of it, which must not look like an answer.
 * @throws PkiError `bad-input`
 */
export function checkReference(reference: string, flag: string): void {
  if (isAws(reference) && reference !== 'acm') {
    parseArn(reference.replace(/^acm:/, ''), 'acm-pca', isCaArn, flag);
  }
}
