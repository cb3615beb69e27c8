import { PkiError } from '../../errors.ts';
import { DerReader, tag } from '../der-reader.ts';
import { readExtensions } from '../extensions.ts';
import { oid } from '../oid.ts';

/** Critical entry extensions that are acted upon; certificateIssuer belongs to indirect CRLs alone. */
const understood: ReadonlySet<string> = new Set([oid.reasonCode, oid.invalidityDate]);

/**
 * Serial number to byte offset for the entries of a CRL: an open-addressing hash table of offsets,
 * 8 bytes an entry, so that a CRL of a million entries costs megabytes and not objects.
 */
export class SerialTable {
  readonly count: number;
  /** A critical entry extension that nothing here understands makes the whole CRL useless (RFC 5280 5.3). */
  readonly unknownCritical: string | undefined;
  readonly #der: Buffer;
  /** Offset of an entry plus one; 0 is an empty slot. */
  readonly #slots: Uint32Array;

  /** @throws DerError where an entry is malformed. */
  constructor(der: Buffer, start: number, end: number, version: 1 | 2) {
    this.#der = der;
    const offsets = entryOffsets(der, start, end);
    this.count = offsets.length;
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, offsets.length * 2)));
    this.#slots = new Uint32Array(size);
    for (const offset of offsets) this.#insert(offset);
    this.unknownCritical = checkEntries(der, offsets, version);
  }

  /** Offset of the entry with these content octets as its serial number. */
  find(serial: Buffer): number | undefined {
    const mask = this.#slots.length - 1;
    for (let slot = hash(serial, 0, serial.length) & mask; ; slot = (slot + 1) & mask) {
      const stored = this.#slots[slot] ?? 0;
      if (stored === 0) return undefined;
      const [start, end] = serialBounds(this.#der, stored - 1);
      if (end - start === serial.length && this.#der.compare(serial, 0, serial.length, start, end) === 0)
        return stored - 1;
    }
  }

  #insert(offset: number): void {
    const [start, end] = serialBounds(this.#der, offset);
    const mask = this.#slots.length - 1;
    let slot = hash(this.#der, start, end) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = offset + 1;
  }
}

function entryOffsets(der: Buffer, start: number, end: number): number[] {
  const offsets: number[] = [];
  for (let at = start; at < end;) {
    if (der[at] !== tag.sequence) throw malformed(at, 'a revoked certificate');
    const [contentStart, next] = bounds(der, at, end);
    if (der[contentStart] !== tag.integer || bounds(der, contentStart, next)[1] > next) {
      throw malformed(contentStart, 'a serial number');
    }
    offsets.push(at);
    at = next;
  }
  return offsets;
}

/** Start of the content and end of the element at `at`: the reader's work without its objects. */
function bounds(der: Buffer, at: number, end: number): [contentStart: number, end: number] {
  const first = der[at + 1] ?? 0;
  if (first < 0x80) {
    if (at + 2 + first > end) throw malformed(at, 'an element that fits');
    return [at + 2, at + 2 + first];
  }
  const element = new DerReader(der, at, end).next('an entry of the CRL');
  return [element.contentStart, element.end];
}

const malformed = (at: number, expected: string): PkiError =>
  new PkiError('malformed', `at byte ${at} of the CRL: expected ${expected}, found something else`);

/** Entries were checked when they were counted. */
function serialBounds(der: Buffer, entry: number): [start: number, end: number] {
  const [serial] = bounds(der, entry, der.length);
  return bounds(der, serial, der.length);
}

/** FNV-1a, 32 bits. Whoever crafts collisions has signed the CRL, and can only slow it down. */
function hash(bytes: Buffer, start: number, end: number): number {
  let value = 0x811c9dc5;
  for (let at = start; at < end; at += 1) value = Math.imul(value ^ (bytes[at] ?? 0), 0x01000193);
  return value >>> 0;
}

/** Serial number, date, extensions in version 2, nothing else (RFC 5280 5.1). Returns an unknown critical extension. */
function checkEntries(der: Buffer, offsets: readonly number[], version: 1 | 2): string | undefined {
  let unknown: string | undefined;
  for (const offset of offsets) {
    const [serial, end] = bounds(der, offset, der.length);
    const [, date] = bounds(der, serial, end);
    if (der[date] !== tag.utcTime && der[date] !== tag.generalizedTime)
      throw malformed(date, 'a revocation date');
    const [, extensions] = bounds(der, date, end);
    if (extensions === end) continue;
    const isList =
      version === 2 && der[extensions] === tag.sequence && bounds(der, extensions, end)[1] === end;
    if (!isList) throw malformed(extensions, 'the end of the entry or its extensions');
    if (unknown === undefined && mayBeCritical(der, extensions, end))
      unknown = unknownCriticalIn(der, extensions, end);
  }
  return unknown;
}

const unknownCriticalIn = (der: Buffer, start: number, end: number): string | undefined =>
  readExtensions(new DerReader(der, start, end).sequence('crlEntryExtensions'), 'a CRL entry').find(
    ({ id, critical }) => critical && !understood.has(id),
  )?.id;

/** `critical` TRUE is the only place for the octets 01 01 ff; reading the extensions settles it. */
const mayBeCritical = (der: Buffer, start: number, end: number): boolean => {
  for (let at = start; at < end - 2; at += 1) {
    if (der[at] === 0x01 && der[at + 1] === 0x01 && der[at + 2] === 0xff) return true;
  }
  return false;
};
