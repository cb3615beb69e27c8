import {
  readAlgorithm,
  readCertificate,
  type AlgorithmIdentifier,
  type Certificate,
} from '../certificate.ts';
import type { DerReader } from '../der-reader.ts';
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
  type Element,
} from '../der-reader.ts';
import { readRdns, type DistinguishedName } from '../distinguished-name.ts';
import { readExtensions, type Extension } from '../extensions.ts';

/** Words for OCSPResponseStatus (RFC 6960 4.2.1). */
const statuses = [
  'successful',
  'malformedRequest',
  'internalError',
  'tryLater',
  'unused',
  'sigRequired',
  'unauthorized',
];

/** What one OCSP response says of one certificate (RFC 6960 4.2.1). */
export interface SingleResponse {
  /** OID of the digest that names the issuer. */
  digest: string;
  issuerNameHash: Buffer;
  issuerKeyHash: Buffer;
  serial: Buffer;
  status: { kind: 'good' | 'unknown' } | { kind: 'revoked'; revokedAt: Date; reason: number };
  thisUpdate: Date;
  nextUpdate: Date | undefined;
  extensions: Extension[];
}

/** A decoded OCSP response; one that reports an error has no responses and no signature. */
export interface OcspResponse {
  der: Buffer;
  responseStatus: string;
  basic: BasicResponse | undefined;
}

export interface BasicResponse {
  tbs: Buffer;
  responder: { name: DistinguishedName } | { keyHash: Buffer };
  producedAt: Date;
  responses: SingleResponse[];
  extensions: Extension[];
  signatureAlgorithm: AlgorithmIdentifier;
  signature: Buffer;
  certificates: Certificate[];
}

const basicResponse = '1.3.6.1.5.5.7.48.1.1';

/**
 * Decodes one OCSP response, as a server staples it.
 * @throws DerError with the byte offset and what was expected there.
 */
export function readOcspResponse(der: Buffer): OcspResponse {
  const outer = readSequence(der, 'an OCSP response');
  const status = smallInteger(outer.expect(tag.enumerated, 'responseStatus'), 'responseStatus');
  const bytes = outer.optional(contextConstructed(0), 'responseBytes');
  outer.finish('an OCSP response');
  const responseStatus = statuses[status] ?? `status ${status}`;
  if (!bytes) return { der, responseStatus, basic: undefined };
  const body = bytes.reader().sequence('responseBytes');
  const type = body.expect(tag.oid, 'responseType');
  if (objectIdentifier(type, 'responseType') !== basicResponse)
    throw type.fail('a basic OCSP response', 'another type');
  const response = body.expect(tag.octetString, 'response');
  return { der, responseStatus, basic: readBasic(response.content) };
}

function readBasic(der: Buffer): BasicResponse {
  const outer = readSequence(der, 'a basic OCSP response');
  const tbs = outer.expect(tag.sequence, 'tbsResponseData');
  const signatureAlgorithm = readAlgorithm(outer, 'signatureAlgorithm');
  const signature = octetAlignedBitString(outer.expect(tag.bitString, 'signature'), 'signature');
  const certificates = outer.optional(contextConstructed(0), 'certs');
  outer.finish('a basic OCSP response');

  const data = tbs.reader();
  data.optional(contextConstructed(0), 'version');
  const responder = readResponder(data.next('responderID'));
  const producedAt = time(data.expect(tag.generalizedTime, 'producedAt'), 'producedAt');
  const responses: SingleResponse[] = [];
  for (const one of data.sequence('responses').all('a response')) responses.push(readSingle(one.reader()));
  const extensions = data.optional(contextConstructed(1), 'responseExtensions');
  data.finish('tbsResponseData');
  return {
    tbs: tbs.raw,
    responder,
    producedAt,
    responses,
    extensions: extensions
      ? readExtensions(extensions.reader().sequence('responseExtensions'), 'the response')
      : [],
    signatureAlgorithm,
    signature,
    certificates: certificates ? readCertificates(certificates) : [],
  };
}

function readCertificates(element: Element): Certificate[] {
  const list = element.reader().sequence('certs');
  const certificates: Certificate[] = [];
  for (const one of list.all('a certificate')) certificates.push(readCertificate(one.raw));
  return certificates;
}

function readResponder(element: Element): BasicResponse['responder'] {
  const inner = element.reader();
  if (element.tag === contextConstructed(1)) {
    return { name: readRdns(inner.sequence('the name of the responder'), 'the name of the responder') };
  }
  if (element.tag === contextConstructed(2))
    return { keyHash: inner.expect(tag.octetString, 'the key hash of the responder').content };
  throw element.fail('a responder by name or by key', `tag 0x${element.tag.toString(16)}`);
}

function readSingle(reader: DerReader): SingleResponse {
  const id = reader.sequence('certID');
  const digest = readAlgorithm(id, 'hashAlgorithm').id;
  const issuerNameHash = id.expect(tag.octetString, 'issuerNameHash').content;
  const issuerKeyHash = id.expect(tag.octetString, 'issuerKeyHash').content;
  const serial = integerBytes(id.expect(tag.integer, 'serialNumber'), 'serialNumber');
  const status = readStatus(reader.next('certStatus'));
  const thisUpdate = time(reader.expect(tag.generalizedTime, 'thisUpdate'), 'thisUpdate');
  const next = reader.optional(contextConstructed(0), 'nextUpdate');
  const extensions = reader.optional(contextConstructed(1), 'singleExtensions');
  return {
    digest,
    issuerNameHash,
    issuerKeyHash,
    serial,
    status,
    thisUpdate,
    nextUpdate: next && time(next.reader().expect(tag.generalizedTime, 'nextUpdate'), 'nextUpdate'),
    extensions: extensions
      ? readExtensions(extensions.reader().sequence('singleExtensions'), 'the response')
      : [],
  };
}

function readStatus(element: Element): SingleResponse['status'] {
  if (element.tag === context(0)) return { kind: 'good' };
  if (element.tag === context(2)) return { kind: 'unknown' };
  if (element.tag !== contextConstructed(1)) throw element.fail('good, revoked or unknown', 'another tag');
  const info = element.reader();
  const revokedAt = time(info.expect(tag.generalizedTime, 'revocationTime'), 'revocationTime');
  const reason = info.optional(contextConstructed(0), 'revocationReason');
  return {
    kind: 'revoked',
    revokedAt,
    reason: reason
      ? smallInteger(reason.reader().expect(tag.enumerated, 'revocationReason'), 'revocationReason')
      : 0,
  };
}
