import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeExtension } from '../../../src/pki/x509/certificate-builder.ts';
import { reasonOf, revokedCertificates, type Crl } from '../../../src/pki/x509/crl.ts';
import { entriesOf, summariseEntries, type CrlSummary } from '../../../src/pki/x509/crl-summary.ts';
import { DerError, DerReader } from '../../../src/pki/x509/der-reader.ts';
import * as write from '../../../src/pki/x509/der-writer.ts';
import { oid } from '../../../src/pki/x509/oid.ts';
import { authority, crlOf } from '../../support/chains.ts';

const empty = crlOf(authority('root', undefined, { key: generateKeyPairSync('ed25519').privateKey }), []);

/** A CRL whose list holds these octets, whatever they are. */
function listOf(...entries: Buffer[]): Crl {
  const der = write.sequence(...entries);
  return { ...empty, der, revoked: new DerReader(der).next('the list') };
}

/** With an object for each entry, as everything else is read. */
function slowly(crl: Crl): CrlSummary {
  const summary: CrlSummary = { count: 0, first: undefined, last: undefined, reasons: new Map() };
  for (const entry of revokedCertificates(crl)) {
    summary.count += 1;
    if (!summary.first || entry.revokedAt < summary.first.revokedAt) summary.first = entry;
    if (!summary.last || entry.revokedAt >= summary.last.revokedAt) summary.last = entry;
    const reason = reasonOf(entry);
    summary.reasons.set(reason, (summary.reasons.get(reason) ?? 0) + 1);
  }
  return summary;
}

/** What a reader says of a list, or why it refuses it. */
function outcome(read: (crl: Crl) => CrlSummary, crl: Crl): unknown {
  try {
    const { count, first, last, reasons } = read(crl);
    const end = (entry: CrlSummary['first']): unknown =>
      entry && [entry.serial.toString('hex'), entry.revokedAt.toISOString()];
    return { count, first: end(first), last: end(last), reasons: Object.fromEntries(reasons) };
  } catch (error) {
    if (error instanceof DerError) return error.message;
    throw error;
  }
}

const reason = (code: number): Buffer =>
  write.sequence(encodeExtension(oid.reasonCode, write.enumerated(code)));
const time = fc.oneof(
  fc.date({ min: new Date('1950-01-01'), max: new Date('2060-01-01'), noInvalidDate: true }),
  fc
    .constantFrom('1999-12-31T23:59:59Z', '2000-02-29T00:00:00Z', '1970-03-01T00:00:00Z')
    .map((text) => new Date(text)),
);
const extensions = fc.oneof(
  fc.constant([]),
  fc.integer({ min: 0, max: 12 }).map((code) => [reason(code)]),
  fc.constant([
    write.sequence(
      encodeExtension(oid.reasonCode, write.enumerated(1)),
      encodeExtension(oid.invalidityDate, write.generalizedTime(new Date('2026-01-01'))),
    ),
  ]),
  fc.constant([write.sequence(encodeExtension(oid.reasonCode, write.enumerated(6), true))]),
);
const serial = fc.uint8Array({ minLength: 1, maxLength: 21 });
const entry = fc
  .tuple(serial, time, extensions)
  .map(([octets, revokedAt, more]) => write.sequence(write.integer(octets), write.time(revokedAt), ...more));

describe('the summary of a CRL', () => {
  it('is what reading each entry as an object gives', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
        const crl = listOf(...entries);
        expect(outcome(summariseEntries, crl)).toEqual(outcome(slowly, crl));
      }),
      { numRuns: 200 },
    );
  });

  it('refuses what reading each entry refuses, at the same byte with the same words', () => {
    const octets = fc.tuple(fc.array(entry, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(octets, ([entries, where, value]) => {
        const crl = listOf(...entries);
        const { contentStart = 0 } = crl.revoked ?? {};
        crl.der[contentStart + (where % (crl.der.length - contentStart))] = value;
        expect(outcome(summariseEntries, crl)).toEqual(outcome(slowly, crl));
      }),
      { numRuns: 600 },
    );
  });

  it.each([
    ['a padded serial number', '3013020200011 70d3236303130313030303030305a'],
    ['a date that is none', '30120201011 70d3236303233303030303030305a'],
    ['29 February of a common year', '3012020101170d3237303232393030303030305a'],
    ['an entry that breaks off', '3012020101170d32363031'],
    ['a serial number without octets', '30110200170d3236303130313030303030305a'],
  ])('refuses %s', (_, hex) => {
    const crl = listOf(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
    expect(() => summariseEntries(crl)).toThrow(DerError);
    expect(outcome(summariseEntries, crl)).toEqual(outcome(slowly, crl));
  });
});

describe('the entries of a serial number', () => {
  const at = (text: string): Date => new Date(text);
  const one = (octets: number[], when: string, ...more: Buffer[]): Buffer =>
    write.sequence(write.integer(Buffer.from(octets)), write.time(at(when)), ...more);
  const long = Array.from({ length: 200 }, () => 0x77);
  const crl = listOf(
    one([1], '2026-01-01T00:00:00Z'),
    one([0x80], '2026-01-02T00:00:00Z', reason(1)),
    one(long, '2026-01-03T00:00:00Z'),
    one([1, 2], '2026-01-04T00:00:00Z'),
    one([1], '2026-01-05T00:00:00Z', reason(6)),
  );
  const days = (serialOctets: number[]): number[] =>
    entriesOf(crl, Buffer.from(serialOctets)).map(({ revokedAt }) => revokedAt.getUTCDate());

  it('are found wherever they stand, and all of them', () => {
    expect(days([1])).toEqual([1, 5]);
    expect(days([0, 0x80])).toEqual([2]);
    expect(days(long)).toEqual([3]);
    expect(days([1, 2])).toEqual([4]);
  });

  it('are none for others', () => {
    for (const other of [[2], [0x80], [1, 2, 3], long.slice(1)]) expect(days(other)).toEqual([]);
    expect(entriesOf(empty, Buffer.of(1))).toEqual([]);
  });
});
