import { readCaFacts, type CaFacts } from '../authorities/local/local-authority.ts';
import { isAws } from '../authorities/reference.ts';
import { PkiError } from '../errors.ts';

/** Reads each CA in a folder once. One that cannot be read is of no concern before something is due. */
export function factsOnce(now: Date): (reference: string) => CaFacts | undefined {
  const known = new Map<string, CaFacts | undefined>();
  return (reference) => {
    if (!known.has(reference)) known.set(reference, isAws(reference) ? undefined : quietly(reference, now));
    return known.get(reference);
  };
}

function quietly(reference: string, now: Date): CaFacts | undefined {
  try {
    return readCaFacts(reference, now);
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}
