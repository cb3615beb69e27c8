import { oid } from './oid.ts';

/** Signature algorithms as people know them. */
const signatures: Readonly<Record<string, string>> = {
  [oid.md2WithRsa]: 'RSA with MD2',
  [oid.md5WithRsa]: 'RSA with MD5',
  [oid.sha1WithRsa]: 'RSA with SHA-1',
  [oid.sha224WithRsa]: 'RSA with SHA-224',
  [oid.sha256WithRsa]: 'RSA with SHA-256',
  [oid.sha384WithRsa]: 'RSA with SHA-384',
  [oid.sha512WithRsa]: 'RSA with SHA-512',
  [oid.rsaPss]: 'RSA-PSS',
  '1.3.14.3.2.29': 'RSA with SHA-1',
  [oid.ecdsaWithSha1]: 'ECDSA with SHA-1',
  [oid.ecdsaWithSha224]: 'ECDSA with SHA-224',
  [oid.ecdsaWithSha256]: 'ECDSA with SHA-256',
  [oid.ecdsaWithSha384]: 'ECDSA with SHA-384',
  [oid.ecdsaWithSha512]: 'ECDSA with SHA-512',
  [oid.dsaWithSha1]: 'DSA with SHA-1',
  '2.16.840.1.101.3.4.3.1': 'DSA with SHA-224',
  [oid.dsaWithSha256]: 'DSA with SHA-256',
  [oid.ed25519]: 'Ed25519',
  [oid.ed448]: 'Ed448',
  '1.2.156.10197.1.501': 'SM2 with SM3',
  '2.16.840.1.101.3.4.3.17': 'ML-DSA-44',
  '2.16.840.1.101.3.4.3.18': 'ML-DSA-65',
  '2.16.840.1.101.3.4.3.19': 'ML-DSA-87',
};

export const signatureName = (id: string): string => signatures[id] ?? id;

const purposes: Readonly<Record<string, string>> = {
  [oid.anyExtendedKeyUsage]: 'any',
  [oid.serverAuth]: 'serverAuth',
  [oid.clientAuth]: 'clientAuth',
  [oid.codeSigning]: 'codeSigning',
  [oid.emailProtection]: 'emailProtection',
  [oid.timeStamping]: 'timeStamping',
  [oid.ocspSigning]: 'OCSPSigning',
  '1.3.6.1.5.5.7.3.5': 'ipsecEndSystem',
  '1.3.6.1.5.5.7.3.6': 'ipsecTunnel',
  '1.3.6.1.5.5.7.3.7': 'ipsecUser',
  '1.3.6.1.5.5.7.3.17': 'ipsecIKE',
  '1.3.6.1.5.5.7.3.21': 'secureShellClient',
  '1.3.6.1.5.5.7.3.22': 'secureShellServer',
  '1.3.6.1.5.5.7.3.36': 'documentSigning',
  '1.3.6.1.5.2.3.4': 'pkinitClientAuth',
  '1.3.6.1.5.2.3.5': 'pkinitKDC',
  '1.3.6.1.4.1.311.10.3.4': 'msEFS',
  '1.3.6.1.4.1.311.20.2.2': 'msSmartcardLogin',
  '1.3.6.1.4.1.311.2.1.21': 'msCodeInd',
  '1.3.6.1.4.1.311.2.1.22': 'msCodeCom',
  '1.3.6.1.4.1.311.10.3.3': 'msSGC',
  '2.16.840.1.113730.4.1': 'nsSGC',
};

/** A key purpose (RFC 5280 4.2.1.12) by its name, or its OID where it has none here. */
export const purposeName = (id: string): string => purposes[id] ?? id;

const extensions: Readonly<Record<string, string>> = {
  [oid.subjectKeyIdentifier]: 'subjectKeyIdentifier',
  [oid.keyUsage]: 'keyUsage',
  '2.5.29.16': 'privateKeyUsagePeriod',
  [oid.subjectAltName]: 'subjectAltName',
  [oid.issuerAltName]: 'issuerAltName',
  [oid.basicConstraints]: 'basicConstraints',
  [oid.crlNumber]: 'cRLNumber',
  [oid.deltaCrlIndicator]: 'deltaCRLIndicator',
  [oid.issuingDistributionPoint]: 'issuingDistributionPoint',
  [oid.nameConstraints]: 'nameConstraints',
  [oid.crlDistributionPoints]: 'cRLDistributionPoints',
  [oid.certificatePolicies]: 'certificatePolicies',
  [oid.policyMappings]: 'policyMappings',
  [oid.authorityKeyIdentifier]: 'authorityKeyIdentifier',
  [oid.policyConstraints]: 'policyConstraints',
  [oid.extendedKeyUsage]: 'extKeyUsage',
  [oid.freshestCrl]: 'freshestCRL',
  [oid.inhibitAnyPolicy]: 'inhibitAnyPolicy',
  '2.5.29.9': 'subjectDirectoryAttributes',
  [oid.authorityInfoAccess]: 'authorityInfoAccess',
  [oid.subjectInfoAccess]: 'subjectInfoAccess',
  [oid.tlsFeature]: 'tlsFeature',
  '1.3.6.1.5.5.7.1.3': 'qcStatements',
  '1.3.6.1.5.5.7.1.12': 'logotype',
  [oid.ocspNoCheck]: 'ocspNoCheck',
  [oid.signedCertificateTimestamps]: 'signedCertificateTimestamps',
  [oid.ctPoison]: 'ctPrecertificatePoison',
  '2.16.840.1.113730.1.1': 'netscapeCertType',
  '2.16.840.1.113730.1.13': 'netscapeComment',
  '1.3.6.1.4.1.311.20.2': 'msCertificateTemplateName',
  '1.3.6.1.4.1.311.21.1': 'msCaVersion',
  '1.3.6.1.4.1.311.21.7': 'msCertificateTemplate',
  '1.3.6.1.4.1.311.21.10': 'msApplicationPolicies',
  '1.2.840.113533.7.65.0': 'entrustVersion',
};

/** `undefined` where this program knows no name. */
export const extensionName = (id: string): string | undefined => extensions[id];
