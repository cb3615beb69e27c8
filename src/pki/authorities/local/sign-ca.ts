import type { KeyObject } from 'node:crypto';
import { dirname } from 'node:path';
import { createOnce } from '../../create-once.ts';
import { makeFolder, syncFolder } from '../../durable.ts';
import { PkiError } from '../../errors.ts';
import { buildCertificate, randomSerial } from '../../x509/certificate-builder.ts';
import { extension, readCertificate, serialHex, type Certificate } from '../../x509/certificate.ts';
import { readCertificationRequest } from '../../x509/certification-request.ts';
import { readBasicConstraints } from '../../x509/extensions.ts';
import { oid } from '../../x509/oid.ts';
import { readCaJson } from './ca-json.ts';
import { subjectKeyIdentifierOf } from './crl.ts';
import { backdating } from './init.ts';
import { issuedFile } from './layout.ts';
import { allIssuers, checkValidNow, type Issuer } from './open.ts';
import { recordText } from './record.ts';

/**
 * The issuer of a CA in a folder that may sign a CA with so many more below it: its root, since what signs leaves may not.
 * @throws PkiError `not-found` where the folder is no CA, `not-permitted`, `not-valid`
 */
export function issuerOfCas(folder: string, pathLength: number, now: Date): Issuer {
  readCaJson(folder);
  const issuer = allIssuers(folder).find(({ certificate, chain }) => {
    const found = extension(certificate, oid.basicConstraints);
    const { pathLength: most } = found ? readBasicConstraints(found.value) : { pathLength: 0 };
    return chain.length === 0 && (most === undefined || most > pathLength);
  });
  if (!issuer) {
    throw new PkiError('not-permitted', `no root in ${folder} may sign a CA with path length ${pathLength}`, {
      hint: 'the roots that "certwright ca init" makes sign CAs of path length 0',
    });
  }
  checkValidNow(issuer, now);
  return issuer;
}

/** Signs a subordinate CA and writes down that it did. @returns its certificate, and those above it */
export function signCa(
  issuer: Issuer,
  key: KeyObject,
  request: Buffer,
  wanted: { pathLength: number; notAfter: Date },
  now: Date,
): { certificate: Buffer; chain: readonly Certificate[] } {
  const { subject, publicKey } = readCertificationRequest(request);
  const certificate = buildCertificate(
    {
      serial: randomSerial(),
      issuer: issuer.certificate.subject,
      subject,
      notBefore: new Date(Math.floor((now.getTime() - backdating) / 1000) * 1000),
      notAfter: wanted.notAfter,
      publicKey,
      basicConstraints: { ca: true, pathLength: wanted.pathLength },
      keyUsage: ['digitalSignature', 'keyCertSign', 'cRLSign'],
      extendedKeyUsage: [],
      names: [],
      nameConstraints: undefined,
      authorityKeyIdentifier: subjectKeyIdentifierOf(issuer.certificate),
      crlUrls: [],
      ocspUrls: [],
      issuerUrls: [],
    },
    key,
  );
  const file = issuedFile(issuer.folder, wanted.notAfter, serialHex(readCertificate(certificate).serial));
  makeFolder(dirname(file), 0o700);
  createOnce(file, { data: recordText(certificate, now), mode: 0o644 });
  syncFolder(dirname(file));
  return { certificate, chain: [issuer.certificate, ...issuer.chain] };
}
