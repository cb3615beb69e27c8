import { readAlgorithm, type AlgorithmIdentifier } from './certificate.ts';
import {
  context,
  contextConstructed,
  objectIdentifier,
  octetAlignedBitString,
  readSequence,
  smallInteger,
  tag,
  text,
  type DerReader,
} from './der-reader.ts';
import { readRdns, type DistinguishedName } from './distinguished-name.ts';
import { readExtensions, type Extension } from './extensions.ts';
import { oid } from './oid.ts';

/** A PKCS#10 request (RFC 2986 4). Every Buffer is a view into `der`. */
export interface CertificationRequest {
  der: Buffer;
  /** What the signature covers. */
  tbs: Buffer;
  signatureAlgorithm: AlgorithmIdentifier;
  signature: Buffer;
  /** Encoded Name. */
  subject: Buffer;
  subjectName: DistinguishedName;
  /** Encoded SubjectPublicKeyInfo. */
  publicKey: Buffer;
  publicKeyAlgorithm: AlgorithmIdentifier;
  /** Extensions that the requester asks for (RFC 2985 5.4.2). */
  extensions: Extension[];
  /** Whether there is a challenge password. Its value is a secret and is never read. */
  hasChallengePassword: boolean;
  /** OIDs of the other attributes. */
  otherAttributes: string[];
  /** unstructuredName (RFC 2985 5.4.3), often a device's own name. */
  unstructuredName: string | undefined;
}

const unstructuredName = '1.2.840.113549.1.9.2';
/** Microsoft's own OID for the same list of extensions. */
const microsoftExtensionRequest = '1.3.6.1.4.1.311.2.1.14';

/**
 * Decodes one DER request. Its attributes may be absent, although RFC 2986 wants them present and perhaps empty.
 * @throws DerError with the byte offset and what was expected there.
 */
export function readCertificationRequest(der: Buffer): CertificationRequest {
  const outer = readSequence(der, 'a certificate request');
  const info = outer.expect(tag.sequence, 'certificationRequestInfo');
  const signatureAlgorithm = readAlgorithm(outer, 'signatureAlgorithm');
  const signature = octetAlignedBitString(outer.expect(tag.bitString, 'signature'), 'signature');
  outer.finish('a certificate request');

  const body = info.reader();
  const version = body.expect(tag.integer, 'version');
  if (smallInteger(version, 'version') !== 0) throw version.fail('version 0', 'another');
  const subject = body.expect(tag.sequence, 'subject');
  const publicKey = body.expect(tag.sequence, 'subjectPKInfo');
  const attributes =
    body.optional(contextConstructed(0), 'attributes') ?? body.optional(context(0), 'attributes');
  body.finish('certificationRequestInfo');

  const key = publicKey.reader();
  const publicKeyAlgorithm = readAlgorithm(key, 'public key algorithm');
  octetAlignedBitString(key.expect(tag.bitString, 'subjectPublicKey'), 'subjectPublicKey');
  key.finish('subjectPKInfo');

  return {
    der,
    tbs: info.raw,
    signatureAlgorithm,
    signature,
    subject: subject.raw,
    subjectName: readRdns(subject.reader(), 'subject'),
    publicKey: publicKey.raw,
    publicKeyAlgorithm,
    ...readAttributes(attributes?.reader()),
  };
}

type Attributes = Pick<
  CertificationRequest,
  'extensions' | 'hasChallengePassword' | 'otherAttributes' | 'unstructuredName'
>;

function readAttributes(reader: DerReader | undefined): Attributes {
  const found: Attributes = {
    extensions: [],
    hasChallengePassword: false,
    otherAttributes: [],
    unstructuredName: undefined,
  };
  while (reader && !reader.done) {
    const attribute = reader.sequence('an attribute');
    const type = objectIdentifier(attribute.expect(tag.oid, 'an attribute type'), 'an attribute type');
    const values = attribute.expect(tag.set, `the values of attribute ${type}`).reader();
    attribute.finish(`attribute ${type}`);
    switch (type) {
      case oid.extensionRequest:
      case microsoftExtensionRequest:
        found.extensions.push(...readExtensions(values.sequence('requested extensions'), 'the request'));
        values.finish('requested extensions');
        break;
      case oid.challengePassword:
        found.hasChallengePassword = true;
        break;
      case unstructuredName:
        found.unstructuredName = values.done ? undefined : text(values.next('unstructuredName'));
        break;
      default:
        found.otherAttributes.push(type);
    }
  }
  return found;
}
