import { X509Certificate } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { foreignCode } from '../../errors.ts';
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
