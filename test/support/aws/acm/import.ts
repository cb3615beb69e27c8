import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { extension, type Certificate } from '../../../../src/pki/x509/certificate.ts';
import { commonName } from '../../../../src/pki/x509/distinguished-name.ts';
import { readAlternativeNames } from '../../../../src/pki/x509/extensions.ts';
import { publicKeyDer } from '../../../../src/pki/x509/key.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import { checkSignature } from '../../../../src/pki/x509/validation/signature.ts';
import type { Call } from '../cloud.ts';
import type { Json } from '../input.ts';
import { certificatesIn } from '../pem.ts';
import { invalid } from '../refusal.ts';
import { tagsOf } from '../tags.ts';
import { certificateOf, newCertificateArn, type AcmCertificate, type KeyAlgorithm } from './certificate.ts';
import { checkRoom } from './quota.ts';
import { checkReimport } from './reimport.ts';

/** What is to be imported, once it is known to be sound. */
interface Imported {
  certificate: Certificate;
  chain: Certificate[];
  key: KeyObject;
  keyAlgorithm: KeyAlgorithm;
  domainName: string;
  names: string[];
}

export function importCertificate(call: Call): Json {
  const { input, cloud, caller } = call;
  const before = input.has('CertificateArn') ? certificateOf(call) : undefined;
  const imported = readImport(call);
  if (before) {
    if (input.has('Tags')) throw invalid('Tagging is not permitted on re-import.');
    checkReimport(before, imported);
    Object.assign(before, imported, { importedAt: cloud.clock.now() });
    return { CertificateArn: before.arn };
  }
  checkRoom(cloud, caller, true);
  const now = cloud.clock.now();
  const made: AcmCertificate = {
    ...imported,
    arn: newCertificateArn(caller),
    type: 'IMPORTED',
    status: 'ISSUED',
    caArn: undefined,
    failure: undefined,
    validations: [],
    approved: true,
    exportable: false,
    exported: false,
    paid: false,
    createdAt: now,
    issuedAt: undefined,
    importedAt: now,
    revoked: undefined,
    renewal: undefined,
    inUseBy: [],
    tags: tagsOf(input, 'InvalidTagException'),
    polls: 0,
    hidden: 0,
  };
  cloud.certificates.set(made.arn, made);
  return { CertificateArn: made.arn };
}

function readImport({ input, cloud }: Call): Imported {
  const [certificate, ...more] = certificatesIn(input.blob('Certificate', { max: 32_768 })) ?? [];
  const chain = chainOf(input.optionalBlob('CertificateChain', { max: 2_097_152 }));
  const key = keyOf(input.blob('PrivateKey', { max: 5_120 }));
  if (!certificate) throw invalid('The certificate field is not a valid certificate in PEM');
  if (more.length > 0) {
    throw invalid(
      'The certificate field contains more than one certificate. You can specify only one certificate in this field.',
    );
  }
  if (!publicKeyDer(key).equals(certificate.publicKey))
    throw invalid('The certificate and the private key do not match');
  const now = cloud.clock.now();
  if (now < certificate.notBefore || now > certificate.notAfter)
    throw invalid('The certificate is not valid now: it is before its start or after its end');
  if (certificate.issuerName.length === 0) throw invalid('The certificate has an empty issuer');
  checkPath(certificate, chain);
  const names = dnsNames(certificate);
  const domainName = commonName(certificate.subjectName) ?? names[0] ?? '';
  return { certificate, chain, key, keyAlgorithm: keyAlgorithmOf(key), domainName, names };
}

function chainOf(pem: Buffer | undefined): Certificate[] {
  const chain = pem ? certificatesIn(pem) : [];
  if (!chain) throw invalid('The certificate chain field is not a list of certificates in PEM');
  return chain;
}

function keyOf(pem: Buffer): KeyObject {
  if (pem.includes('ENCRYPTED')) throw invalid('The private key is encrypted; it must not be');
  try {
    return createPrivateKey(pem);
  } catch {
    throw invalid('The private key is not supported.');
  }
}

/** Each directly certifies the one before it; without a chain the certificate must have signed itself. */
function checkPath(certificate: Certificate, chain: readonly Certificate[]): void {
  if (chain.length === 0 && checkSignature(certificate, certificate) !== 'good') {
    throw invalid(
      'Provided certificate is not a valid self signed. Please provide either a valid self-signed certificate or certificate chain.',
    );
  }
  const path = [certificate, ...chain];
  path.slice(0, -1).forEach((lower, index) => {
    const upper = path[index + 1];
    if (!upper || !lower.issuer.equals(upper.subject) || checkSignature(lower, upper) !== 'good')
      throw invalid('Could not validate the certificate with the certificate chain.');
  });
}

function dnsNames(certificate: Certificate): string[] {
  const names = extension(certificate, oid.subjectAltName);
  return names
    ? readAlternativeNames(names.value).flatMap((name) => (name.kind === 'dns' ? [name.value] : []))
    : [];
}

const curves: Readonly<Record<string, KeyAlgorithm>> = {
  prime256v1: 'EC_prime256v1',
  secp384r1: 'EC_secp384r1',
  secp521r1: 'EC_secp521r1',
};
const sizes: Readonly<Record<number, KeyAlgorithm>> = {
  1024: 'RSA_1024',
  2048: 'RSA_2048',
  3072: 'RSA_3072',
  4096: 'RSA_4096',
};

function keyAlgorithmOf(key: KeyObject): KeyAlgorithm {
  const { namedCurve = '', modulusLength = 0 } = createPublicKey(key).asymmetricKeyDetails ?? {};
  const found = curves[namedCurve] ?? sizes[modulusLength];
  if (!found)
    throw invalid(
      'The private key algorithm is not supported: RSA of 1024 to 4096 bits or P-256, P-384, P-521',
    );
  return found;
}
