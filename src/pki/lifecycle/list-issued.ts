import { openCa } from '../authorities/local/open.ts';
import { eachOnRecord } from '../authorities/local/issued.ts';
import { lastFact, revokedSerials } from '../authorities/local/revocation-facts.ts';
import type { PkiError } from '../errors.ts';
import { extension, serialHex, type Certificate } from '../x509/certificate.ts';
import { formatName } from '../x509/distinguished-name.ts';
import { formatGeneralName, type GeneralName } from '../x509/general-name.ts';
import { oid } from '../x509/oid.ts';
import type { BrokenRow } from './list-stored.ts';
import { readAlternativeNames } from '../x509/extensions.ts';

/** A certificate that a CA in a folder has on record. */
export interface IssuedRow {
  /** Its first name, or its subject where it has none. */
  name: string;
  names: string[];
  subject: string;
  /** Lower-case hex. */
  serial: string;
  /** Which of the CA's issuers signed it. */
  issuer: string;
  notBefore: Date;
  notAfter: Date;
  revoked: { at: Date; reason: string } | undefined;
}

/**
 * Every certificate that a CA in a folder has on record, what ends first first.
 * @param before only those that end before then; whole months are passed over unopened.
 */
export function listIssued(ca: string, before: Date | undefined): { rows: IssuedRow[]; broken: BrokenRow[] } {
  // Says what is missing in its own words.
  openCa(ca);
  const broken: BrokenRow[] = [];
  const damaged = (file: string, error: PkiError): void => void broken.push({ name: file, error });
  const revoked = new Map<string, ReturnType<typeof revokedSerials>>();
  const rows: IssuedRow[] = [];
  for (const { issuer, certificate } of eachOnRecord(ca, before, damaged)) {
    const serials = revoked.get(issuer.id) ?? revokedSerials(issuer.folder);
    revoked.set(issuer.id, serials);
    const serial = serialHex(certificate.serial);
    const fact = serials.has(serial) ? lastFact(issuer.folder, serial)?.fact : undefined;
    const isRevoked = fact?.event === 'revoked';
    rows.push({
      ...namesOf(certificate),
      serial,
      issuer: issuer.id,
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      revoked: isRevoked ? { at: fact.revokedAt, reason: fact.reason } : undefined,
    });
  }
  return { rows: rows.sort((a, b) => a.notAfter.getTime() - b.notAfter.getTime()), broken };
}

function namesOf(certificate: Certificate): Pick<IssuedRow, 'name' | 'names' | 'subject'> {
  const subject = formatName(certificate.subjectName);
  const found = extension(certificate, oid.subjectAltName);
  const names = found ? readAlternativeNames(found.value).map(plainName) : [];
  return { name: names[0] ?? subject, names, subject };
}

/** As names are asked for: `orders.internal`, not `dns:orders.internal`. */
const plainName = (name: GeneralName): string => formatGeneralName(name).replace(/^(dns|ip|email|uri):/, '');
