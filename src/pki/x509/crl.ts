import { PkiError } from '../errors.ts';
import { readAlgorithm, type AlgorithmIdentifier } from './certificate.ts';
import type { DerReader } from './der-reader.ts';
import {
  contextConstructed,
  DerError,
  integerBytes,
  octetAlignedBitString,
  readSequence,
  smallInteger,
  tag,
  time,
  type Element,
} from './der-reader.ts';
import { readRdns, type DistinguishedName } from './distinguished-name.ts';
import { readExtensions, readReasonCode, type Extension } from './extensions.ts';
import { oid } from './oid.ts';

/** A decoded CRL (RFC 5280 5.1). Its entries are read on demand: there may be a million. */
export interface Crl {
  der: Buffer;
  /** What the signature covers. */
  tbs: Buffer;
  version: 1 | 2;
  innerSignatureAlgorithm: AlgorithmIdentifier;
  signatureAlgorithm: AlgorithmIdentifier;
  signature: Buffer;
  /** Encoded Name. */
  issuer: Buffer;
  issuerName: DistinguishedName;
  thisUpdate: Date;
  nextUpdate: Date | undefined;
  extensions: Extension[];
  /** revokedCertificates, `undefined` where nothing is revoked. */
  revoked: Element | undefined;
}

/**
 * Decodes one DER CRL without its entries.
 * @throws DerError with the byte offset and what was expected there.
 */
export function readCrl(der: Buffer): Crl {
  const outer = readSequence(der, 'a CRL');
  const tbsElement = outer.expect(tag.sequence, 'tbsCertList');
  const signatureAlgorithm = readAlgorithm(outer, 'signatureAlgorithm');
  const signature = octetAlignedBitString(outer.expect(tag.bitString, 'signatureValue'), 'signatureValue');
  outer.finish('a CRL');

  const tbs = tbsElement.reader();
  const version = readVersion(tbs);
  const innerSignatureAlgorithm = readAlgorithm(tbs, 'signature');
  const issuer = tbs.expect(tag.sequence, 'issuer');
  const thisUpdate = time(tbs.next('thisUpdate'), 'thisUpdate');
  const hasNext = tbs.peek() === tag.utcTime || tbs.peek() === tag.generalizedTime;
  const nextUpdate = hasNext ? time(tbs.next('nextUpdate'), 'nextUpdate') : undefined;
  const revoked = tbs.optional(tag.sequence, 'revokedCertificates');
  refuseLarge(der.length - (revoked?.raw.length ?? 0));
  const extensions = version === 2 ? readCrlExtensions(tbs) : [];
  tbs.finish('tbsCertList');

  return {
    der,
    tbs: tbsElement.raw,
    version,
    innerSignatureAlgorithm,
    signatureAlgorithm,
    signature,
    issuer: issuer.raw,
    issuerName: readRdns(issuer.reader(), 'issuer'),
    thisUpdate,
    nextUpdate,
    extensions,
    revoked,
  };
}

/** The same, but for what is damaged: `undefined`. */
export function readCrlIfWhole(der: Buffer): Crl | undefined {
  try {
    return readCrl(der);
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}

/** Of a CRL only its entries may be many; a name of ten million bytes is an attack. */
const mostBesideEntries = 1024 * 1024;

function refuseLarge(bytes: number): void {
  if (bytes <= mostBesideEntries) return;
  throw new DerError(0, `at most ${mostBesideEntries} bytes beside the entries of a CRL`, `${bytes}`);
}

function readVersion(tbs: DerReader): 1 | 2 {
  const element = tbs.optional(tag.integer, 'version');
  if (!element) return 1;
  if (smallInteger(element, 'version') === 1) return 2;
  throw element.fail('version 2', 'another');
}

function readCrlExtensions(tbs: DerReader): Extension[] {
  const explicit = tbs.optional(contextConstructed(0), 'crlExtensions');
  if (!explicit) return [];
  const reader = explicit.reader();
  const list = reader.sequence('crlExtensions');
  reader.finish('crlExtensions');
  return readExtensions(list, 'the CRL');
}

export interface RevokedCertificate {
  /** Content octets of the serial number. */
  serial: Buffer;
  revokedAt: Date;
  /** Its crlEntryExtensions, encoded. */
  extensions: Element | undefined;
}

/** The entries in the order of the list (RFC 5280 5.1.2.6). */
export function* revokedCertificates(crl: Crl): Generator<RevokedCertificate> {
  const list = crl.revoked?.reader();
  while (list && !list.done) yield readEntry(list);
}

/** @throws DerError */
export function readEntry(list: DerReader): RevokedCertificate {
  const entry = list.sequence('a revoked certificate');
  const serial = integerBytes(entry.expect(tag.integer, 'userCertificate'), 'userCertificate');
  const revokedAt = time(entry.next('revocationDate'), 'revocationDate');
  const extensions = entry.optional(tag.sequence, 'crlEntryExtensions');
  entry.finish('a revoked certificate');
  return { serial, revokedAt, extensions };
}

export const entryExtensions = (entry: RevokedCertificate): Extension[] =>
  entry.extensions ? readExtensions(entry.extensions.reader(), 'a CRL entry') : [];

/** Names of CRLReason by number (RFC 5280 5.3.1). */
const reasonNames = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  '7',
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const;

export const reasonName = (reason: number): string => reasonNames[reason] ?? String(reason);

const encodedReasonOid = Buffer.from('0603551d15', 'hex');

/** The entry's reason. Nearly all entries have only this extension, which is worth a short way. */
export function reasonOf({ extensions }: RevokedCertificate): string {
  if (!extensions) return 'unspecified';
  const { content } = extensions;
  const usual =
    content.length === 12 && content[0] === 0x30 && content.compare(encodedReasonOid, 0, 5, 2, 7) === 0;
  if (usual && content[9] === tag.enumerated && content[10] === 1) return reasonName(content[11] ?? 0);
  const found = readExtensions(extensions.reader(), 'a CRL entry').find(({ id }) => id === oid.reasonCode);
  return found ? reasonName(readReasonCode(found.value)) : 'unspecified';
}
