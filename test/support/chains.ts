import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import {
  buildCertificate,
  randomSerial,
  type CertificateTemplate,
} from '../../src/pki/x509/certificate-builder.ts';
import { readCertificate, serialHex, type Certificate } from '../../src/pki/x509/certificate.ts';
import { readCrl, type Crl } from '../../src/pki/x509/crl.ts';
import { encodeCrl, type RevokedEntry } from '../../src/pki/x509/crl-writer.ts';
import { readSequence } from '../../src/pki/x509/der-reader.ts';
import * as write from '../../src/pki/x509/der-writer.ts';
import { encodeName } from '../../src/pki/x509/distinguished-name.ts';
import { keyIdentifier, publicKeyDer } from '../../src/pki/x509/key.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { signed } from '../../src/pki/x509/signing.ts';

/** The time at which everything made here is valid. */
export const noon = new Date('2030-06-15T12:00:00Z');

export const days = (count: number): Date => new Date(noon.getTime() + count * 86_400_000);

/** A certificate with its key, so that it can sign others. */
export interface Entity {
  certificate: Certificate;
  key: KeyObject;
}

export type Changes = Partial<CertificateTemplate> & { key?: KeyObject };

/** Issues a certificate; without an issuer it signs itself. */
export function issue(name: string, issuer: Entity | undefined, changes: Changes = {}): Entity {
  const { key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, ...rest } = changes;
  const publicKey = publicKeyDer(key);
  const subject = encodeName([{ type: oid.commonName, value: name }]);
  const template: CertificateTemplate = {
    serial: randomSerial(),
    issuer: issuer?.certificate.subject ?? subject,
    subject,
    notBefore: days(-30),
    notAfter: days(30),
    publicKey,
    basicConstraints: { ca: false, pathLength: undefined },
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [oid.serverAuth, oid.clientAuth],
    names: [{ kind: 'dns', value: name }],
    nameConstraints: undefined,
    authorityKeyIdentifier: issuer && keyIdentifier(issuer.certificate.publicKey),
    crlUrls: [],
    ocspUrls: [],
    issuerUrls: [],
    ...rest,
  };
  return { certificate: readCertificate(buildCertificate(template, issuer?.key ?? key)), key };
}

export const authority = (name: string, issuer?: Entity, changes: Changes = {}): Entity =>
  issue(name, issuer, {
    basicConstraints: { ca: true, pathLength: undefined },
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    names: [],
    ...changes,
  });

/** The same certificate with one more extension (DER). */
export function withExtension({ certificate, key }: Entity, issuer: Entity, extension: Buffer): Entity {
  const parts = [...readSequence(certificate.tbs, 'tbsCertificate').all('a part')];
  const extensions = [...(parts.pop()?.reader().sequence('extensions').all('an extension') ?? [])];
  const all = write.sequence(...extensions.map(({ raw }) => raw), extension);
  const der = signed(issuer.key, () =>
    write.sequence(...parts.map(({ raw }) => raw), write.explicit(3, all)),
  );
  return { certificate: readCertificate(der), key };
}

/** A CRL in one piece. */
export const buildCrl = (...order: Parameters<typeof encodeCrl>): Buffer =>
  Buffer.concat(encodeCrl(...order));

/** SubjectPublicKeyInfo whose point on P-256 is the one at infinity: no key, but OpenSSL reads it. */
export const keyAtInfinity = Buffer.from('3019301306072a8648ce3d020106082a8648ce3d03010703020000', 'hex');

export function crlOf(
  issuer: Entity,
  revoked: readonly Entity[],
  changes: { thisUpdate?: Date; nextUpdate?: Date; number?: number; reason?: RevokedEntry['reason'] } = {},
): Crl {
  const { thisUpdate = days(-1), nextUpdate = days(6), number = 1, reason = 'superseded' } = changes;
  const der = buildCrl(
    {
      issuer: issuer.certificate.subject,
      authorityKeyIdentifier: keyIdentifier(issuer.certificate.publicKey),
      number,
      thisUpdate,
      nextUpdate,
      entries: revoked.map(({ certificate: { serial } }) => ({
        serial: serialHex(serial),
        revokedAt: days(-2).getTime(),
        reason,
      })),
    },
    issuer.key,
  );
  return readCrl(der);
}
