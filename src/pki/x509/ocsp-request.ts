import { createHash } from 'node:crypto';
import type { Certificate } from './certificate.ts';
import { tag } from './der-reader.ts';
import * as write from './der-writer.ts';
import { subjectPublicKeyBits } from './subject-public-key.ts';

const sha1 = '1.3.14.3.2.26';

/**
 * Asks an OCSP responder for the status of one certificate (RFC 6960 4.1.1). The issuer is named by SHA-1, the one digest that
 * every responder takes (RFC 5019 2.1.1). There is no nonce: answers that are made beforehand could not hold it.
 */
export function encodeOcspRequest({ serial }: Certificate, issuer: Certificate): Buffer {
  const hash = (bytes: Buffer): Buffer => write.octetString(createHash('sha1').update(bytes).digest());
  const id = write.sequence(
    write.sequence(write.objectIdentifier(sha1), write.nullValue()),
    hash(issuer.subject),
    hash(subjectPublicKeyBits(issuer.publicKey)),
    write.encode(tag.integer, serial),
  );
  // OCSPRequest, tbsRequest, requestList, Request.
  return write.sequence(write.sequence(write.sequence(write.sequence(id))));
}
