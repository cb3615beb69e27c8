import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalAuthority } from '../authorities/local/local-authority.ts';
import { openAuthority, type OpenOptions } from '../authorities/open.ts';
import { PkiError } from '../errors.ts';
import { createDefaultCa } from './ca.ts';

/** Opens the authority that a command named; with `create`, a CA in a folder is made where there is none. */
export async function openOrCreate(
  reference: string,
  options: OpenOptions & { create: boolean },
): Promise<{ authority: LocalAuthority; created: boolean }> {
  const created = options.create && (await createIfMissing(reference, options.now()));
  return { authority: await openAuthority(reference, options), created };
}

async function createIfMissing(folder: string, now: Date): Promise<boolean> {
  const there = existsSync(join(folder, 'ca.json'));
  if (there) return false;
  try {
    await createDefaultCa(folder, now);
    return true;
  } catch (error) {
    // Two first runs at once: whoever came second uses the first one's CA.
    const madeMeanwhile = error instanceof PkiError && error.code === 'exists';
    if (madeMeanwhile && existsSync(join(folder, 'ca.json'))) return false;
    throw error;
  }
}
