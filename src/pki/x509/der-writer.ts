import { tag, context, contextConstructed } from './der-reader.ts';

/*
 * A DER writer that does nothing but concatenate: the hot path of issuing and of CRLs.
 * Every function returns one whole encoding (X.690).
 */

export function encode(elementTag: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const header = encodeHeader(elementTag, length);
  return Buffer.concat([header, ...parts], header.length + length);
}

/** Tag and length alone, for content that is streamed after it. */
export function encodeHeader(elementTag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.from([elementTag, length]);
  if (length < 0x100) return Buffer.from([elementTag, 0x81, length]);
  if (length < 0x10000) return Buffer.from([elementTag, 0x82, length >> 8, length & 0xff]);
  if (length < 0x1000000) {
    return Buffer.from([elementTag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff]);
  }
  const header = Buffer.from([elementTag, 0x84, 0, 0, 0, 0]);
  header.writeUInt32BE(length, 2);
  return header;
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => encode(tag.sequence, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => encode(tag.set, ...parts);
export const octetString = (bytes: Uint8Array): Buffer => encode(tag.octetString, bytes);
export const nullValue = (): Buffer => Buffer.from([tag.null, 0]);
export const trueValue = (): Buffer => Buffer.from([tag.boolean, 1, 0xff]);
/** `[number] IMPLICIT`, primitive. */
export const implicit = (number: number, content: Uint8Array): Buffer => encode(context(number), content);
/** `[number]` around whole encodings: EXPLICIT, or IMPLICIT of a constructed type. */
export const explicit = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  encode(contextConstructed(number), ...parts);

/** A non-negative INTEGER from a number or from big-endian octets of any padding. */
export function integer(value: number | Uint8Array): Buffer {
  return encode(tag.integer, unsigned(value));
}

export function enumerated(value: number): Buffer {
  return encode(tag.enumerated, unsigned(value));
}

function unsigned(value: number | Uint8Array): Buffer {
  const bytes = typeof value === 'number' ? numberBytes(value) : Buffer.from(value);
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const minimal = bytes.subarray(start);
  return (minimal[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), minimal]) : Buffer.from(minimal);
}

function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  return bytes;
}

export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return encode(tag.bitString, Buffer.of(unused), bytes);
}

/** Named bits, numbered from the left; trailing zero bits are dropped (X.690 11.2.2). */
export function namedBits(bits: readonly number[]): Buffer {
  if (bits.length === 0) return bitString(Buffer.alloc(0));
  const highest = Math.max(...bits);
  const bytes = Buffer.alloc((highest >> 3) + 1);
  for (const bit of bits) {
    const at = bit >> 3;
    bytes[at] = (bytes[at] ?? 0) | (0x80 >> (bit & 7));
  }
  return bitString(bytes, 7 - (highest & 7));
}

const oidCache = new Map<string, Buffer>();

export function objectIdentifier(dotted: string): Buffer {
  let encoded = oidCache.get(dotted);
  if (!encoded) {
    const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
    encoded = encode(tag.oid, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
    oidCache.set(dotted, encoded);
  }
  return encoded;
}

function base128(value: number): number[] {
  const out = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    out.unshift(0x80 | (rest % 128));
  }
  return out;
}

export const utf8String = (value: string): Buffer => encode(tag.utf8String, Buffer.from(value, 'utf8'));
export const printableString = (value: string): Buffer =>
  encode(tag.printableString, Buffer.from(value, 'latin1'));
export const ia5String = (value: string): Buffer => encode(tag.ia5String, Buffer.from(value, 'latin1'));

/** UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5); seconds, milliseconds are cut. */
export function time(date: Date): Buffer {
  const digits = date
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[-:T]/g, '');
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? encode(tag.utcTime, Buffer.from(`${digits.slice(2)}Z`, 'latin1'))
    : generalizedTime(date);
}

export function generalizedTime(date: Date): Buffer {
  const digits = date
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[-:T]/g, '');
  return encode(tag.generalizedTime, Buffer.from(`${digits}Z`, 'latin1'));
}
