import { toDer } from './ber.ts';
import {
  contextConstructed,
  objectIdentifier,
  readSequence,
  smallInteger,
  tag,
  type Element,
} from './der-reader.ts';
import { oid } from './oid.ts';

/** What stands in a PKCS#7 or CMS SignedData (RFC 5652 5.1), mostly a bag of certificates. */
export interface SignedData {
  /** DER each. */
  certificates: Buffer[];
  /** DER each. */
  crls: Buffer[];
  signers: number;
  /** OID of what is signed. */
  contentType: string;
  /** What is signed, where it is in the file. */
  content: Buffer | undefined;
}

/**
 * Decodes SignedData from DER or BER.
 * @throws DerError with the byte offset and what was expected there.
 */
export function readSignedData(source: Buffer): SignedData {
  const outer = readSequence(toDer(source), 'ContentInfo');
  const type = objectIdentifier(outer.expect(tag.oid, 'contentType'), 'contentType');
  const explicit = outer.expect(contextConstructed(0), 'content');
  outer.finish('ContentInfo');
  if (type !== oid.signedData) throw explicit.fail('SignedData', `content of type ${type}`);
  const data = explicit.reader().sequence('SignedData');
  smallInteger(data.expect(tag.integer, 'the version of SignedData'), 'the version of SignedData');
  data.expect(tag.set, 'digestAlgorithms');
  const encapsulated = data.sequence('encapContentInfo');
  const contentType = objectIdentifier(encapsulated.expect(tag.oid, 'eContentType'), 'eContentType');
  const content = encapsulated.optional(contextConstructed(0), 'eContent');
  const certificates = data.optional(contextConstructed(0), 'certificates');
  const crls = data.optional(contextConstructed(1), 'crls');
  const signers = data.expect(tag.set, 'signerInfos');
  data.finish('SignedData');
  return {
    certificates: sequencesIn(certificates),
    crls: sequencesIn(crls),
    signers: signers.content.length === 0 ? 0 : [...signers.reader().all('a SignerInfo')].length,
    contentType,
    content: content?.reader().next('eContent').content,
  };
}

/** Certificates and CRLs are SEQUENCEs; attribute certificates and other formats are tagged (RFC 5652 10.2) and passed over. */
function sequencesIn(list: Element | undefined): Buffer[] {
  if (!list) return [];
  return [...list.reader().all('an element of SignedData')]
    .filter((element) => element.tag === tag.sequence)
    .map((element) => element.raw);
}
