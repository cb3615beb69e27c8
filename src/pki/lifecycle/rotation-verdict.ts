import { join } from 'node:path';
import type { KeptStatus } from '../authorities/authority.ts';
import type { Signer } from '../authorities/local/local-authority.ts';
import { readIfThere } from '../durable.ts';
import type { CertificateFolder } from '../store/generation.ts';
import type { Change, StoredRequest } from '../store/request.ts';
import type { Certificate, CertificateLife } from '../x509/certificate.ts';
import { isSignedBy } from '../x509/signed-by.ts';
import { unknownAuthority } from './authority-reference.ts';
import { dueAt, type DuePolicy } from './due.ts';
import { earliestEnd } from './issuers-above.ts';
import { isUnfinished } from './issue.ts';
import type { KnownRevocation } from './known-revocations.ts';
import { assess, pemCertificates, readGeneration, type Reason, type Standing } from './standing.ts';
import { fixedEnd } from './successor.ts';

/** Why a certificate is replaced. */
export type DueReason =
  | Exclude<Reason, 'missing'>
  | 'exposed'
  | 'forced'
  | 'revoked'
  | 'begun'
  | 'issuer-ends'
  | 'issuer-changed'
  | 'issuer-revoked';

export interface Due {
  due: true;
  reason: DueReason;
  /** The generation in use. */
  generation: number;
  changes: readonly Change[];
  /** What stands there, where it could be read. */
  standing: Standing | undefined;
  /** Since when, where a time makes it due. */
  since: Date | undefined;
  /** Whether the key of what stands there is in wrong hands: its successor gets another one. */
  newKey?: boolean;
  /** Until when it does, itself and all above it. */
  ends: Date | undefined;
  /** Whatever makes it due, it was revoked. */
  isRevoked?: boolean;
  /** It does not wait for a window, since none opens in time. */
  outsideWindow?: boolean;
}

/** What stands where nothing is to be done. */
export type InPeace = Pick<Standing, 'generation' | 'due'> & { certificate: CertificateLife };

export type Verdict = Due | { due: false; standing: InPeace };

/** What is asked of every certificate of a run. */
export interface Rule {
  force: boolean;
  /** In place of what the certificates say themselves. */
  renewAt: string | undefined;
  now: Date;
  instance: string;
}

/**
 * Whether a certificate of the store is to be replaced, and why.
 * @param seen what stands there; whether there are links in the place of its files, whether others could use its key, and
 * whether the files are as they were left.
 * @param signer who would sign its successor, where that can be told without asking for it.
 */
export function judge(
  folder: CertificateFolder,
  request: StoredRequest,
  signer: Signer | undefined,
  rule: Rule,
  seen: {
    generation: number;
    stored: StoredRequest;
    isStrange: boolean;
    isExposed: boolean;
    isSealed: boolean;
  },
): Verdict {
  const { generation } = seen;
  const when = { ...request, ...policyFor(request, rule) };
  const found = assess(folder, when, rule, seen);
  const { standing } = found;
  const because = (reason: DueReason, since?: Date, changes: readonly Change[] = []): Due => {
    const ends = standing?.certificate.notAfter;
    return { due: true, reason, generation, changes, standing, since, ends };
  };
  const changes = found.reason === undefined ? [] : found.changes;
  if (rule.force) return because('forced', undefined, changes);
  if (seen.isExposed) return because('exposed', undefined, changes);
  if (found.reason !== undefined) {
    const reason = found.reason === 'missing' ? 'broken' : found.reason;
    return because(reason, reason === 'due' ? standing?.due : undefined, found.changes);
  }
  if (seen.isStrange) return because('broken');
  if (isUnfinished(folder, request)) return because('begun');
  const { certificate } = found.standing;
  const issuers = issuersOf(folder, found.standing);
  if (signer && !isIssuedBy(signer, certificate, issuers[0])) return because('issuer-changed');
  if (signer?.isRevoked) return because('issuer-revoked');
  const end = earliestEnd(issuers);
  if (end === undefined) return because('broken');
  if (end >= certificate.notAfter.getTime()) return { due: false, standing: found.standing };
  const due = dueAt({ notBefore: certificate.notBefore, notAfter: new Date(end) }, when, rule.instance);
  if (rule.now < due) return { due: false, standing: { ...found.standing, due } };
  return { ...because('issuer-ends', due), ends: new Date(end) };
}

/** @param issuer as it is stored; one that was adopted may have come without it. */
const isIssuedBy = (signer: Signer, certificate: Certificate, issuer: Buffer | undefined): boolean =>
  issuer?.equals(signer.certificate.der) ?? isSignedBy(certificate, signer.certificate);

/**
 * The same for one that may be revoked: it is due at once. A hold may be taken back; what makes it due otherwise counts.
 */
export function judgeRevoked(
  verdict: Verdict,
  revocation: KnownRevocation,
  folder: CertificateFolder,
  request: StoredRequest,
  { instance }: Rule,
): Verdict {
  const { generation } = verdict.due ? verdict : verdict.standing;
  const { at: since, reason: why } = revocation;
  const newKey = why === 'keyCompromise';
  if (verdict.due) return { ...verdict, newKey, isRevoked: why !== 'certificateHold' };
  if (why === 'certificateHold') return verdict;
  const standing = readGeneration(folder.currentPath, generation, request, instance);
  const ends = standing?.certificate.notAfter;
  return { due: true, reason: 'revoked', generation, changes: [], standing, since, ends, newKey };
}

/** When it is to be replaced. What is said for one run is meant as it is said. */
export const policyFor = ({ name, renewAt, spread }: StoredRequest, rule: Rule): DuePolicy =>
  rule.renewAt === undefined ? { name, renewAt, spread } : { name, renewAt: rule.renewAt, spread: undefined };

/** From the leaf's own upwards, as they were issued; the root last, where it is known. */
function issuersOf(folder: CertificateFolder, { chain }: Standing): Buffer[] {
  return [...chain.slice(1), ...pemCertificates(readIfThere(join(folder.currentPath, 'ca.pem')))];
}

/** What only somebody else can do about a certificate that is due, one clause; and who that is. */
export interface Elsewhere {
  who: 'owner' | 'acm';
  why: string;
  /** What ACM says of it, where it keeps it. */
  status?: KeptStatus;
}

/** Whether a certificate that is due is none that can be made here. */
export function elsewhere(stored: StoredRequest, { reason }: Due): Elsewhere | undefined {
  if (stored.csr !== undefined) {
    return {
      who: 'owner',
      why: 'its key is somebody else\'s: "certwright issue --csr FILE --as NAME --force" takes their next request',
    };
  }
  if (stored.authority === unknownAuthority && reason !== 'changed') {
    const words = [...stored.names, ...(stored.name === stored.names[0] ? [] : ['--as', stored.name])];
    return {
      who: 'owner',
      why: `nobody has said who issues it: "certwright issue ${words.join(' ')} --ca REF --force" does, and so does its ca in certwright.yaml`,
    };
  }
  return isByTime(reason) ? fixedEnd(stored) : undefined;
}

/** Whether only time has made a certificate due. */
export const isByTime = (reason: DueReason): boolean => reason === 'due' || reason === 'issuer-ends';
