import { createHash } from 'node:crypto';
import { context, integerBytes, readSequence, tag } from '../../src/pki/x509/der-reader.ts';
import * as write from '../../src/pki/x509/der-writer.ts';
import { encodeOcspRequest } from '../../src/pki/x509/ocsp-request.ts';
import { signed } from '../../src/pki/x509/signing.ts';
import { subjectPublicKeyBits } from '../../src/pki/x509/subject-public-key.ts';
import type { Entity } from './chains.ts';

/** What one request asks for (RFC 6960 4.1.1). */
export interface CertId {
  /** As it came, for the response. */
  der: Buffer;
  /** SHA-1 of the issuer's key. */
  issuerKeyHash: Buffer;
  serial: Buffer;
}

export function readRequest(der: Buffer): CertId {
  const id = readSequence(der, 'OCSPRequest')
    .sequence('tbsRequest')
    .sequence('requestList')
    .sequence('Request')
    .expect(tag.sequence, 'certID');
  const parts = id.reader();
  parts.sequence('hashAlgorithm');
  parts.expect(tag.octetString, 'issuerNameHash');
  const issuerKeyHash = parts.expect(tag.octetString, 'issuerKeyHash').content;
  return { der: id.raw, issuerKeyHash, serial: integerBytes(parts.expect(tag.integer, 'serial'), 'serial') };
}

export const keyHash = (spki: Buffer): Buffer =>
  createHash('sha1').update(subjectPublicKeyBits(spki)).digest();

export interface Answer {
  id: Buffer;
  /** Since when, where it is revoked. */
  status: 'good' | 'unknown' | Date;
  /** SubjectPublicKeyInfo of who answers. */
  responder: Buffer;
  thisUpdate: Date;
  nextUpdate: Date | undefined;
  /** DER of the certificates that come along. */
  certificates?: Buffer[];
}

/** @param signed puts algorithm and signature behind what it is given, as for a certificate */
export function encodeAnswer(
  { id, status, responder, thisUpdate, nextUpdate, certificates = [] }: Answer,
  signed: (tbs: (algorithm: Buffer) => Buffer) => Buffer,
): Buffer {
  const said =
    status === 'good'
      ? write.encode(context(0))
      : status === 'unknown'
        ? write.encode(context(2))
        : write.explicit(1, write.generalizedTime(status));
  const until = nextUpdate ? [write.explicit(0, write.generalizedTime(nextUpdate))] : [];
  const single = write.sequence(id, said, write.generalizedTime(thisUpdate), ...until);
  const whole = signed(() =>
    write.sequence(
      write.explicit(2, write.octetString(keyHash(responder))),
      write.generalizedTime(thisUpdate),
      write.sequence(single),
    ),
  );
  const parts = [...readSequence(whole, 'BasicOCSPResponse').all('a part')].map(({ raw }) => raw);
  const along = certificates.length === 0 ? [] : [write.explicit(0, write.sequence(...certificates))];
  const basic = write.sequence(...parts, ...along);
  const bytes = write.sequence(write.objectIdentifier('1.3.6.1.5.5.7.48.1.1'), write.octetString(basic));
  return write.sequence(write.enumerated(0), write.explicit(0, bytes));
}

/** What a CA says of a certificate, fresh now. */
export function answerFor(target: Entity, issuer: Entity, status: Answer['status']): Buffer {
  const answer = {
    id: readRequest(encodeOcspRequest(target.certificate, issuer.certificate)).der,
    status,
    responder: issuer.certificate.publicKey,
    thisUpdate: new Date(Date.now() - 60_000),
    nextUpdate: new Date(Date.now() + 3_600_000),
  };
  return encodeAnswer(answer, (tbs) => signed(issuer.key, tbs));
}

/** OCSPResponseStatus alone: 3 is tryLater. */
export const encodeFailure = (status: number): Buffer => write.sequence(write.enumerated(status));
