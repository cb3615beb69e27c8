import { extension, type Certificate } from '../../../../src/pki/x509/certificate.ts';
import { readExtendedKeyUsage, readKeyUsage, type KeyUsage } from '../../../../src/pki/x509/extensions.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';

const usageNames = {
  digitalSignature: 'DIGITAL_SIGNATURE',
  nonRepudiation: 'NON_REPUDIATION',
  keyEncipherment: 'KEY_ENCIPHERMENT',
  dataEncipherment: 'DATA_ENCIPHERMENT',
  keyAgreement: 'KEY_AGREEMENT',
  keyCertSign: 'CERTIFICATE_SIGNING',
  cRLSign: 'CRL_SIGNING',
  encipherOnly: 'ENCIPHER_ONLY',
  decipherOnly: 'DECIPHER_ONLY',
} as const satisfies Record<KeyUsage, string>;

const purposeNames: Readonly<Record<string, string>> = {
  [oid.serverAuth]: 'TLS_WEB_SERVER_AUTHENTICATION',
  [oid.clientAuth]: 'TLS_WEB_CLIENT_AUTHENTICATION',
  [oid.codeSigning]: 'CODE_SIGNING',
  [oid.emailProtection]: 'EMAIL_PROTECTION',
  [oid.timeStamping]: 'TIME_STAMPING',
  [oid.ocspSigning]: 'OCSP_SIGNING',
  [oid.anyExtendedKeyUsage]: 'ANY',
};

export function keyUsageNames(certificate: Certificate): string[] {
  const found = extension(certificate, oid.keyUsage);
  return found ? readKeyUsage(found.value).map((name) => usageNames[name]) : [];
}

export function purposesOf(certificate: Certificate): { name: string; id: string }[] {
  const found = extension(certificate, oid.extendedKeyUsage);
  const ids = found ? readExtendedKeyUsage(found.value) : [];
  return ids.map((id) => ({ name: purposeNames[id] ?? 'CUSTOM', id }));
}
