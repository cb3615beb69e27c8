import { resolve } from 'node:path';
import { PkiError } from '../pki/errors.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import { checkUrl } from '../pki/x509/url.ts';
import type { Context } from './context.ts';
import { nonEmpty } from './options.ts';

/** The folder of a CA that a command works on. */
export const caFolder = (flags: { ca?: string }, context: Context): string =>
  resolve(context.cwd, flags.ca ?? nonEmpty(context.env['CERTWRIGHT_CA']) ?? 'ca');

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

/** @throws PkiError `bad-input` */
export const checkUrls = (flag: string, values: readonly string[] | undefined): string[] =>
  (values ?? []).map((value) => checkUrl(value, flag));

/** `--crl-lifetime`, as ca.json keeps it. @throws PkiError `bad-time` */
export function crlLifetimeOf(text: string | undefined): string | undefined {
  if (text !== undefined) parseDuration(text, '--crl-lifetime');
  return text;
}
