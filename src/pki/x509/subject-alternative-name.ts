import { domainToASCII } from 'node:url';
import { PkiError } from '../errors.ts';
import { formatIp, parseIp, type GeneralName } from './general-name.ts';

/** The forms of name that a certificate of ours may hold. */
export type SubjectAlternativeName = Extract<GeneralName, { kind: 'dns' | 'email' | 'uri' | 'ip' }>;

/**
 * Tells a name by its form: IP address, URI, e-mail address, DNS name; in this order.
 * DNS names come out in lower case and as A-labels (RFC 5890).
 * @throws PkiError `bad-name` that says which rule the name breaks.
 */
export function parseName(input: string): SubjectAlternativeName {
  if (input === '') throw refuse(input, 'is empty');
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0020\u007f-\u009f]/.test(input)) throw refuse(input, 'holds a space or a control character');
  const bare = /^\[(.*)\]$/.exec(input)?.[1] ?? input;
  const ip = parseIp(bare);
  if (ip) return { kind: 'ip', bytes: ip };
  if (/^[0-9a-f:.]+\/\d+$/i.test(input)) throw refuse(input, 'is a network, not an address');
  if (/^[^/@:]+:\d+$/.test(input))
    throw refuse(input, 'holds a port', 'leave the port out: certificates name hosts');
  if (/^[a-z][a-z0-9+.-]*:/i.test(input)) return { kind: 'uri', value: checkUri(input) };
  if (input.includes('@')) return { kind: 'email', value: checkEmail(input) };
  return { kind: 'dns', value: checkDns(input) };
}

/** How the name is written for people and in `request.json`; `parseName` reads it back. */
export const nameText = (name: SubjectAlternativeName): string =>
  name.kind === 'ip' ? formatIp(name.bytes) : name.value;

function refuse(input: string, why: string, hint?: string): PkiError {
  const shown = input.length > 80 ? `${input.slice(0, 77)}…` : input;
  return new PkiError('bad-name', `name ${JSON.stringify(shown)} ${why}`, {
    hint:
      hint ??
      'a name is a host name, an IP address, an e-mail address or a URI such as spiffe://corp/ns/shop/sa/orders',
  });
}

/** Letters, digits, hyphens; 63 a label, 253 in all (RFC 1035 2.3.4, RFC 5890 2.3.1); `*` as the whole leftmost label. */
function checkDns(input: string): string {
  if (input.endsWith('.')) throw refuse(input, 'ends with a dot', 'leave the last dot out');
  const wildcard = input.startsWith('*.');
  const host = wildcard ? input.slice(2) : input;
  if (host.includes('*')) throw refuse(input, 'has a wildcard elsewhere than as its whole leftmost label');
  const unicode = Buffer.byteLength(host) !== host.length;
  const ascii = unicode ? toALabels(host, input) : host.toLowerCase();
  const labels = ascii.split('.');
  for (const label of labels) {
    if (label === '') throw refuse(input, 'has an empty label');
    if (label.length > 63)
      throw refuse(input, `has a label of ${label.length} characters, at most 63 are allowed`);
    if (!/^[a-z0-9-]+$/.test(label)) throw refuse(input, 'holds a character that no host name has');
    if (label.startsWith('-') || label.endsWith('-'))
      throw refuse(input, 'has a label that begins or ends with a hyphen');
    if (label.slice(2, 4) === '--' && (!label.startsWith('xn--') || toUnicodeFails(label))) {
      throw refuse(input, `has the label ${JSON.stringify(label)}, which is no valid A-label (RFC 5890)`);
    }
  }
  const whole = wildcard ? `*.${ascii}` : ascii;
  if (whole.length > 253) throw refuse(input, `has ${whole.length} characters, at most 253 are allowed`);
  if (/^\d+$/.test(labels.at(-1) ?? '')) throw refuse(input, 'looks like an IP address but is none');
  return whole;
}

function toALabels(host: string, input: string): string {
  const ascii = domainToASCII(host);
  if (ascii === '') throw refuse(input, 'is no valid internationalised name (RFC 5890)');
  return ascii;
}

const toUnicodeFails = (label: string): boolean => domainToASCII(label) !== label;

/** Mailbox of RFC 5321 4.1.2, dot-string form, in ASCII (RFC 5280 4.2.1.6). */
function checkEmail(input: string): string {
  const at = input.lastIndexOf('@');
  const local = input.slice(0, at);
  const wellFormed = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/.test(local);
  if (!wellFormed || local.length > 64) throw refuse(input, 'is no e-mail address (RFC 5321)');
  const domain = checkDns(input.slice(at + 1));
  if (domain.startsWith('*')) throw refuse(input, 'is no e-mail address (RFC 5321)');
  return `${local}@${domain}`;
}

/** An absolute URI (RFC 3986 3) in ASCII, at most 2,048 octets; a spiffe one by the SPIFFE-ID rules, section 2. */
function checkUri(input: string): string {
  if (input.length > 2048) throw refuse(input, `has ${input.length} characters, at most 2048 are allowed`);
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/.test(input)) {
    throw refuse(input, 'is no URI (RFC 3986)', 'write other characters percent-encoded');
  }
  if (/^spiffe:/i.test(input)) return checkSpiffe(input);
  const authority = /^[^:]+:\/\/([^/?#]*)/.exec(input);
  if (authority && authority[1] === '') throw refuse(input, 'has no host');
  return input;
}

function checkSpiffe(input: string): string {
  const [, trustDomain = '', path = ''] = /^spiffe:\/\/([^/]*)(.*)$/.exec(input) ?? [];
  if (!/^[a-z0-9._-]{1,255}$/.test(trustDomain)) {
    throw refuse(
      input,
      'has no valid trust domain',
      'a SPIFFE trust domain holds a-z, 0-9, dot, hyphen, underscore; no port, no user',
    );
  }
  const segments = path === '' ? [] : path.slice(1).split('/');
  if (segments.some((segment) => !/^[A-Za-z0-9._-]+$/.test(segment) || segment === '.' || segment === '..')) {
    throw refuse(
      input,
      'has a path that SPIFFE does not allow',
      'each segment holds letters, digits, dot, hyphen, underscore',
    );
  }
  return input;
}
