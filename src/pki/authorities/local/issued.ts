import { X509Certificate } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { foreignCode, PkiError } from '../../errors.ts';
import { ioError, isThere } from '../../durable.ts';
import { fingerprint, type Certificate } from '../../x509/certificate.ts';
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
    for (const month of monthsOf(issuer)) {
      for (const file of entriesOf(month).filter((name) => /^[0-9a-f]+\.pem$/.test(name))) {
        const [certificate] = certificatesIn(join(month, file));
        if (certificate && fingerprint(certificate.der) === sha256) return { issuer, certificate };
      }
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
    for (const month of monthsOf(issuer).filter((one) => last === undefined || basename(one) <= last)) {
      for (const name of entriesOf(month).filter((one) => /^[0-9a-f]+\.pem$/.test(one))) {
        const certificate = readRecord(join(month, name), damaged);
        if (certificate && (!before || certificate.notAfter < before)) yield { issuer, certificate };
      }
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
  return allIssuers(ca).find(
    ({ certificate: issuer }) => issuer.subject.equals(certificate.issuer) && hasSigned(issuer, certificate),
  );
}

function hasSigned(issuer: Certificate, certificate: Certificate): boolean {
  try {
    return new X509Certificate(certificate.der).verify(new X509Certificate(issuer.der).publicKey);
  } catch {
    // A key or algorithm that OpenSSL does not know is none that a CA in a folder has.
    return false;
  }
}

const monthsOf = ({ folder }: Issuer): string[] =>
  entriesOf(issuedFolder(folder)).map((month) => join(issuedFolder(folder), month));

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'));
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return [];
    throw ioError(error, 'read', folder);
  }
}
