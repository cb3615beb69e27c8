import { readFileSync } from 'node:fs';
import { recordsOf } from '../authorities/local/issued.ts';
import { allIssuers, openCa, type Issuer } from '../authorities/local/open.ts';
import { readRecordHead } from '../authorities/local/record.ts';
import { allFacts } from '../authorities/local/revocation-facts.ts';
import { ioError } from '../durable.ts';
import { foreignCode, PkiError } from '../errors.ts';
import { extension, readCertificate, serialHex, type Certificate } from '../x509/certificate.ts';
import { probeOf } from '../x509/probe-mark.ts';
import { readSequence } from '../x509/der-reader.ts';
import { commonName, formatName } from '../x509/distinguished-name.ts';
import { formatGeneralName, readGeneralNames } from '../x509/general-name.ts';
import { oid } from '../x509/oid.ts';

export interface LogEntry {
  event: 'issued' | 'revoked' | 'released';
  /** Milliseconds since 1970: when it was written down; of a record that does not say, when the certificate begins. */
  at: number;
  /** `user@host`, or `null` where the record does not say. */
  by: string | null;
  issuer: string;
  /** Lower-case hex. */
  serial: string;
  /** The common name or the first name; empty for a serial that is not on record. */
  subject: string;
  names: string[];
  notAfter: number | null;
  /** Of a revocation. */
  reason: string | null;
  /** What a certificate that was made to be refused is a probe of. */
  probe: string | null;
}

export interface LogFilter {
  since: Date | undefined;
  until: Date | undefined;
  /** In the subject or among the names. */
  name: string | undefined;
  by: string | undefined;
  event: LogEntry['event'] | undefined;
  /** Only so many, the latest. */
  last: number | undefined;
}

/** What a CA has issued and revoked, the oldest first. @throws PkiError where a record cannot be read */
export function readLog(folder: string, filter: LogFilter): LogEntry[] {
  openCa(folder);
  const entries = allIssuers(folder).flatMap((issuer) => [...entriesOf(issuer, filter)]);
  entries.sort((a, b) => a.at - b.at);
  return filter.last === undefined ? entries : entries.slice(-filter.last);
}

function* entriesOf(issuer: Issuer, filter: LogFilter): Generator<LogEntry> {
  const facts = [...allFacts(issuer.folder)];
  const revoked = new Map<string, LogEntry | undefined>(facts.map(({ serial }) => [serial, undefined]));
  for (const entry of issuedBy(issuer)) {
    if (revoked.has(entry.serial)) revoked.set(entry.serial, entry);
    if (passes(entry, filter)) yield entry;
  }
  for (const { serial, fact } of facts) {
    const { subject = '', names = [], notAfter = null, probe = null } = revoked.get(serial) ?? {};
    const entry: LogEntry = {
      event: fact.event,
      at: fact.at.getTime(),
      by: fact.by === '' ? null : fact.by,
      issuer: issuer.id,
      serial,
      subject,
      names,
      notAfter: notAfter ?? fact.notAfter?.getTime() ?? null,
      reason: fact.event === 'revoked' ? fact.reason : null,
      probe,
    };
    if (passes(entry, filter)) yield entry;
  }
}

function passes(entry: LogEntry, { since, until, name, by, event }: LogFilter): boolean {
  return (
    (since === undefined || entry.at >= since.getTime()) &&
    (until === undefined || entry.at < until.getTime()) &&
    (event === undefined || entry.event === event) &&
    (by === undefined || entry.by === by || entry.by?.split('@')[0] === by) &&
    (name === undefined ||
      entry.subject === name ||
      entry.names.some((one) => one.replace(/^\w+:/, '') === name))
  );
}

function* issuedBy(issuer: Issuer): Generator<LogEntry> {
  for (const file of recordsOf(issuer)) yield readRecord(file, issuer.id);
}

const begin = '-----BEGIN CERTIFICATE-----';

function readRecord(file: string, issuer: string): LogEntry {
  const text = read(file);
  const start = text.indexOf(begin);
  const end = text.indexOf('-----END', start);
  try {
    const certificate = readCertificate(Buffer.from(text.slice(start + begin.length, end), 'base64'));
    const names = namesOf(certificate);
    const head = start > 0 ? readRecordHead(text) : undefined;
    return {
      event: 'issued',
      at: head?.at.getTime() ?? certificate.notBefore.getTime(),
      by: head?.by ?? null,
      issuer,
      serial: serialHex(certificate.serial),
      subject:
        commonName(certificate.subjectName) ??
        names[0]?.replace(/^(dns|ip|email|uri):/, '') ??
        formatName(certificate.subjectName),
      names,
      notAfter: certificate.notAfter.getTime(),
      reason: null,
      probe: probeOf(certificate) ?? null,
    };
  } catch (cause) {
    throw new PkiError('malformed', `${file} holds no certificate that can be read`, {
      hint: '"certwright ca doctor" lists all such records',
      cause,
    });
  }
}

/** Of all extensions this one alone is opened: there may be a million certificates. */
function namesOf(certificate: Certificate): string[] {
  const found = extension(certificate, oid.subjectAltName);
  if (!found) return [];
  return readGeneralNames(readSequence(found.value, 'names'), 'names').map(formatGeneralName);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    throw foreignCode(error) === undefined ? error : ioError(error, 'read', file);
  }
}
