import 'reflect-metadata';
import { X509Certificate as NodeCertificate } from 'node:crypto';
import * as peculiar from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import {
  buildCertificate,
  randomSerial,
  type CertificateTemplate,
} from '../../../src/pki/x509/certificate-builder.ts';
import { readCertificate, serialHex } from '../../../src/pki/x509/certificate.ts';
import { readCrlTimes } from '../../../src/pki/x509/crl-times.ts';
import { encodeName } from '../../../src/pki/x509/distinguished-name.ts';
import { generateKey, keyIdentifier, keyTypes, publicKeyDer } from '../../../src/pki/x509/key.ts';
import { oid } from '../../../src/pki/x509/oid.ts';
import { parseName } from '../../../src/pki/x509/subject-alternative-name.ts';
import { buildCrl } from '../../support/chains.ts';

const issuerKey = await generateKey('ec-p256');
const authorityKeyIdentifier = keyIdentifier(publicKeyDer(issuerKey));
const leafKey = await generateKey('ec-p256');

const template: CertificateTemplate = {
  serial: Buffer.from('4d43059bda6e9429a0b45f2d0e720dca14c0e45f', 'hex'),
  issuer: encodeName([
    { type: oid.country, value: 'DE' },
    { type: oid.commonName, value: 'Shop Issuing CA' },
  ]),
  subject: encodeName([{ type: oid.commonName, value: 'orders.internal' }]),
  notBefore: new Date('2026-11-25T07:00:00Z'),
  notAfter: new Date('2026-12-25T07:00:00Z'),
  publicKey: publicKeyDer(leafKey),
  basicConstraints: { ca: false, pathLength: undefined },
  keyUsage: ['digitalSignature', 'keyEncipherment'],
  extendedKeyUsage: [oid.serverAuth, oid.clientAuth],
  names: ['orders.internal', '10.0.0.7', 'spiffe://corp/sa/orders', 'ops@corp.example'].map(parseName),
  nameConstraints: undefined,
  authorityKeyIdentifier,
  crlUrls: ['http://pki.internal/crl.der'],
  ocspUrls: ['http://ocsp.internal/'],
  issuerUrls: ['http://pki.internal/ca.der'],
};

/** The judge does not take a Buffer whose memory may be shared. */
const bytes = (der: Buffer): Uint8Array<ArrayBuffer> => new Uint8Array(der);
const judge = (der: Buffer): peculiar.X509Certificate => new peculiar.X509Certificate(bytes(der));

describe('a certificate of ours, read by @peculiar/x509', () => {
  const der = buildCertificate(template, issuerKey);
  const judged = judge(der);

  it('has the names, times and serial number that were asked for', () => {
    expect(judged.subject).toBe('CN=orders.internal');
    expect(judged.issuer).toBe('C=DE, CN=Shop Issuing CA');
    expect(judged.serialNumber).toBe('4d43059bda6e9429a0b45f2d0e720dca14c0e45f');
    expect(judged.notBefore).toEqual(template.notBefore);
    expect(judged.notAfter).toEqual(template.notAfter);
  });

  it('has the extensions of RFC 5280 with their criticality', () => {
    expect(judged.extensions.map(({ type, critical }) => [type, critical])).toEqual([
      [oid.basicConstraints, true],
      [oid.keyUsage, true],
      [oid.extendedKeyUsage, false],
      [oid.subjectKeyIdentifier, false],
      [oid.authorityKeyIdentifier, false],
      [oid.subjectAltName, false],
      [oid.crlDistributionPoints, false],
      [oid.authorityInfoAccess, false],
    ]);
    expect(judged.getExtension(peculiar.BasicConstraintsExtension)?.ca).toBe(false);
    expect(judged.getExtension(peculiar.KeyUsagesExtension)?.usages).toBe(
      peculiar.KeyUsageFlags.digitalSignature | peculiar.KeyUsageFlags.keyEncipherment,
    );
    expect(judged.getExtension(peculiar.ExtendedKeyUsageExtension)?.usages).toEqual([
      oid.serverAuth,
      oid.clientAuth,
    ]);
    const authority = judged.getExtension(peculiar.AuthorityKeyIdentifierExtension);
    expect(authority?.keyId).toBe(authorityKeyIdentifier.toString('hex'));
    expect(authority?.certId).toBeUndefined();
    expect(judged.getExtension(peculiar.SubjectAlternativeNameExtension)?.names.toJSON()).toEqual([
      { type: 'dns', value: 'orders.internal' },
      { type: 'ip', value: '10.0.0.7' },
      { type: 'url', value: 'spiffe://corp/sa/orders' },
      { type: 'email', value: 'ops@corp.example' },
    ]);
    expect(judged.toString('text')).toContain('http://pki.internal/crl.der');
  });

  it('has a subject key identifier that is the SHA-1 of its key', async () => {
    const keyId = judged.getExtension(peculiar.SubjectKeyIdentifierExtension)?.keyId;
    expect(keyId).toBe(Buffer.from(await judged.publicKey.getKeyIdentifier()).toString('hex'));
  });

  it('is read back by our own reader byte for byte', () => {
    const read = readCertificate(der);
    expect(read.issuer.equals(template.issuer)).toBe(true);
    expect(read.subject.equals(template.subject)).toBe(true);
    expect(read.publicKey.equals(template.publicKey)).toBe(true);
    expect(read.innerSignatureAlgorithm.raw.equals(read.signatureAlgorithm.raw)).toBe(true);
    expect([read.notBefore, read.notAfter]).toEqual([template.notBefore, template.notAfter]);
  });
});

describe('what depends on the request', () => {
  it('makes the alternative names critical where the subject is empty', () => {
    const judged = judge(buildCertificate({ ...template, subject: encodeName([]) }, issuerKey));
    expect(judged.getExtension(oid.subjectAltName)?.critical).toBe(true);
  });

  it.each(['2049-12-31T23:59:59Z', '2050-01-01T00:00:00Z', '9999-12-31T23:59:59Z'])(
    'writes %s so that others read it',
    (text) => {
      const notAfter = new Date(text);
      const der = buildCertificate({ ...template, notAfter }, issuerKey);
      expect(judge(der).notAfter).toEqual(notAfter);
      expect(new Date(new NodeCertificate(der).validTo)).toEqual(notAfter);
      expect(der.includes('20491231235959Z')).toBe(false);
      expect(der.includes(Buffer.from('491231235959Z'))).toBe(text.startsWith('2049'));
    },
  );

  it.each(keyTypes)('signs with %s so that node:crypto verifies it', async (keyType) => {
    const key = await generateKey(keyType);
    const certificate = new NodeCertificate(buildCertificate(template, key));
    expect(
      certificate.verify(
        new NodeCertificate(buildCertificate({ ...template, publicKey: publicKeyDer(key) }, key)).publicKey,
      ),
    ).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(false);
  });
});

describe('serial numbers', () => {
  const serials = Array.from({ length: 5000 }, randomSerial);

  it('are positive, of at most 20 octets, with at least 128 random bits', () => {
    for (const serial of serials) {
      expect(serial).toHaveLength(20);
      expect((serial[0] ?? 0xff) & 0xc0).toBe(0x40);
    }
    for (let bit = 2; bit < 160; bit += 1) {
      const ones = serials.filter((serial) => ((serial[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0).length;
      expect(Math.abs(ones - 2500)).toBeLessThan(350);
    }
  });

  it('do not repeat', () => {
    expect(new Set(serials.map(serialHex)).size).toBe(serials.length);
  });
});

describe('a CRL of ours', () => {
  const thisUpdate = new Date('2026-11-25T07:00:00Z');
  const nextUpdate = new Date('2026-12-25T07:00:00Z');
  const crlOf = (entries: Parameters<typeof buildCrl>[0]['entries']): Buffer =>
    buildCrl(
      {
        issuer: template.issuer,
        authorityKeyIdentifier,
        number: 1_795_590_178,
        thisUpdate,
        nextUpdate,
        entries,
      },
      issuerKey,
    );

  it('is read by @peculiar/x509 with its entries and reasons', () => {
    const revokedAt = new Date('2026-11-25T06:00:00Z');
    const crl = new peculiar.X509Crl(
      bytes(
        crlOf([
          {
            serial: serialHex(template.serial),
            revokedAt: revokedAt.getTime(),
            reason: 'keyCompromise',
          },
        ]),
      ),
    );
    expect(crl.issuer).toBe('C=DE, CN=Shop Issuing CA');
    expect(crl.entries).toHaveLength(1);
    const [entry] = crl.entries;
    expect(entry?.serialNumber).toBe('4d43059bda6e9429a0b45f2d0e720dca14c0e45f');
    expect(entry?.revocationDate).toEqual(revokedAt);
    expect(entry?.reason).toBe(peculiar.X509CrlReason.keyCompromise);
  });

  it('leaves the list out where nothing is revoked, and says when it was made', () => {
    const der = crlOf([]);
    expect(new peculiar.X509Crl(bytes(der)).entries).toHaveLength(0);
    expect(readCrlTimes(der)).toEqual({ thisUpdate, nextUpdate });
  });
});
