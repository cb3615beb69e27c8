import { isAbsolute, join, relative, resolve } from 'node:path';
import { isAws } from '../authorities/reference.ts';
import { readJson } from '../durable.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { readRequest } from '../store/request.ts';

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

/** Who has issued a generation: a folder's absolute path, an ARN, or `unknown:`. */
export function authorityOf(
  folder: CertificateFolder,
  store: string,
  generation: number,
): string | undefined {
  const recorded = readJson(join(folder.versionPath(generation), 'version.json'))?.['authority'];
  const authority =
    typeof recorded === 'string' ? recorded : readRequest(folder.requestFile)?.request.authority;
  return authority === undefined ? undefined : referenceOf(store, { authority });
}
