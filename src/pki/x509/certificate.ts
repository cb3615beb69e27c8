import { createHash } from 'node:crypto';
import type { DerReader } from './der-reader.ts';
import {
  context,
  contextConstructed,
  integerBytes,
  objectIdentifier,
  octetAlignedBitString,
  readSequence,
  smallInteger,
  tag,
  time,
} from './der-reader.ts';
import { readRdns, type DistinguishedName } from './distinguished-name.ts';
import { readExtensions, type Extension } from './extensions.ts';

/** AlgorithmIdentifier (RFC 5280 4.1.1.2). */
export interface AlgorithmIdentifier {
  id: string;
  /** Encoding of the parameters; `undefined` where they are absent. */
  parameters: Buffer | undefined;
  raw: Buffer;
}

/** A decoded certificate. Every Buffer is a view into `der`. Extensions are decoded by whoever needs them. */
export interface Certificate {
  der: Buffer;
  /** What the signature covers. */
  tbs: Buffer;
  version: 1 | 2 | 3;
  /** Content octets of the serial number. */
  serial: Buffer;
  /** The algorithm named inside what is signed; it must equal `signatureAlgorithm` byte for byte. */
  innerSignatureAlgorithm: AlgorithmIdentifier;
  signatureAlgorithm: AlgorithmIdentifier;
  signature: Buffer;
  /** Encoded Name. */
  issuer: Buffer;
  issuerName: DistinguishedName;
  /** Encoded Name. */
  subject: Buffer;
  subjectName: DistinguishedName;
  notBefore: Date;
  notAfter: Date;
  /** Encoded SubjectPublicKeyInfo. */
  publicKey: Buffer;
  publicKeyAlgorithm: AlgorithmIdentifier;
  extensions: Extension[];
}

/**
 * Decodes one DER certificate.
 * @throws DerError with the byte offset and what was expected there.
 */
export function readCertificate(der: Buffer): Certificate {
  const outer = readSequence(der, 'a certificate');
  const tbsElement = outer.expect(tag.sequence, 'tbsCertificate');
  const signatureAlgorithm = readAlgorithm(outer, 'signatureAlgorithm');
  const signature = octetAlignedBitString(outer.expect(tag.bitString, 'signatureValue'), 'signatureValue');
  outer.finish('a certificate');

  const tbs = tbsElement.reader();
  const version = readVersion(tbs);
  const serial = integerBytes(tbs.expect(tag.integer, 'serialNumber'), 'serialNumber');
  const innerSignatureAlgorithm = readAlgorithm(tbs, 'signature');
  const issuer = tbs.expect(tag.sequence, 'issuer');
  const validity = tbs.sequence('validity');
  const notBefore = time(validity.next('notBefore'), 'notBefore');
  const notAfter = time(validity.next('notAfter'), 'notAfter');
  validity.finish('validity');
  const subject = tbs.expect(tag.sequence, 'subject');
  const publicKey = tbs.expect(tag.sequence, 'subjectPublicKeyInfo');
  if (version > 1) {
    tbs.optional(context(1), 'issuerUniqueID');
    tbs.optional(context(2), 'subjectUniqueID');
  }
  const extensions = version === 3 ? readCertificateExtensions(tbs) : [];
  tbs.finish('tbsCertificate');

  return {
    der,
    tbs: tbsElement.raw,
    version,
    serial,
    innerSignatureAlgorithm,
    signatureAlgorithm,
    signature,
    issuer: issuer.raw,
    issuerName: readRdns(issuer.reader(), 'issuer'),
    subject: subject.raw,
    subjectName: readRdns(subject.reader(), 'subject'),
    notBefore,
    notAfter,
    publicKey: publicKey.raw,
    publicKeyAlgorithm: readPublicKeyAlgorithm(publicKey.reader()),
    extensions,
  };
}

const decoded = new WeakMap<Buffer, Certificate>();

/** The same for one that several steps on its way look at, and that nobody writes to. */
export function readCertificateOnce(der: Buffer): Certificate {
  const certificate = decoded.get(der) ?? readCertificate(der);
  decoded.set(der, certificate);
  return certificate;
}

/** What a sweep over thousands of certificates needs of each. */
export type CertificateLife = Pick<Certificate, 'der' | 'serial' | 'notBefore' | 'notAfter'>;

/**
 * Decodes no more of a certificate than its number and its time.
 * @throws DerError
 */
export function readLife(der: Buffer): CertificateLife {
  const outer = readSequence(der, 'a certificate');
  const tbs = outer.expect(tag.sequence, 'tbsCertificate').reader();
  tbs.optional(contextConstructed(0), 'version');
  const serial = integerBytes(tbs.expect(tag.integer, 'serialNumber'), 'serialNumber');
  tbs.expect(tag.sequence, 'signature');
  tbs.expect(tag.sequence, 'issuer');
  const validity = tbs.sequence('validity');
  const notBefore = time(validity.next('notBefore'), 'notBefore');
  const notAfter = time(validity.next('notAfter'), 'notAfter');
  return { der, serial, notBefore, notAfter };
}

function readVersion(tbs: DerReader): 1 | 2 | 3 {
  const explicit = tbs.optional(contextConstructed(0), 'version');
  if (!explicit) return 1;
  const reader = explicit.reader();
  const version = smallInteger(reader.expect(tag.integer, 'version'), 'version') + 1;
  reader.finish('version');
  if (version === 2 || version === 3) return version;
  throw explicit.fail('version 2 or 3', `version ${version}`);
}

function readCertificateExtensions(tbs: DerReader): Extension[] {
  const explicit = tbs.optional(contextConstructed(3), 'extensions');
  if (!explicit) return [];
  const reader = explicit.reader();
  const list = reader.sequence('extensions');
  reader.finish('extensions');
  if (list.done) throw explicit.fail('at least one extension', 'an empty list');
  return readExtensions(list, 'the certificate');
}

function readPublicKeyAlgorithm(spki: DerReader): AlgorithmIdentifier {
  const algorithm = readAlgorithm(spki, 'public key algorithm');
  octetAlignedBitString(spki.expect(tag.bitString, 'subjectPublicKey'), 'subjectPublicKey');
  spki.finish('subjectPublicKeyInfo');
  return algorithm;
}

export function readAlgorithm(reader: DerReader, what: string): AlgorithmIdentifier {
  const element = reader.expect(tag.sequence, what);
  const inner = element.reader();
  const id = objectIdentifier(inner.expect(tag.oid, `the OID of ${what}`), what);
  const parameters = inner.done ? undefined : inner.next(`the parameters of ${what}`).raw;
  inner.finish(what);
  return { id, parameters, raw: element.raw };
}

/** The value of the first extension with this OID. */
export function extension(certificate: { extensions: Extension[] }, id: string): Extension | undefined {
  return certificate.extensions.find((candidate) => candidate.id === id);
}

/** Lower-case hex without separators, sign octet dropped: how this program names a serial number everywhere. */
export function serialHex(serial: Buffer): string {
  const hex = serial.toString('hex').replace(/^(00)+(?=.)/, '');
  return hex;
}

/** SHA-256 in lower-case hex. */
export function fingerprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}
