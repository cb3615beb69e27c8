import type { DerKind } from './der-kind.ts';

/** What each label promises (RFC 7468, OpenSSL's pem.h); anything else is known by what it holds. */
export const labelKinds: Readonly<Record<string, DerKind>> = {
  CERTIFICATE: 'certificate',
  'X509 CERTIFICATE': 'certificate',
  'TRUSTED CERTIFICATE': 'certificate',
  'CERTIFICATE REQUEST': 'request',
  'NEW CERTIFICATE REQUEST': 'request',
  'X509 CRL': 'crl',
  PKCS7: 'pkcs7',
  CMS: 'pkcs7',
  'PKCS #7 SIGNED DATA': 'pkcs7',
  'CERTIFICATE CHAIN': 'pkcs7',
  PKCS12: 'pkcs12',
  'PRIVATE KEY': 'pkcs8',
  'ENCRYPTED PRIVATE KEY': 'encrypted-pkcs8',
  'EC PRIVATE KEY': 'sec1',
  'RSA PRIVATE KEY': 'rsa-private',
  'DSA PRIVATE KEY': 'dsa-private',
  'PUBLIC KEY': 'public-key',
  'RSA PUBLIC KEY': 'rsa-public',
};
