import { PkiError } from '../errors.ts';

/**
 * A URL that may stand in a certificate, in ASCII.
 * @throws PkiError `bad-input` for what is no http, https or ldap URL.
 */
export function checkUrl(value: string, label: string): string {
  const parsed = URL.canParse(value) ? new URL(value) : undefined;
  if (!parsed || !['http:', 'https:', 'ldap:'].includes(parsed.protocol)) {
    throw new PkiError('bad-input', `${label} ${JSON.stringify(value)} is not an http, https or ldap URL`, {
      hint: 'for example http://pki.internal/crl.der',
    });
  }
  return parsed.href;
}
