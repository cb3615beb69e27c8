import { basename, join } from 'node:path';
import { PkiError } from '../../errors.ts';
import { isThere } from '../../durable.ts';
import { namesIn } from '../../names-in.ts';
import { fingerprint, type Certificate } from '../../x509/certificate.ts';
import { isSignedBy } from '../../x509/signed-by.ts';
import { issuedFolder } from './layout.ts';
import { allIssuers, type Issuer } from './open.ts';
import { certificatesIn } from './pem-files.ts';

/** A certificate that a CA has on record. */
export interface OnRecord {
  issuer: Issuer;
  certificate: Certificate;
}

/** Every certificate with this serial (lower-case hex): one, unless two issuers gave the same. */
export function issuedWithSerial(ca: string, serial: string): OnRecord[] {
  return allIssuers(ca).flatMap((issuer) => {
    const file = monthsOf(issuer)
      .map((month) => join(month, `${serial}.pem`))
      .find(isThere);
    const [certificate] = file === undefined ? [] : certificatesIn(file);
    return certificate ? [{ issuer, certificate }] : [];
  });
}

/** Opens every certificate on record until one has this SHA-256 (lower-case hex). */
export function issuedWithFingerprint(ca: string, sha256: string): OnRecord | undefined {
  for (const issuer of allIssuers(ca)) {
    for (const file of recordsOf(issuer)) {
      const [certificate] = certificatesIn(file);
      if (certificate && fingerprint(certificate.der) === sha256) return { issuer, certificate };
    }
  }
  return undefined;
}

/**
 * Every certificate on record, one after the other: there may be a million.
 * @param before only those that end before then; months after it stay closed.
 * @param damaged is told of a record that cannot be read.
 */
export function* eachOnRecord(
  ca: string,
  before: Date | undefined,
  damaged: (file: string, error: PkiError) => void,
): Generator<OnRecord> {
  const last = before?.toISOString().slice(0, 7);
  for (const issuer of allIssuers(ca)) {
    for (const file of recordsOf(issuer, last)) {
      const certificate = readRecord(file, damaged);
      if (certificate && (!before || certificate.notAfter < before)) yield { issuer, certificate };
    }
  }
}

function readRecord(file: string, damaged: (file: string, error: PkiError) => void): Certificate | undefined {
  try {
    return certificatesIn(file)[0];
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    damaged(file, error);
    return undefined;
  }
}

/** Who of a CA's issuers has signed a certificate, on record or not. */
export function issuerOf(ca: string, certificate: Certificate): Issuer | undefined {
  return allIssuers(ca).find(({ certificate: issuer }) => isSignedBy(certificate, issuer));
}

/** The files of what an issuer has on record. @param last the latest month, `2027-02` */
export function* recordsOf(issuer: Issuer, last?: string): Generator<string> {
  for (const month of monthsOf(issuer).filter((one) => last === undefined || basename(one) <= last)) {
    for (const name of namesIn(month)) if (isRecord(name)) yield join(month, name);
  }
}

const isRecord = (name: string): boolean => /^[0-9a-f]+\.pem$/.test(name);

const monthsOf = ({ folder }: Issuer): string[] =>
  namesIn(issuedFolder(folder)).map((month) => join(issuedFolder(folder), month));
