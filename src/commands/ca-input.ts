import { PkiError } from '../pki/errors.ts';

/** `NAME Issuing CA` must fit a common name (RFC 5280 appendix A.1: 64). */
const longest = 64 - ' Issuing CA'.length;

/** @throws PkiError `bad-name` */
export function checkCaName(name: string): string {
  // eslint-disable-next-line no-control-regex
  const broken = name.trim() !== name || name === '' || /[\u0000-\u001f\u007f-\u009f]/.test(name);
  if (broken || [...name].length > longest) {
    throw new PkiError('bad-name', `--name ${JSON.stringify(name.slice(0, 80))} cannot name a CA`, {
      hint: `1 to ${longest} characters, no control characters, no space at its ends`,
    });
  }
  return name;
}

/** @throws PkiError `bad-input` for what is no http, https or ldap URL in ASCII. */
export function checkUrls(flag: string, values: readonly string[] | undefined): string[] {
  return (values ?? []).map((value) => {
    const parsed = URL.canParse(value) ? new URL(value) : undefined;
    if (!parsed || !['http:', 'https:', 'ldap:'].includes(parsed.protocol)) {
      throw new PkiError('bad-input', `${flag} ${JSON.stringify(value)} is not an http, https or ldap URL`, {
        hint: 'for example http://pki.internal/crl.der',
      });
    }
    return parsed.href;
  });
}
