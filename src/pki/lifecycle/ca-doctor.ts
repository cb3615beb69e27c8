import { readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readCaJson } from '../authorities/local/ca-json.ts';
import { activeLink, caFile, issuersFolder, pendingFolder } from '../authorities/local/layout.ts';
import { openIssuer, type Issuer } from '../authorities/local/open.ts';
import { PkiError } from '../errors.ts';
import { entriesOf, examineAccess } from './doctor/access.ts';
import { examineCertificate } from './doctor/certificates.ts';
import { examineCrl } from './doctor/crls.ts';
import { Findings, type Examined, type Finding } from './doctor/finding.ts';
import { examineKey } from './doctor/keys.ts';
import { examineLinks } from './doctor/links.ts';
import { examineRecords, examineRevocations } from './doctor/records.ts';
import { examineClock, examineDisk, examineDrafts } from './doctor/surroundings.ts';

export type { Finding };

export interface DoctorWorld {
  /** Of the keys, where it is known. */
  passphrase: Buffer | undefined;
  now: () => Date;
}

export interface Diagnosis {
  /** What is there still, the faults first. */
  findings: Finding[];
  /** What was wrong and is mended. */
  mended: Finding[];
  looked: { issuers: number; issued: number };
}

/**
 * Looks at all that a CA consists of; a fault in one part hides none in another.
 * @param fix mends what can be mended without harm, and looks again.
 * @throws PkiError `not-found` where there is no CA
 */
export async function examineCa(folder: string, fix: boolean, world: DoctorWorld): Promise<Diagnosis> {
  const mended: Finding[] = [];
  for (let round = 1; ; round++) {
    const { findings, looked } = await examine(folder, world);
    // A mended link lets more be seen; what is there after three rounds is not mended by another.
    const done = fix && round <= 3 ? findings.filter(mend) : [];
    mended.push(...done);
    if (done.length > 0) continue;
    const rank = ({ level }: Finding): number => (level === 'wrong' ? 0 : 1);
    return { findings: findings.sort((a, b) => rank(a) - rank(b)), mended, looked };
  }
}

/** @returns whether it is mended; what could not be says so in its place. */
function mend(finding: Finding): boolean {
  if (!finding.mend) return false;
  try {
    finding.mend();
    return true;
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    finding.message += `; --fix could not mend it: ${error.message}`;
    return false;
  }
}

async function examine(
  folder: string,
  { passphrase, now }: DoctorWorld,
): Promise<Pick<Diagnosis, 'findings' | 'looked'>> {
  const findings = new Findings();
  const examined: Examined = { folder, now: now(), keys: new Map(), findings };
  const created = createdAt(folder, findings);
  if (entriesOf(pendingFolder(folder)).length > 0) {
    const fix = 'have its request signed, then: certwright ca install-cert FILE';
    findings.note('folder', pendingFolder(folder), 'a key waits for its certificate', fix);
  }
  findings.look('mode', folder, () => {
    examineAccess(examined);
  });
  findings.look('link', folder, () => {
    examineLinks(examined);
  });
  const looked = { issuers: 0, issued: 0 };
  const times = created === undefined ? [] : [{ path: caFile(folder), time: created }];
  for (const { issuer, isActive } of issuersOf(folder, findings)) {
    examineCertificate(issuer, isActive, examined);
    await examineKey(issuer, isActive, passphrase, examined);
    examineCrl(issuer, examined);
    const { issued, newest } = examineRecords(issuer, examined);
    examineRevocations(issuer, issued, examined);
    looked.issuers += 1;
    looked.issued += issued.size;
    times.push({ path: join(issuer.folder, 'issued'), time: newest });
  }
  examineDrafts(examined);
  examineClock(times, examined);
  examineDisk(examined);
  findings.finish(folder);
  return { findings: findings.all, looked };
}

/** @throws PkiError `not-found`: a mistyped path is no sick CA */
function createdAt(folder: string, findings: Findings): number | undefined {
  try {
    const time = Date.parse(readCaJson(folder).created);
    return Number.isNaN(time) ? undefined : time;
  } catch (error) {
    if (error instanceof PkiError && ['not-found', 'bad-input'].includes(error.code)) throw error;
    findings.refusal('folder', caFile(folder), error);
    return undefined;
  }
}

function issuersOf(folder: string, findings: Findings): { issuer: Issuer; isActive: boolean }[] {
  const active = activeId(folder);
  const ids = entriesOf(issuersFolder(folder));
  if (ids.length === 0 && entriesOf(pendingFolder(folder)).length === 0)
    findings.wrong('folder', issuersFolder(folder), 'there is no issuer', 'restore a backup');
  return ids.flatMap((id) => {
    const issuer = findings.look('certificate', join(issuersFolder(folder), id), () =>
      openIssuer(folder, id),
    );
    return issuer ? [{ issuer, isActive: id === active }] : [];
  });
}

function activeId(folder: string): string | undefined {
  try {
    return basename(readlinkSync(activeLink(folder)));
  } catch {
    // It has a finding of its own.
    return undefined;
  }
}
