import { encodeExtension } from './certificate-builder.ts';
import { tag } from './der-reader.ts';
import * as write from './der-writer.ts';
import { oid } from './oid.ts';

/** CRLReason (RFC 5280 5.3.1). */
export const reasonCodes = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;
export type RevocationReason = keyof typeof reasonCodes;

/**
 * A revoked certificate. A million of them must fit in memory, so the serial is a string and a time is a number:
 * a Buffer and a Date weigh four times as much.
 */
export interface RevokedEntry {
  /** Lower-case hex, as `serialHex` writes it. */
  serial: string;
  /** Milliseconds since 1970. */
  revokedAt: number;
  reason: RevocationReason;
  /** Since when the key may have been in wrong hands (RFC 5280 5.3.2), in milliseconds since 1970. */
  invalidityDate?: number | undefined;
}

const pieceSize = 1024 * 1024;
/** RFC 5280 4.1.2.2 allows 20. With these, an entry stays below 128 octets, and its length is one. */
const longestSerial = 64;
const roomForOne = 128;

/** revokedCertificates (RFC 5280 5.1) without its header, in pieces of a megabyte. */
export class CrlEntries {
  readonly pieces: Buffer[] = [];
  /** Of all pieces, in bytes. */
  length = 0;
  #piece = Buffer.alloc(0);
  #at = 0;
  #day = Number.NaN;
  #digitsOfDay: Buffer = Buffer.alloc(0);

  constructor(entries: Iterable<RevokedEntry>) {
    for (const entry of entries) this.#add(entry);
    this.#finishPiece();
  }

  #add({ serial, revokedAt, reason, invalidityDate }: RevokedEntry): void {
    if (this.#piece.length - this.#at < roomForOne) this.#startPiece();
    const start = this.#at;
    this.#at = start + 2;
    this.#serial(serial);
    this.#time(revokedAt);
    // `unspecified` is said by leaving the extension out (RFC 5280 5.3.1).
    if (invalidityDate !== undefined) this.#copy(extensions(reason, invalidityDate));
    else if (reason !== 'unspecified') this.#copy(reasonExtensions[reason]);
    this.#piece[start] = tag.sequence;
    this.#piece[start + 1] = this.#at - start - 2;
  }

  /** A positive INTEGER, minimal (X.690 8.3.2). */
  #serial(hex: string): void {
    const octets = (hex.length + 1) >> 1;
    if (octets === 0 || octets > longestSerial) throw new TypeError(`a serial number of ${octets} octets`);
    const piece = this.#piece;
    const start = this.#at;
    let at = start + 2;
    let digit = 0;
    if ((hex.length & 1) === 1) piece[at++] = nibble(hex.charCodeAt(digit++));
    for (; digit < hex.length; digit += 2) {
      piece[at++] = (nibble(hex.charCodeAt(digit)) << 4) | nibble(hex.charCodeAt(digit + 1));
    }
    at = minimise(piece, start + 2, at);
    piece[start] = tag.integer;
    piece[start + 1] = at - start - 2;
    this.#at = at;
  }

  /** The same octets as `write.time`, whose strings cost more than everything else here. */
  #time(milliseconds: number): void {
    const seconds = Math.floor(milliseconds / 1000);
    const day = Math.floor(seconds / 86_400);
    if (day !== this.#day) {
      // Up to the hours: what a day's times have in common.
      this.#digitsOfDay = write.time(new Date(day * 86_400_000)).subarray(0, -7);
      this.#day = day;
    }
    this.#copy(this.#digitsOfDay);
    const rest = seconds - day * 86_400;
    this.#twoDigits(Math.floor(rest / 3600));
    this.#twoDigits(Math.floor(rest / 60) % 60);
    this.#twoDigits(rest % 60);
    this.#piece[this.#at++] = 0x5a;
  }

  #twoDigits(value: number): void {
    const tens = Math.floor(value / 10);
    this.#piece[this.#at++] = 0x30 + tens;
    this.#piece[this.#at++] = 0x30 + value - tens * 10;
  }

  #copy(bytes: Buffer): void {
    // A call into native code costs more than twenty octets one by one.
    for (let index = 0; index < bytes.length; index += 1) this.#piece[this.#at++] = bytes[index] ?? 0;
  }

  #startPiece(): void {
    this.#finishPiece();
    this.#piece = Buffer.allocUnsafeSlow(pieceSize);
    this.#at = 0;
  }

  #finishPiece(): void {
    if (this.#at === 0) return;
    this.pieces.push(this.#piece.subarray(0, this.#at));
    this.length += this.#at;
    this.#at = 0;
  }
}

/** Takes leading zeros away, or puts one before what would be negative. @returns the new end */
function minimise(piece: Buffer, start: number, end: number): number {
  let first = start;
  while (first < end - 1 && piece[first] === 0) first += 1;
  const negative = (piece[first] ?? 0) >= 0x80;
  if (first === start && !negative) return end;
  const to = negative ? start + 1 : start;
  piece.copyWithin(to, first, end);
  if (negative) piece[start] = 0;
  return to + end - first;
}

/** Values of hex digits by their character; 255 for everything else. */
const digits = new Uint8Array(128).fill(255);
for (let value = 0; value < 16; value += 1) digits[value.toString(16).charCodeAt(0)] = value;

function nibble(code: number): number {
  const value = digits[code] ?? 255;
  if (value < 16) return value;
  throw new TypeError(`a serial number with ${JSON.stringify(String.fromCharCode(code))} in it`);
}

const reasonExtension = (reason: RevocationReason): Buffer =>
  encodeExtension(oid.reasonCode, write.enumerated(reasonCodes[reason]));

/** crlEntryExtensions with the reason alone. */
const reasonExtensions = Object.fromEntries(
  (Object.keys(reasonCodes) as RevocationReason[]).map((reason) => [
    reason,
    write.sequence(reasonExtension(reason)),
  ]),
) as Record<RevocationReason, Buffer>;

/** invalidityDate is always a GeneralizedTime (RFC 5280 5.3.2). */
const extensions = (reason: RevocationReason, invalidityDate: number): Buffer =>
  write.sequence(
    ...(reason === 'unspecified' ? [] : [reasonExtension(reason)]),
    encodeExtension(oid.invalidityDate, write.generalizedTime(new Date(invalidityDate))),
  );
