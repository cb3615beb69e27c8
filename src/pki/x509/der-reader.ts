import { PkiError } from '../errors.ts';

/** Identifier octets (ITU-T X.690 8.1.2) of the types that X.509 uses. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Context-specific tag `[number]`, primitive. */
export const context = (number: number): number => 0x80 | number;
/** Context-specific tag `[number]`, constructed. */
export const contextConstructed = (number: number): number => 0xa0 | number;

/** DER that is not what its schema wants. `offset` counts bytes from the start of the whole encoding. */
export class DerError extends PkiError {
  readonly offset: number;
  readonly expected: string;
  readonly found: string;

  constructor(offset: number, expected: string, found: string, hint?: string) {
    super('malformed', `at byte ${offset}: expected ${expected}, found ${found}`, { hint });
    this.offset = offset;
    this.expected = expected;
    this.found = found;
  }
}

/** One tag-length-value. All offsets are into `source`. */
export class Element {
  readonly source: Buffer;
  readonly tag: number;
  readonly start: number;
  readonly contentStart: number;
  readonly end: number;

  constructor(source: Buffer, elementTag: number, start: number, contentStart: number, end: number) {
    this.source = source;
    this.tag = elementTag;
    this.start = start;
    this.contentStart = contentStart;
    this.end = end;
  }

  /** The whole encoding, without a copy. */
  get raw(): Buffer {
    return this.source.subarray(this.start, this.end);
  }

  /** The content octets, without a copy. */
  get content(): Buffer {
    return this.source.subarray(this.contentStart, this.end);
  }

  /** Reads what a constructed element holds. */
  reader(): DerReader {
    return new DerReader(this.source, this.contentStart, this.end);
  }

  fail(expected: string, found: string): DerError {
    return new DerError(this.start, expected, found);
  }
}

/**
 * Strict DER (X.690 chapter 10): definite minimal lengths, low tag numbers.
 * It never recurses and never copies, so its work is bounded by the bytes it is given.
 */
export class DerReader {
  readonly source: Buffer;
  readonly end: number;
  offset: number;

  constructor(source: Buffer, start = 0, end = source.length) {
    this.source = source;
    this.offset = start;
    this.end = end;
  }

  get done(): boolean {
    return this.offset >= this.end;
  }

  /** The next identifier octet, or -1 at the end. */
  peek(): number {
    return this.done ? -1 : (this.source[this.offset] ?? -1);
  }

  /** Whatever comes next. */
  next(what: string): Element {
    const { source, end } = this;
    const start = this.offset;
    if (start >= end) throw new DerError(start, what, 'the end of the data');
    const elementTag = source[start] ?? 0;
    if ((elementTag & 0x1f) === 0x1f) throw new DerError(start, what, 'a high tag number');
    let at = start + 1;
    if (at >= end) throw new DerError(at, `the length of ${what}`, 'the end of the data');
    let length = source[at++] ?? 0;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets === 0) throw new DerError(at - 1, 'a definite length', 'an indefinite one (BER, not DER)');
      if (octets > 4) throw new DerError(at - 1, 'a length below 4 GiB', `one of ${octets} octets`);
      if (at + octets > end) throw new DerError(at, `the length of ${what}`, 'the end of the data');
      length = source.readUIntBE(at, octets);
      at += octets;
      const minimal = length >= 0x80 && (octets === 1 || length >= 2 ** (8 * (octets - 1)));
      if (!minimal) throw new DerError(start + 1, 'a minimal length', 'a longer form of it');
    }
    if (at + length > end) {
      throw new DerError(start, `${what} of ${length} bytes`, `only ${end - at} bytes`);
    }
    this.offset = at + length;
    return new Element(source, elementTag, start, at, at + length);
  }

  /** The next element, which must have this tag. */
  expect(wanted: number, what: string): Element {
    const found = this.peek();
    if (found !== wanted) {
      throw new DerError(
        this.offset,
        `${what} (tag ${hex(wanted)})`,
        found < 0 ? 'the end of the data' : `tag ${hex(found)}`,
      );
    }
    return this.next(what);
  }

  /** The next element if it has this tag. */
  optional(wanted: number, what: string): Element | undefined {
    return this.peek() === wanted ? this.next(what) : undefined;
  }

  sequence(what: string): DerReader {
    return this.expect(tag.sequence, what).reader();
  }

  /** Nothing may follow. */
  finish(what: string): void {
    if (!this.done)
      throw new DerError(this.offset, `the end of ${what}`, `${this.end - this.offset} more bytes`);
  }

  /** The rest, one element after another. */
  *all(what: string): Generator<Element> {
    while (!this.done) yield this.next(what);
  }
}

const hex = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;

/** Opens the outermost SEQUENCE and refuses trailing bytes. */
export function readSequence(der: Buffer, what: string): DerReader {
  const outer = new DerReader(der);
  const inner = outer.sequence(what);
  outer.finish(what);
  return inner;
}

/** Content octets of an INTEGER or ENUMERATED, minimal (X.690 8.3.2). */
export function integerBytes(element: Element, what: string): Buffer {
  const { content } = element;
  const [first, second] = content;
  if (first === undefined) throw element.fail(what, 'an integer without octets');
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw element.fail(what, 'an integer that is not minimal');
  }
  return content;
}

/** A small non-negative INTEGER (at most 2^31 - 1). */
export function smallInteger(element: Element, what: string): number {
  const content = integerBytes(element, what);
  if (content.length > 4 || (content[0] ?? 0) >= 0x80) throw element.fail(what, 'a number out of range');
  return content.readUIntBE(0, content.length);
}

/** BOOLEAN, DER: 0x00 or 0xff (X.690 11.1). */
export function boolean(element: Element, what: string): boolean {
  const { content } = element;
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) {
    throw element.fail(what, 'a boolean that is neither 00 nor ff');
  }
  return content[0] === 0xff;
}

/** The same few are read again and again. */
const knownOids = new Map<string, string>();
const mostKnown = 500;

/** Dotted decimal (X.690 8.19). */
export function objectIdentifier(element: Element, what: string): string {
  const octets = element.content.toString('latin1');
  const known = knownOids.get(octets);
  if (known !== undefined) return known;
  const id = readObjectIdentifier(element, what);
  if (knownOids.size >= mostKnown) knownOids.clear();
  knownOids.set(octets, id);
  return id;
}

function readObjectIdentifier(element: Element, what: string): string {
  const { content } = element;
  if (content.length === 0 || content.length > 128)
    throw element.fail(what, `an OID of ${content.length} octets`);
  const arcs: (number | bigint)[] = [];
  let value = 0n;
  let small = 0;
  let octets = 0;
  for (const byte of content) {
    if (octets === 0 && byte === 0x80) throw element.fail(what, 'an OID with a padded arc');
    octets += 1;
    if (octets <= 4) small = small * 128 + (byte & 0x7f);
    else value = (octets === 5 ? BigInt(small) : value) * 128n + BigInt(byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(octets <= 4 ? small : value);
      small = 0;
      octets = 0;
    }
  }
  if (octets !== 0) throw element.fail(what, 'an OID that breaks off');
  const first = BigInt(arcs[0] ?? 0);
  const root = first < 80n ? first / 40n : 2n;
  return [root, first - root * 40n, ...arcs.slice(1)].join('.');
}

/** BIT STRING: the octets and how many bits of the last one do not count. */
export function bitString(element: Element, what: string): { unused: number; bytes: Buffer } {
  const { content } = element;
  const unused = content[0];
  if (unused === undefined || unused > 7 || (unused > 0 && content.length === 1)) {
    throw element.fail(what, 'a bit string with a wrong count of unused bits');
  }
  const last = content[content.length - 1] ?? 0;
  if (unused > 0 && (last & ((1 << unused) - 1)) !== 0) {
    throw element.fail(what, 'a bit string whose unused bits are set');
  }
  return { unused, bytes: content.subarray(1) };
}

/** A BIT STRING that holds whole octets, as keys and signatures do. */
export function octetAlignedBitString(element: Element, what: string): Buffer {
  const { unused, bytes } = bitString(element, what);
  if (unused !== 0) throw element.fail(what, `${unused} unused bits`);
  return bytes;
}

/** The content of the OCTET STRING that must come next. */
export const octetString = (reader: DerReader, what: string): Buffer =>
  reader.expect(tag.octetString, what).content;

/** Two ASCII digits as a number; NaN where they are none. A sweep reads the times of thousands of certificates. */
function digits(octets: Buffer, at: number): number {
  const tens = (octets[at] ?? 0) - 0x30;
  const ones = (octets[at + 1] ?? 0) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** Time as RFC 5280 4.1.2.5 allows it: UTCTime `YYMMDDHHMMSSZ`, GeneralizedTime `YYYYMMDDHHMMSSZ`. */
export function time(element: Element, what: string): Date {
  const utc = element.tag === tag.utcTime;
  if (!utc && element.tag !== tag.generalizedTime) throw element.fail(what, `tag ${hex(element.tag)}`);
  const form = utc ? 'YYMMDDHHMMSSZ' : 'YYYYMMDDHHMMSSZ';
  const octets = element.content;
  const at = form.length - 11;
  const year = digits(octets, at - 2);
  const century = utc ? (year < 50 ? 20 : 19) : digits(octets, 0);
  const month = digits(octets, at);
  const day = digits(octets, at + 2);
  const hour = digits(octets, at + 4);
  const minute = digits(octets, at + 6);
  const second = digits(octets, at + 8);
  const date = new Date(0);
  date.setUTCFullYear(century * 100 + year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const text = (): string => JSON.stringify(octets.toString('latin1', 0, 40));
  const isOfForm = octets.length === form.length && octets[at + 10] === 0x5a && !Number.isNaN(date.getTime());
  if (!isOfForm) throw element.fail(`${what} as ${form}`, text());
  const real =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  if (!real) throw element.fail(what, `${text()}, which is no date`);
  return date;
}

/** Text of any of ASN.1's string types; `undefined` where the tag is none of them or the octets are not of its form. */
export function text(element: Element): string | undefined {
  const { content } = element;
  switch (element.tag) {
    case tag.utf8String:
      return isUtf8(content) ? content.toString('utf8') : undefined;
    case tag.printableString:
    case tag.ia5String:
    case tag.numericString:
    case tag.visibleString:
      return content.every((byte) => byte < 0x80) ? content.toString('latin1') : undefined;
    case tag.t61String:
      // T.61 in practice holds Latin-1 (as OpenSSL and Go read it).
      return content.toString('latin1');
    case tag.bmpString:
      return content.length % 2 === 0 ? Buffer.from(content).swap16().toString('utf16le') : undefined;
    case tag.universalString:
      return universal(content);
    default:
      return undefined;
  }
}

function universal(content: Buffer): string | undefined {
  if (content.length % 4 !== 0) return undefined;
  let out = '';
  for (let at = 0; at < content.length; at += 4) {
    const point = content.readUInt32BE(at);
    if (point > 0x10ffff) return undefined;
    out += String.fromCodePoint(point);
  }
  return out;
}

function isUtf8(content: Buffer): boolean {
  return Buffer.from(content.toString('utf8'), 'utf8').equals(content);
}
