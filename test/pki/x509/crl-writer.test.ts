import { generateKeyPairSync, verify, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { serialHex } from '../../../src/pki/x509/certificate.ts';
import { entryExtensions, readCrl, reasonOf, revokedCertificates } from '../../../src/pki/x509/crl.ts';
import { summariseEntries } from '../../../src/pki/x509/crl-summary.ts';
import { encodeCrl, reasonCodes, type RevokedEntry } from '../../../src/pki/x509/crl-writer.ts';
import * as write from '../../../src/pki/x509/der-writer.ts';
import { encodeName } from '../../../src/pki/x509/distinguished-name.ts';
import { oid } from '../../../src/pki/x509/oid.ts';
import { encodePem, pemPieces } from '../../../src/pki/x509/pem-writer.ts';
import { buildCrl } from '../../support/chains.ts';

const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

const template = (entries: Iterable<RevokedEntry>): Parameters<typeof encodeCrl>[0] => ({
  issuer: encodeName([{ type: oid.commonName, value: 'Shop Issuing CA' }]),
  authorityKeyIdentifier: Buffer.alloc(20, 7),
  number: 1_795_590_178,
  thisUpdate: new Date('2026-11-25T07:00:00Z'),
  nextUpdate: new Date('2026-12-25T07:00:00Z'),
  entries,
});

const entry = (changes: Partial<RevokedEntry> = {}): RevokedEntry => ({
  serial: '4d43059bda6e9429a0b45f2d0e720dca14c0e45f',
  revokedAt: Date.parse('2026-11-25T06:00:00Z'),
  reason: 'superseded',
  ...changes,
});

const read = (entries: Iterable<RevokedEntry>): ReturnType<typeof readCrl> =>
  readCrl(buildCrl(template(entries), p256));

describe('the entries of a CRL', () => {
  it.each([
    ['01', '020101'],
    ['7', '020107'],
    ['00ff', '020200ff'],
    ['80', '02020080'],
    ['000000', '020100'],
    ['f00d5', '02030f00d5'],
  ])('have the serial number %s as a positive and minimal integer', (given, der) => {
    const [found] = revokedCertificates(read([entry({ serial: given })]));
    expect(write.integer(found?.serial ?? Buffer.alloc(0)).toString('hex')).toBe(der);
  });

  it.each(['', 'xyz', 'AB', '0 1', 'ab'.repeat(65)])('refuse the serial number %j', (serial) => {
    expect(() => read([entry({ serial })])).toThrow(TypeError);
  });

  it.each([
    '1970-01-01T00:00:00Z',
    '2026-11-25T23:59:59Z',
    '2028-02-29T12:34:56Z',
    '2049-12-31T23:59:59Z',
    '2050-01-01T00:00:00Z',
  ])('have the time %s as RFC 5280 wants it', (text) => {
    const revokedAt = Date.parse(text);
    const crl = read([entry({ revokedAt: revokedAt + 999 })]);
    const [found] = revokedCertificates(crl);
    expect(found?.revokedAt).toEqual(new Date(revokedAt));
    expect(crl.der.includes(write.time(new Date(revokedAt)))).toBe(true);
  });

  it('say the reason, and nothing where there is none', () => {
    const reasons = Object.keys(reasonCodes) as RevokedEntry['reason'][];
    const found = [...revokedCertificates(read(reasons.map((reason) => entry({ reason }))))];
    expect(found.map(reasonOf)).toEqual(reasons);
    expect(found[0]?.extensions).toBeUndefined();
  });

  it('say since when the key may have been in wrong hands', () => {
    const invalidityDate = Date.parse('2026-11-01T00:00:00Z');
    const entries = [
      entry({ reason: 'keyCompromise', invalidityDate }),
      entry({ reason: 'unspecified', invalidityDate }),
    ];
    const found = [...revokedCertificates(read(entries))];
    expect(found.map((one) => entryExtensions(one).map(({ id }) => id))).toEqual([
      [oid.reasonCode, oid.invalidityDate],
      [oid.invalidityDate],
    ]);
    const value = entryExtensions(found[0] ?? expect.fail())
      .at(-1)
      ?.value.toString('latin1');
    expect(value).toContain('20261101000000Z');
  });

  it('may be so many that they come in several pieces, from a generator', () => {
    function* many(): Generator<RevokedEntry> {
      for (let at = 0; at < 60_000; at += 1) {
        yield entry({ serial: (at + 2 ** 40).toString(16), revokedAt: at * 40_000_000 });
      }
    }
    const pieces = encodeCrl(template(many()), p256);
    expect(pieces.filter(({ length }) => length > 100_000).length).toBeGreaterThan(1);
    const crl = readCrl(Buffer.concat(pieces));
    expect(summariseEntries(crl).count).toBe(60_000);
    let at = 0;
    for (const { serial, revokedAt } of revokedCertificates(crl)) {
      if (serialHex(serial) !== `0${(at + 2 ** 40).toString(16)}`) expect.fail(`${at}: ${serialHex(serial)}`);
      if (revokedAt.getTime() !== at * 40_000_000) expect.fail(`${at}: ${revokedAt.toISOString()}`);
      at += 1;
    }
  });
});

describe('the signature', () => {
  const keys: Record<string, KeyObject> = {
    'ec-p256': p256,
    'ec-p384': generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
    'rsa-2048': generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
    ed25519: generateKeyPairSync('ed25519').privateKey,
  };

  it.each(Object.entries(keys))('of %s covers all pieces', (name, key) => {
    const crl = readCrl(buildCrl(template([entry(), entry({ serial: '02' })]), key));
    const digest = { 'ec-p384': 'sha384', ed25519: null }[name];
    expect(verify(digest === undefined ? 'sha256' : digest, crl.tbs, key, crl.signature)).toBe(true);
    expect(crl.signatureAlgorithm.raw).toEqual(crl.innerSignatureAlgorithm.raw);
  });
});

describe('PEM in pieces', () => {
  it.each([1, 2, 3, 47, 48, 49, 95, 96, 48 * 1024 - 1, 48 * 1024, 48 * 1024 + 1, 200_000])(
    'of %d bytes is PEM in one piece',
    (length) => {
      const der = Buffer.from(Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 0xff));
      const pieces = [der.subarray(0, 1), der.subarray(1, 70_000), der.subarray(70_000)];
      let text = '';
      for (const piece of pemPieces('X509 CRL', pieces)) text += piece.toString('latin1');
      expect(text).toBe(encodePem('X509 CRL', der));
    },
  );
});
