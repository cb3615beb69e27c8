import * as write from './der-writer.ts';
import { extension, type Certificate } from './certificate.ts';
import { oid } from './oid.ts';

/** In front of what a certificate is a probe of, in the comment that Netscape thought of and everybody passes over. */
const prefix = 'certwright probe: ';

/** Value of the extension by which a certificate says of itself that it was made to be refused. */
export const probeMark = (probe: string): Buffer => write.ia5String(prefix + probe);

/** What a certificate is a probe of (`expired`), or `undefined` for one that is meant. It is text from a certificate. */
export function probeOf(certificate: Certificate): string | undefined {
  const value = extension(certificate, oid.netscapeComment)?.value.subarray(2).toString('latin1');
  return value?.startsWith(prefix) === true ? value.slice(prefix.length) : undefined;
}
