import { DerError, DerReader, tag } from './der-reader.ts';

/** A promise of a log to publish a certificate (RFC 6962 3.2). */
export interface SignedCertificateTimestamp {
  version: number;
  /** SHA-256 of the log's key, hex. */
  logId: string;
  time: Date;
}

/** The extension's value: an OCTET STRING with a TLS vector of TLS vectors (RFC 6962 3.3). */
export function readSignedCertificateTimestamps(value: Buffer): SignedCertificateTimestamp[] {
  const reader = new DerReader(value);
  const list = reader.expect(tag.octetString, 'a list of timestamps').content;
  reader.finish('a list of timestamps');
  if (list.length < 2 || list.readUInt16BE(0) !== list.length - 2) {
    throw new DerError(0, `${list.length - 2} bytes of timestamps`, 'another count');
  }
  const found: SignedCertificateTimestamp[] = [];
  for (let at = 2; at < list.length;) {
    const end = at + 2 + (at + 2 <= list.length ? list.readUInt16BE(at) : list.length);
    if (end > list.length || end - at < 2 + 41) throw new DerError(at, 'a timestamp', 'one that breaks off');
    found.push({
      version: (list[at + 2] ?? 0) + 1,
      logId: list.toString('hex', at + 3, at + 35),
      time: timeOf(list.readBigUInt64BE(at + 35), at),
    });
    at = end;
  }
  return found;
}

function timeOf(milliseconds: bigint, at: number): Date {
  const date = new Date(Number(milliseconds));
  if (Number.isNaN(date.getTime())) throw new DerError(at, 'a time', 'one beyond all calendars');
  return date;
}
