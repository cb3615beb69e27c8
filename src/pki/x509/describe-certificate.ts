import { createHash } from 'node:crypto';
import { fingerprint, serialHex, type Certificate } from './certificate.ts';
import type { DerError } from './der-reader.ts';
import type { FileBudget } from './file-budget.ts';
import {
  describeExtensions,
  type ExtensionDescription,
  type ExtensionFields,
} from './describe-extensions.ts';
import {
  describeName,
  describeSignature,
  type AlgorithmDescription,
  type NameDescription,
} from './describe-names.ts';
import { certificatePem } from './pem-writer.ts';
import { keyText, publicKeyFacts } from './public-key-facts.ts';
import { sameName } from './name-comparison.ts';

export interface PublicKeyDescription {
  /** `EC P-256`, `RSA 2048 bits`. */
  text: string;
  algorithm: string;
  bits: number | null;
  curve: string | null;
  exponent: string | null;
  /** Bits of security against classical computers. */
  strength: number | null;
  /** Of the SubjectPublicKeyInfo: hex. */
  sha256: string;
  /** The same in base64, as HTTP public key pinning wrote it (RFC 7469 2.4). */
  pin: string;
}

export function describePublicKey(spki: Buffer): PublicKeyDescription {
  const facts = publicKeyFacts(spki);
  const digest = createHash('sha256').update(spki).digest();
  return {
    text: keyText(facts),
    algorithm: facts.algorithm,
    bits: facts.bits ?? null,
    curve: facts.curve ?? null,
    exponent: facts.exponent ?? null,
    strength: facts.strength ?? null,
    sha256: digest.toString('hex'),
    pin: digest.toString('base64'),
  };
}

type ValidityState = 'valid' | 'expired' | 'not-yet-valid';

export interface CertificateDescription extends ExtensionFields {
  kind: 'certificate';
  version: number;
  subject: NameDescription;
  issuer: NameDescription;
  /** Lower-case hex. */
  serial: string;
  notBefore: string;
  notAfter: string;
  validity: {
    state: ValidityState;
    /** Until notAfter; negative once it is past. */
    secondsLeft: number;
  };
  /** Issuer and subject are the same name. */
  selfIssued: boolean;
  publicKey: PublicKeyDescription;
  signatureAlgorithm: AlgorithmDescription;
  extensions: ExtensionDescription[];
  /** Of the whole DER. */
  sha256: string;
  pem: string;
}

function stateAt(
  { notBefore, notAfter }: Pick<Certificate, 'notBefore' | 'notAfter'>,
  time: Date,
): ValidityState {
  if (time < notBefore) return 'not-yet-valid';
  // notAfter is the last second that counts (RFC 5280 4.1.2.5).
  return time.getTime() >= notAfter.getTime() + 1000 ? 'expired' : 'valid';
}

/** Everything that a certificate says, and the extensions that cannot be read. */
export function describeCertificate(
  certificate: Certificate,
  now: Date,
  { elements }: Pick<FileBudget, 'elements'>,
): { description: CertificateDescription; malformed: readonly DerError[] } {
  const { der, notBefore, notAfter } = certificate;
  const { extensions, fields, malformed } = describeExtensions(certificate.extensions, der, elements);
  const description: CertificateDescription = {
    kind: 'certificate',
    version: certificate.version,
    subject: describeName(certificate.subjectName),
    issuer: describeName(certificate.issuerName),
    serial: serialHex(certificate.serial),
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
    validity: {
      state: stateAt(certificate, now),
      secondsLeft: Math.floor((notAfter.getTime() - now.getTime()) / 1000),
    },
    selfIssued: sameName(certificate.issuerName, certificate.subjectName),
    publicKey: describePublicKey(certificate.publicKey),
    signatureAlgorithm: describeSignature(certificate.signatureAlgorithm),
    ...fields,
    extensions,
    sha256: fingerprint(der),
    pem: certificatePem(der),
  };
  return { description, malformed };
}
