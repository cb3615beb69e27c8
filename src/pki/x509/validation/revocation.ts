import type { Certificate } from '../certificate.ts';
import { PkiError } from '../../errors.ts';
import type { ReasonFlag } from '../extensions.ts';
import { cost } from './budget.ts';
import { findRevoked, type CrlIndex, type RevokedEntry } from './crl-index.ts';
import { allReasons, scopeFor } from './crl-scope.ts';
import { compareNumbers, faultOf, type FindSigner } from './crl-trust.ts';
import { judgeOcsp } from './ocsp.ts';
import type { Run } from './run.ts';
import { displayName, finding, type Finding, type Place, type Warning } from './verdict.ts';

export interface RevocationVerdict {
  findings: Finding[];
  warnings: Warning[];
}

/** A certificate whose status is asked, with its issuer, the next one in the path. */
export interface Subject extends Place {
  issuer: Certificate;
}

/**
 * Asks about every certificate but the anchor (RFC 5280 6.3).
 * @param findSigner tells whether a certificate outside the path may sign CRLs for it.
 */
export function judgeRevocation(
  run: Run,
  path: readonly Certificate[],
  findSigner: FindSigner,
): RevocationVerdict {
  const findings: Finding[] = [];
  const warnings: Warning[] = [];
  for (const [index, certificate] of path.entries()) {
    const issuer = path[index + 1];
    if (!issuer) break;
    const subject = { certificate, index, issuer };
    const record = run.input.onRecord?.(certificate);
    if (record) {
      findings.push(revokedOnRecord(subject, record));
      continue;
    }
    const ocsp = judgeOcsp(run, subject);
    findings.push(...ocsp.findings);
    const crl = judgeCrls(run, subject, findSigner);
    findings.push(...crl.findings);
    if (!ocsp.answered) warnings.push(...crl.warnings);
  }
  return { findings, warnings };
}

/** The CRLs that stand under the issuer's name: together they must answer for every reason. */
function judgeCrls(run: Run, subject: Subject, findSigner: FindSigner): RevocationVerdict {
  const crls = run.crlsOf(subject.issuer);
  if (crls.length === 0) return withoutCrl(run, subject);

  const covered = new Set<ReasonFlag>();
  const faults: string[] = [];
  const warnings: Warning[] = [];
  const complete = crls.filter(({ deltaBase }) => deltaBase === undefined);
  for (const crl of complete) {
    if (!run.budget.spend(cost.crl + crls.length)) break;
    if (
      complete.some((other) => isNewer(other, crl) && replaces(run, other, crl, subject.issuer, findSigner))
    )
      continue;
    const answer = consult(run, crl, crls, subject, findSigner);
    if ('entry' in answer) return { findings: [revoked(subject, answer.entry)], warnings: [] };
    if ('fault' in answer) faults.push(answer.fault);
    else {
      for (const reason of answer.reasons) covered.add(reason);
      if (!crl.crl.nextUpdate) warnings.push(endless(subject));
    }
  }
  const isWhole = allReasons.every((reason) => covered.has(reason));
  return { findings: isWhole ? [] : [unusable(subject, covered, faults)], warnings };
}

type Answer = { entry: RevokedEntry } | { reasons: readonly ReasonFlag[] } | { fault: string };

/** RFC 5280 6.3.3 for one complete CRL and the newest delta CRL that belongs to it. */
function consult(
  run: Run,
  crl: CrlIndex,
  all: readonly CrlIndex[],
  subject: Subject,
  findSigner: FindSigner,
): Answer {
  const { certificate, issuer } = subject;
  const scope = scopeFor(certificate, crl);
  if ('outside' in scope) return { fault: scope.outside };
  try {
    const fault = faultOf(run, crl, issuer, findSigner);
    if (fault !== undefined) return { fault };
    const delta = all
      .filter((one) => updates(one, crl) && faultOf(run, one, issuer, findSigner) === undefined)
      .reduce<CrlIndex | undefined>(
        (best, one) => (best && compareNumbers(best.number, one.number) >= 0 ? best : one),
        undefined,
      );
    const entry = (delta && findRevoked(delta, certificate.serial)) ?? findRevoked(crl, certificate.serial);
    return entry && entry.reason !== removeFromCrl ? { entry } : { reasons: scope.reasons };
  } catch (error) {
    if (error instanceof PkiError) return { fault: `cannot be read ${error.message}` };
    throw error;
  }
}

/** RFC 5280 5.3.1: a delta CRL says so of a certificate that is good again. */
const removeFromCrl = 8;

/** By time and by number: where they contradict each other, as after a CA was restored from a copy, neither is. */
function isNewer(one: CrlIndex, other: CrlIndex): boolean {
  const later = one.crl.thisUpdate.getTime() - other.crl.thisUpdate.getTime();
  const higher = compareNumbers(one.number, other.number);
  return later >= 0 && higher >= 0 && later + higher > 0;
}

/**
 * Both may still be fresh: what the newer one no longer lists is good again (RFC 5280 5.3.1, a hold that was taken back).
 * Only where both are signed with the issuer's own key: a CA of several keys under one name may keep a list for each of them.
 */
function replaces(
  run: Run,
  newer: CrlIndex,
  older: CrlIndex,
  issuer: Certificate,
  findSigner: FindSigner,
): boolean {
  const own = ({ crl }: CrlIndex): boolean => run.checkSignature(crl, issuer) === 'good';
  try {
    return (
      sameScope(newer, older) &&
      own(newer) &&
      own(older) &&
      faultOf(run, newer, issuer, findSigner) === undefined
    );
  } catch (error) {
    if (error instanceof PkiError) return false;
    throw error;
  }
}

const sameScope = (a: CrlIndex, b: CrlIndex): boolean =>
  a.scopeDer ? (b.scopeDer?.equals(a.scopeDer) ?? false) : !b.scopeDer;

/** RFC 5280 5.2.4: the same scope, based on this CRL or an older one, and not older itself. */
function updates(delta: CrlIndex, complete: CrlIndex): boolean {
  if (delta.deltaBase === undefined || complete.number === undefined || delta.number === undefined)
    return false;
  return (
    sameScope(delta, complete) &&
    compareNumbers(delta.deltaBase, complete.number) <= 0 &&
    compareNumbers(delta.number, complete.number) >= 0
  );
}

function revokedOnRecord(subject: Subject, { at, reason }: { at: Date; reason: string }): Finding {
  const message = `${displayName(subject.certificate)} is on record as revoked on ${at.toISOString().slice(0, 10)}: ${reason}`;
  return finding('revoked', subject, message, replaceIt);
}

const reasonWords: readonly (string | undefined)[] = [
  undefined,
  'its key was compromised',
  "its CA's key was compromised",
  'its affiliation changed',
  'it was superseded',
  'it is out of operation',
  'it is on hold',
  undefined,
  undefined,
  'its privilege was withdrawn',
  'its authority was compromised',
];

function revoked(subject: Subject, { revokedAt, reason }: RevokedEntry): Finding {
  const word = reasonWords[reason];
  const when = revokedAt.toISOString().slice(0, 10);
  const message = `${displayName(subject.certificate)} was revoked on ${when}${word === undefined ? '' : `: ${word}`}`;
  return finding('revoked', subject, message, replaceIt);
}

const replaceIt = 'issue a new one with a new key';

function withoutCrl(run: Run, subject: Subject): RevocationVerdict {
  const issuer = displayName(subject.issuer);
  const message = `there is no CRL of ${issuer}, so nobody knows whether ${displayName(subject.certificate)} is revoked`;
  if (run.input.requireCrl !== true) {
    return { findings: [], warnings: [{ rule: 'no-crl', subject: issuer, message }] };
  }
  return {
    findings: [finding('crl-missing', subject, message, `give the CRL of ${issuer} with --crl`)],
    warnings: [],
  };
}

/** RFC 5280 5.1.2.5 demands nextUpdate; OpenSSL and others take a CRL without it for fresh for ever. */
function endless({ issuer }: Subject): Warning {
  const subject = displayName(issuer);
  return {
    rule: 'endless-crl',
    subject,
    message: `the CRL of ${subject} does not say when the next one comes, so it never goes stale`,
  };
}

function unusable(subject: Subject, covered: ReadonlySet<ReasonFlag>, faults: readonly string[]): Finding {
  const issuer = displayName(subject.issuer);
  const fix = `fetch or publish a fresh CRL of ${issuer}`;
  if (covered.size > 0) {
    const message = `the CRLs of ${issuer} cover only some reasons for revocation`;
    return finding('crl-unusable', subject, message, 'give the CRLs for the other reasons too');
  }
  const why =
    faults.length === 0
      ? 'builds on a complete one, which is not there'
      : [...new Set(faults)].join('; another ');
  return finding('crl-unusable', subject, `the CRL of ${issuer} ${why}`, fix);
}
