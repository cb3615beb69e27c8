import { readEntry, reasonName, reasonOf, type Crl, type RevokedCertificate } from './crl.ts';
import { DerReader, tag } from './der-reader.ts';

/*
 * All entries of a CRL are looked at, and none of them becomes an object: there may be a million. Those of the usual
 * outline (nearly all) are checked octet by octet; every other one is read as whatever else is, which is strict and
 * says what is wrong with it.
 */

export interface CrlSummary {
  count: number;
  first: Pick<RevokedCertificate, 'serial' | 'revokedAt'> | undefined;
  last: Pick<RevokedCertificate, 'serial' | 'revokedAt'> | undefined;
  /** How many entries give each reason; `unspecified` where an entry gives none. */
  reasons: Map<string, number>;
}

/**
 * Reads every entry once and keeps none of them. `first` and `last` are by revocation date.
 * @throws DerError
 */
export function summariseEntries(crl: Crl): CrlSummary {
  const { der, revoked } = crl;
  const reasons = new Map<string, number>();
  const usualReasons = new Uint32Array(256);
  const usual = new UsualEntry(der);
  let count = 0;
  let [earliest, first, latest, last] = [Infinity, -1, -Infinity, -1];
  const end = revoked?.end ?? 0;
  for (let at = revoked?.contentStart ?? 0; at < end; count += 1) {
    const start = at;
    let seconds;
    if (usual.read(at, end)) {
      usualReasons[usual.reason] = (usualReasons[usual.reason] ?? 0) + 1;
      ({ seconds, end: at } = usual);
    } else {
      const list = new DerReader(der, at, end);
      const entry = readEntry(list);
      const reason = reasonOf(entry);
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      seconds = entry.revokedAt.getTime() / 1000;
      at = list.offset;
    }
    if (seconds < earliest) [earliest, first] = [seconds, start];
    if (seconds >= latest) [latest, last] = [seconds, start];
  }
  for (const [reason, times] of usualReasons.entries()) {
    if (times > 0) reasons.set(reasonName(reason), (reasons.get(reasonName(reason)) ?? 0) + times);
  }
  const entryAt = (at: number): CrlSummary['first'] =>
    at < 0 ? undefined : readEntry(new DerReader(der, at, end));
  return { count, first: entryAt(first), last: entryAt(last), reasons };
}

const reasonAlone = Buffer.from('300c300a0603551d1504030a01', 'hex');
const longestOfMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** SEQUENCE { INTEGER, UTCTime }, with the reason alone as its extension or with none: one is read after another. */
class UsualEntry {
  /** Since 1970. */
  seconds = 0;
  /** CRLReason; 0 where there is none. */
  reason = 0;
  end = 0;
  readonly #der: Buffer;

  constructor(der: Buffer) {
    this.#der = der;
  }

  /** Whether such an entry stands at `at` and is as it should be. */
  read(at: number, listEnd: number): boolean {
    const der = this.#der;
    const length = der[at + 1] ?? 0x80;
    const serialLength = der[at + 3] ?? 0x80;
    const end = at + 2 + length;
    const date = at + 4 + serialLength;
    if (der[at] !== tag.sequence || length >= 0x80 || end > listEnd) return false;
    if (der[at + 2] !== tag.integer || serialLength === 0 || serialLength >= 0x80) return false;
    if (serialLength > 1 && isPadded(der[at + 4] ?? 0, der[at + 5] ?? 0)) return false;
    const extensions = date + 15;
    if (extensions > end || !this.#readDate(date)) return false;
    this.end = end;
    this.reason = 0;
    if (extensions === end) return true;
    if (end - extensions !== reasonAlone.length + 1) return false;
    for (let index = 0; index < reasonAlone.length; index += 1) {
      if (der[extensions + index] !== reasonAlone[index]) return false;
    }
    this.reason = der[end - 1] ?? 0;
    return true;
  }

  /** UTCTime; 29 February is left to whoever knows the year. */
  #readDate(at: number): boolean {
    const der = this.#der;
    if (der[at] !== tag.utcTime || der[at + 1] !== 13 || der[at + 14] !== 0x5a) return false;
    for (let index = at + 2; index < at + 14; index += 1) {
      const digit = (der[index] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) return false;
    }
    const [year, month, day] = [this.#pair(at + 2), this.#pair(at + 4), this.#pair(at + 6)];
    const [hour, minute, second] = [this.#pair(at + 8), this.#pair(at + 10), this.#pair(at + 12)];
    if (day < 1 || day > (longestOfMonth[month - 1] ?? 0) || (month === 2 && day === 29)) return false;
    if (hour > 23 || minute > 59 || second > 59) return false;
    this.seconds = daysSince1970(year < 50 ? 2000 + year : 1900 + year, month, day) * 86_400;
    this.seconds += hour * 3600 + minute * 60 + second;
    return true;
  }

  #pair(at: number): number {
    return ((this.#der[at] ?? 0) - 0x30) * 10 + (this.#der[at + 1] ?? 0) - 0x30;
  }
}

/** X.690 8.3.2: the first nine bits of an INTEGER are not all alike. */
const isPadded = (first: number, second: number): boolean =>
  (first === 0 && second < 0x80) || (first === 0xff && second >= 0x80);

/** Of the Gregorian calendar, with years that begin in March; good for 1950 to 2049. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719_468;
}

/**
 * Every entry for a serial number, given as an INTEGER's content octets. There is one at most, but nothing hinders a
 * CA from writing two.
 */
export function entriesOf({ der, revoked }: Crl, serial: Buffer): RevokedCertificate[] {
  const found: RevokedCertificate[] = [];
  const list = revoked?.reader();
  while (list && !list.done) {
    const { offset } = list;
    // SEQUENCE and INTEGER with lengths of one octet; whatever else there is, the reader knows.
    const start = offset + 4;
    const length = der[offset + 3] ?? 0;
    const short = (der[offset + 1] ?? 0x80) < 0x80 && length < 0x80;
    const other =
      short && (length !== serial.length || der.compare(serial, 0, length, start, start + length) !== 0);
    if (other) list.offset = offset + 2 + (der[offset + 1] ?? 0);
    else {
      const entry = readEntry(list);
      if (entry.serial.equals(serial)) found.push(entry);
    }
  }
  return found;
}

/** Content octets of the first serial number below zero, which RFC 5280 4.1.2.2 forbids. */
export function negativeSerial({ der, revoked }: Crl): Buffer | undefined {
  const list = revoked?.reader();
  while (list && !list.done) {
    const { offset } = list;
    const short = (der[offset + 1] ?? 0x80) < 0x80 && (der[offset + 3] ?? 0x80) < 0x80;
    if (short && (der[offset + 4] ?? 0) < 0x80) list.offset = offset + 2 + (der[offset + 1] ?? 0);
    else {
      const { serial } = readEntry(list);
      if ((serial[0] ?? 0) >= 0x80) return serial;
    }
  }
  return undefined;
}
