import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { keepsDefaults, publishesTrust, type Authority, type Pending } from '../authorities/authority.ts';
import type { AwsConnection } from '../authorities/aws/options.ts';
import { isAws, openAuthority, type OpenOptions } from '../authorities/open.ts';
import { PkiError } from '../errors.ts';
import type { Settings } from '../config/settings.ts';

export type { Authority, AwsConnection, OpenOptions, Pending };
export { isAws, openAuthority, publishesTrust };

/** What encrypts the keys of a CA that is made; `undefined` where nobody has given a passphrase. */
export type GivenPassphrase = () => Promise<Buffer | undefined>;

/** Opens the authority that `issue` was told of; with `create`, a CA in a folder is made where there is none. */
export async function openOrCreate(
  reference: string,
  options: OpenOptions & { create: GivenPassphrase | undefined },
): Promise<{ authority: Authority; created: boolean }> {
  const { create, now } = options;
  const created = create !== undefined && (await createIfMissing(reference, create, now()));
  return { authority: await orCreateHint(reference, openAuthority(reference, options)), created };
}

export const authorityExists = (reference: string): boolean =>
  isAws(reference) || existsSync(join(reference, 'ca.json'));

/** Where there is no CA, `issue` has a way out that no other command has. */
export async function orCreateHint<T>(reference: string, opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof PkiError) || error.code !== 'not-found' || authorityExists(reference)) throw error;
    throw new PkiError(error.code, error.message, {
      hint: `${error.hint ?? ''}, or add --create-ca`,
      cause: error,
    });
  }
}

/** URLs of a request that the authority takes for its own from now on. */
export function adoptDefaults(
  authority: Authority,
  { crlUrls = [], ocspUrls = [], issuerUrls = [] }: Settings,
): (keyof Authority['defaults'])[] {
  return keepsDefaults(authority) ? authority.adoptDefaults({ crlUrls, ocspUrls, issuerUrls }) : [];
}

async function createIfMissing(reference: string, given: GivenPassphrase, now: Date): Promise<boolean> {
  if (isAws(reference)) {
    throw new PkiError('usage', `--create-ca makes a CA in a folder, not ${reference}`, {
      hint: 'leave out --create-ca, or name a folder with --ca',
    });
  }
  if (authorityExists(reference)) return false;
  try {
    const { createDefaultCa } = await import('./ca.ts');
    await createDefaultCa(reference, await given(), now);
    return true;
  } catch (error) {
    // Two first runs at once: whoever came second uses the first one's CA.
    if (error instanceof PkiError && error.code === 'exists' && authorityExists(reference)) return false;
    throw error;
  }
}
