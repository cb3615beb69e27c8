import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { issuedFolder, revokedFolder } from '../../authorities/local/layout.ts';
import type { Issuer } from '../../authorities/local/open.ts';
import { certificatesIn } from '../../authorities/local/pem-files.ts';
import { allFacts } from '../../authorities/local/revocation-facts.ts';
import { PkiError } from '../../errors.ts';
import { serialHex, type Certificate } from '../../x509/certificate.ts';
import { entriesOf } from './access.ts';
import type { Examined, Findings } from './finding.ts';

export interface Records {
  /** Serials, lower-case hex. */
  issued: Set<string>;
  /** When the latest was written down, in milliseconds since 1970. */
  newest: number;
}

const restore = 'restore it from a backup';

/** Opens every certificate on record. */
export function examineRecords(issuer: Issuer, { findings }: Examined): Records {
  const records: Records = { issued: new Set(), newest: 0 };
  const folder = issuedFolder(issuer.folder);
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    findings.wrong('record', folder, 'there is no folder of what was issued', restore);
    return records;
  }
  for (const month of entriesOf(folder)) {
    const path = join(folder, month);
    if (!/^\d{4,5}-\d{2}$/.test(month)) {
      findings.oneOfMany(
        'strange names among months',
        'record',
        path,
        'is no month',
        'look who has put it there',
      );
      continue;
    }
    for (const name of entriesOf(path))
      examineRecord(join(path, name), name, month, issuer, records, findings);
  }
  return records;
}

/** @param issued the serials on record. What was taken over from another program may be revoked and not on record. */
export function examineRevocations(
  issuer: Issuer,
  issued: ReadonlySet<string>,
  { findings }: Examined,
): void {
  const folder = revokedFolder(issuer.folder);
  findings.look('revocation', folder, () => {
    for (const { serial } of allFacts(issuer.folder)) {
      if (issued.has(serial)) continue;
      const message = `${serial} is revoked and not on record`;
      const fix = 'where a record was lost, restore it from a backup';
      findings.oneOfMany('revocations without a record', 'revocation', folder, message, fix, 'note');
    }
  });
}

function examineRecord(
  file: string,
  name: string,
  month: string,
  issuer: Issuer,
  records: Records,
  findings: Findings,
): void {
  const [, serial] = /^([0-9a-f]+)\.pem$/.exec(name) ?? [];
  if (serial === undefined) {
    findings.oneOfMany(
      'strange names',
      'record',
      file,
      'is no record of a certificate',
      'look who has put it there',
    );
    return;
  }
  records.issued.add(serial);
  const certificate = readRecord(file, findings);
  if (!certificate) return;
  records.newest = Math.max(records.newest, lstatSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  const fault = faultOf(certificate, serial, month, issuer);
  if (fault) findings.oneOfMany(fault.sort, 'record', file, fault.message, fault.fix);
}

function readRecord(file: string, findings: Findings): Certificate | undefined {
  try {
    const [certificate] = certificatesIn(file);
    if (certificate) return certificate;
    findings.oneOfMany('records without a certificate', 'record', file, 'holds no certificate', restore);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    findings.oneOfMany('records that cannot be read', 'record', file, error.message, error.hint ?? restore);
  }
  return undefined;
}

function faultOf(
  certificate: Certificate,
  serial: string,
  month: string,
  issuer: Issuer,
): { sort: string; message: string; fix: string } | undefined {
  const { notAfter } = certificate;
  const actual = serialHex(certificate.serial);
  if (actual !== serial) {
    const message = `holds the certificate with the serial ${actual}: revoking ${serial} would miss it`;
    return { sort: 'records under another serial', message, fix: `name it ${actual}.pem` };
  }
  if (notAfter.toISOString().slice(0, 7) !== month) {
    const right = notAfter.toISOString().slice(0, 7);
    return { sort: 'records in another month', message: `ends in ${right}`, fix: `move it to ../${right}/` };
  }
  if (!certificate.issuer.equals(issuer.certificate.subject)) {
    return {
      sort: 'records of others',
      message: 'was issued by somebody else',
      fix: 'look who has put it there',
    };
  }
  if (notAfter > issuer.certificate.notAfter) {
    const ends = issuer.certificate.notAfter.toISOString();
    return {
      sort: 'certificates that outlive their issuer',
      message: `ends ${notAfter.toISOString()}, after its issuer (${ends}): peers refuse it from then on`,
      fix: 'replace it before',
    };
  }
  return undefined;
}
