import { join } from 'node:path';
import { isThere, readIfThere } from '../../durable.ts';
import { PkiError } from '../../errors.ts';
import { openIssuerKey, type Issuer } from '../../authorities/local/open.ts';
import type { Examined } from './finding.ts';

/** @param passphrase nobody is ever asked for it. */
export async function examineKey(
  issuer: Issuer,
  isActive: boolean,
  passphrase: Buffer | undefined,
  { findings, keys }: Examined,
): Promise<void> {
  const file = join(issuer.folder, 'key.pem');
  if (!isThere(file)) {
    if (isActive) {
      findings.wrong('key', file, 'the key that signs certificates is not there', 'put it back (mode 0600)');
    } else findings.note('key', file, 'is kept elsewhere');
    return;
  }
  try {
    const encrypted = readIfThere(file)?.includes('ENCRYPTED') === true;
    if (encrypted && !passphrase) {
      findings.note(
        'key',
        file,
        'is encrypted, and was not opened',
        'to have it checked: --passphrase-file FILE',
      );
      return;
    }
    const key = await openIssuerKey(issuer, () => Promise.resolve(passphrase ?? Buffer.alloc(0)));
    keys.set(issuer.id, key);
    if (!encrypted) findings.note('key', file, 'is not encrypted', 'certwright ca passwd');
  } catch (error) {
    // The mode has a finding of its own.
    if (error instanceof PkiError && error.code === 'lax-permissions') return;
    findings.refusal('key', file, error);
  }
}
