import { parseIp, type GeneralName } from '../general-name.ts';
import { nameText, type SubjectAlternativeName } from '../subject-alternative-name.ts';
import { decode } from './decoded.ts';
import { displayName, finding, type Finding, type Place } from './verdict.ts';

/** Does the certificate speak for this name? Only alternative names count, never the common name (RFC 9525 6.3). */
export function judgeName(place: Place, wanted: SubjectAlternativeName): Finding[] {
  const { names } = decode(place.certificate);
  if (names?.some((name) => matchesName(name, wanted)) === true) return [];
  const name = displayName(place.certificate);
  const text = nameText(wanted);
  const fix = `issue it again with the name ${text}`;
  if (!names) {
    const message = `${name} has no subject alternative names, and a common name does not count`;
    return [finding('name-mismatch', place, message, fix)];
  }
  const shown = names.flatMap((one) =>
    'value' in one ? [one.value] : one.kind === 'ip' ? [nameText(one)] : [],
  );
  const list =
    shown.length > 5 ? `${shown.slice(0, 5).join(', ')} and ${shown.length - 5} more` : shown.join(', ');
  const message = `${name} is not for ${text}${list === '' ? '' : `, only for ${list}`}`;
  return [finding('name-mismatch', place, message, fix)];
}

export function matchesName(presented: GeneralName, wanted: SubjectAlternativeName): boolean {
  if (presented.kind === 'dns' && wanted.kind === 'dns') return matchesHost(presented.value, wanted.value);
  if (presented.kind === 'ip' && wanted.kind === 'ip') return presented.bytes.equals(wanted.bytes);
  if (presented.kind === 'uri' && wanted.kind === 'uri') return matchesUri(presented.value, wanted.value);
  if (presented.kind === 'email' && wanted.kind === 'email')
    return matchesMailbox(presented.value, wanted.value);
  return false;
}

/**
 * RFC 9525 6.3: a `*` is the whole leftmost label or it is nothing, and stands for exactly one label.
 * One that would cover a whole top-level domain (`*.com`) never matches, as in OpenSSL.
 */
function matchesHost(presented: string, wanted: string): boolean {
  const pattern = presented.toLowerCase();
  const host = wanted.toLowerCase().replace(/\.$/, '');
  if (parseIp(host)) return false;
  if (!pattern.startsWith('*.')) return pattern === host;
  const parent = pattern.slice(1);
  const isDomain = parent.indexOf('.', 1) > 0 && !parent.includes('*');
  if (host.startsWith('*.')) return host === pattern;
  return isDomain && host.slice(host.indexOf('.')) === parent && host.indexOf('.') > 0;
}

/** Scheme and authority are case-insensitive (RFC 3986 6.2.2.1); a SPIFFE ID is equal as a whole or not at all. */
function matchesUri(presented: string, wanted: string): boolean {
  const normal = (uri: string): string =>
    uri.replace(/^[^:]+:(?:\/\/[^/?#]*)?/, (head) => head.toLowerCase());
  return normal(presented) === normal(wanted);
}

function matchesMailbox(presented: string, wanted: string): boolean {
  const normal = (mailbox: string): string => mailbox.replace(/@[^@]*$/, (host) => host.toLowerCase());
  return normal(presented) === normal(wanted);
}
