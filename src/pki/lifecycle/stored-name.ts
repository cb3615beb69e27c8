import { PkiError } from '../errors.ts';
import { nameText, parseName } from '../x509/subject-alternative-name.ts';
import { isStored } from './is-stored.ts';

/** A name as the store has it, of one that somebody has typed: `issue` writes host names in lower case and as A-labels. */
export function storedName(store: string, typed: string): string {
  if (isStored(store, typed)) return typed;
  try {
    const name = nameText(parseName(typed));
    return isStored(store, name) ? name : typed;
  } catch (error) {
    if (error instanceof PkiError) return typed;
    throw error;
  }
}
