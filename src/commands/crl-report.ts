import type { PkiError } from '../pki/errors.ts';
import type { CrlRow } from '../pki/lifecycle/list-crls.ts';
import { distance } from './distance.ts';
import type { Output } from './output.ts';

/** A CRL that peers need, for programs. */
export const crlDocument = ({ path, authority, thisUpdate, nextUpdate, state }: CrlRow): object => ({
  path,
  authority,
  thisUpdate: thisUpdate.toISOString(),
  nextUpdate: nextUpdate.toISOString(),
  state,
});

/** Says which of them lapse, before everybody is locked out. */
export function warnOfCrls(crls: readonly CrlRow[], now: Date, output: Output): void {
  for (const { path, authority, nextUpdate, state } of crls) {
    if (state === 'fresh') continue;
    const when =
      state === 'lapsed'
        ? `lapsed ${distance(nextUpdate, now)}, and peers that check it refuse every certificate`
        : `lapses ${distance(nextUpdate, now)}`;
    output.warn(`the CRL of ${authority} (${path}) ${when}: "certwright rotate" has the next one made`);
  }
}

/** What is said of a CA that its revocations cannot be read of. */
export const untoldRevocations = (ca: string, { message }: PkiError): string =>
  `what ${ca} has revoked is not told: ${message}`;
