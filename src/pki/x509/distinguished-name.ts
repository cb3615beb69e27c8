import { PkiError } from '../errors.ts';
import type { DerReader } from './der-reader.ts';
import { objectIdentifier as readOid, readSequence, tag, text } from './der-reader.ts';
import * as write from './der-writer.ts';
import { oid } from './oid.ts';

export interface Attribute {
  /** Dotted OID of the attribute's type. */
  type: string;
  /** ASN.1 tag of the value. */
  tag: number;
  /** The value as text; `undefined` where it is no string type, or not one that decodes. */
  value: string | undefined;
  /** The value's whole encoding. */
  raw: Buffer;
}

/** An X.501 Name as it stands in a certificate: outermost RDN first, a set of attributes each. */
export type DistinguishedName = Attribute[][];

/** Short names in the order in which RFC 4514 section 3 and common use know them. */
const shortNames: Readonly<Record<string, string>> = {
  [oid.commonName]: 'CN',
  [oid.surname]: 'SN',
  [oid.serialNumber]: 'serialNumber',
  [oid.country]: 'C',
  [oid.locality]: 'L',
  [oid.state]: 'ST',
  [oid.street]: 'STREET',
  [oid.organization]: 'O',
  [oid.organizationalUnit]: 'OU',
  [oid.title]: 'title',
  [oid.givenName]: 'GN',
  [oid.initials]: 'initials',
  [oid.generationQualifier]: 'generationQualifier',
  [oid.dnQualifier]: 'dnQualifier',
  [oid.pseudonym]: 'pseudonym',
  [oid.organizationIdentifier]: 'organizationIdentifier',
  [oid.userId]: 'UID',
  [oid.domainComponent]: 'DC',
  [oid.emailAddress]: 'emailAddress',
  '2.5.4.15': 'businessCategory',
  '2.5.4.17': 'postalCode',
  // CA/Browser Forum, EV guidelines 7.1.4.2: where a company is registered.
  '1.3.6.1.4.1.311.60.2.1.1': 'jurisdictionL',
  '1.3.6.1.4.1.311.60.2.1.2': 'jurisdictionST',
  '1.3.6.1.4.1.311.60.2.1.3': 'jurisdictionC',
};

/** Upper bounds in characters (RFC 5280 appendix A.1, `ub-…`). */
const upperBounds: Readonly<Record<string, number>> = {
  [oid.commonName]: 64,
  [oid.surname]: 40,
  [oid.serialNumber]: 64,
  [oid.country]: 2,
  [oid.locality]: 128,
  [oid.state]: 128,
  [oid.street]: 128,
  [oid.organization]: 64,
  [oid.organizationalUnit]: 64,
  [oid.title]: 64,
  [oid.givenName]: 16,
  [oid.initials]: 5,
  [oid.pseudonym]: 128,
  [oid.userId]: 256,
  [oid.domainComponent]: 63,
  [oid.emailAddress]: 255,
};

const byShortName = new Map(
  Object.entries(shortNames).map(([type, short]) => [short.toLowerCase(), type] as const),
);
byShortName.set('e', oid.emailAddress);
byShortName.set('s', oid.state);
byShortName.set('givenname', oid.givenName);
byShortName.set('surname', oid.surname);

/** Decodes a whole Name. */
export function readName(der: Buffer, what = 'a name'): DistinguishedName {
  return readRdns(readSequence(der, what), what);
}

export function readRdns(rdns: DerReader, what: string): DistinguishedName {
  const name: DistinguishedName = [];
  while (!rdns.done) name.push(readRdn(rdns.expect(tag.set, `an RDN of ${what}`).reader(), what));
  return name;
}

export function readRdn(attributes: DerReader, what: string): Attribute[] {
  const rdn: Attribute[] = [];
  // A set of none is refused by asking for the first in any case (X.501: SIZE (1..MAX)).
  do {
    const pair = attributes.sequence(`an attribute of ${what}`);
    const type = readOid(
      pair.expect(tag.oid, `an attribute type of ${what}`),
      `an attribute type of ${what}`,
    );
    const value = pair.next(`an attribute value of ${what}`);
    pair.finish(`an attribute of ${what}`);
    rdn.push({ type, tag: value.tag, value: text(value), raw: value.raw });
  } while (!attributes.done);
  return rdn;
}

/**
 * The name as RFC 4514 writes it but in the order of the encoding (`C=…, O=…, CN=…`), as openssl and browsers show it.
 * Control characters stay: whoever prints escapes them.
 */
export function formatName(name: DistinguishedName): string {
  return name
    .map((rdn) => rdn.map((a) => `${shortNames[a.type] ?? a.type}=${formatValue(a)}`).join(' + '))
    .join(', ');
}

function formatValue(attribute: Attribute): string {
  if (attribute.value === undefined) return `#${attribute.raw.toString('hex')}`;
  return attribute.value.replace(/[\\,+"<>;=]/g, '\\$&').replace(/^[ #]| $/g, '\\$&');
}

/** The last common name, the one that people mean. */
export function commonName(name: DistinguishedName): string | undefined {
  return name.flat().findLast((a) => a.type === oid.commonName)?.value;
}

/** One attribute of a name to be made. */
export interface SubjectAttribute {
  type: string;
  value: string;
}

/**
 * Parses `CN=orders,O=Shop` (RFC 4514 escapes; `+` is refused), outermost first as it is typed.
 * @throws PkiError `bad-name` for an unknown attribute, an empty or overlong value, a control character.
 */
export function parseSubject(input: string): SubjectAttribute[] {
  return splitEscaped(input, ',').map((part) => {
    const at = part.indexOf('=');
    const key = part.slice(0, Math.max(at, 0)).trim();
    const value = unescapeValue(part.slice(at + 1).trim());
    const type = /^\d+(\.\d+)+$/.test(key) ? key : byShortName.get(key.toLowerCase());
    if (at < 0 || type === undefined) {
      throw new PkiError('bad-name', `subject part ${JSON.stringify(part)} is not ATTRIBUTE=VALUE`, {
        hint: `write for example "CN=orders.internal,O=Shop"; known attributes: ${[...new Set(Object.values(shortNames))].join(', ')}`,
      });
    }
    checkValue(type, key, value);
    return { type, value };
  });
}

function checkValue(type: string, key: string, value: string): void {
  const fail = (why: string): PkiError =>
    new PkiError('bad-name', `subject ${key}=${JSON.stringify(value)} ${why}`);
  if (value === '') throw fail('is empty');
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f-\u009f]/.test(value)) throw fail('holds a control character');
  const bound = upperBounds[type];
  const length = [...value].length;
  if (bound !== undefined && length > bound)
    throw fail(`has ${length} characters, at most ${bound} are allowed`);
  if (type === oid.country && !/^[A-Z]{2}$/.test(value)) throw fail('is not two capital letters (ISO 3166)');
  if ((type === oid.emailAddress || type === oid.domainComponent) && !isAscii(value))
    throw fail('is not ASCII');
}

const isAscii = (value: string): boolean => Buffer.byteLength(value, 'utf8') === value.length;

function splitEscaped(input: string, separator: string): string[] {
  const parts: string[] = [];
  let current = '';
  for (let at = 0; at < input.length; at += 1) {
    const character = input[at] ?? '';
    if (character === '\\') current += character + (input[++at] ?? '');
    else if (character === separator) {
      parts.push(current);
      current = '';
    } else current += character;
  }
  parts.push(current);
  return parts;
}

function unescapeValue(value: string): string {
  if (/(?:^|[^\\])(?:\\\\)*[+]/.test(value) && !value.includes('\\+')) {
    throw new PkiError('bad-name', `subject value ${JSON.stringify(value)} holds "+"`, {
      hint: 'write \\+ for a plus sign; attributes joined by + are not supported',
    });
  }
  const bytes: number[] = [];
  for (let at = 0; at < value.length;) {
    const pair = /^\\([0-9a-fA-F]{2})/.exec(value.slice(at, at + 3));
    if (pair) {
      bytes.push(Number.parseInt(pair[1] ?? '', 16));
      at += 3;
      continue;
    }
    if (value[at] === '\\') at += 1;
    const point = String.fromCodePoint(value.codePointAt(at) ?? 0x5c);
    bytes.push(...Buffer.from(point, 'utf8'));
    at += point.length;
  }
  return Buffer.from(bytes).toString('utf8');
}

/** Encodes a Name: UTF8String, PrintableString or IA5String as RFC 5280 4.1.2.4 and appendix A want them. */
export function encodeName(attributes: readonly SubjectAttribute[]): Buffer {
  return write.sequence(
    ...attributes.map(({ type, value }) =>
      write.set(write.sequence(write.objectIdentifier(type), encodeValue(type, value))),
    ),
  );
}

function encodeValue(type: string, value: string): Buffer {
  switch (type) {
    case oid.country:
    case oid.serialNumber:
    case oid.dnQualifier:
      return write.printableString(value);
    case oid.emailAddress:
    case oid.domainComponent:
      return write.ia5String(value);
    default:
      return write.utf8String(value);
  }
}
