import {
  renewsInPlace,
  type Authority,
  type Issued,
  type Journal,
  type Pending,
  type Predecessor,
  type Renewal,
  type RequestKey,
} from '../authorities/authority.ts';
import { syncFolder } from '../durable.ts';
import { PkiError } from '../errors.ts';
import type { StoredRequest } from '../store/request.ts';
import { readCertificateOnce, serialHex } from '../x509/certificate.ts';
import { differences } from '../x509/compare-issued.ts';
import { readCertificationRequest } from '../x509/certification-request.ts';
import { publicKeyDer } from '../x509/key.ts';
import { parseDuration, parseTime } from '../x509/duration.ts';
import type { Profile } from '../x509/profile.ts';
import { backdating, refuseEndlessRenewal } from '../x509/renewal-point.ts';
import { profileFor } from './profile-for.ts';
import type { Standing } from './standing.ts';

/** Encoded SubjectPublicKeyInfo; empty where the authority makes the key. */
export function publicKeyOf(key: RequestKey | undefined): Buffer {
  if (!key) return Buffer.alloc(0);
  return key.kind === 'own' ? publicKeyDer(key.key) : readCertificationRequest(key.request).publicKey;
}

/**
 * What can be said before anything is written: whatever the authority, or its kind, would not do.
 * @returns what is likely to be refused
 * @throws PkiError `unsupported`, `not-permitted`, `outlives-issuer`, `bad-time`
 */
export function checkWithAuthority(
  request: StoredRequest,
  foreign: RequestKey | undefined,
  authority: Pick<
    Authority,
    'reference' | 'defaults' | 'validity' | 'constrainsHosts' | 'fixesLifetime' | 'makesKeys' | 'check'
  >,
  now: Date,
): readonly string[] {
  const { reference, fixesLifetime, makesKeys } = authority;
  const asksForTimes = [request.lifetime, request.notBefore, request.notAfter].some(
    (one) => one !== undefined,
  );
  if (fixesLifetime && (asksForTimes || request.clamp)) {
    throw new PkiError('unsupported', `${reference} decides itself how long a certificate lives`, {
      hint: 'leave out --lifetime, --not-before, --not-after and --clamp; AWS Private CA (--ca arn:aws:acm-pca:…) and a CA in a folder obey them',
    });
  }
  if (makesKeys && (foreign !== undefined || request.reuseKey)) {
    throw new PkiError('unsupported', `${reference} makes the key itself`, {
      hint: 'leave out --csr and --reuse-key; AWS Private CA (--ca arn:aws:acm-pca:…) and a CA in a folder take keys',
    });
  }
  const profile = profileFor(request, publicKeyOf(foreign), authority, now);
  return authority.check(profile);
}

/**
 * Of what is asked for anew. What stands already is renewed at the usual time instead, since nobody is there at night to mend it.
 * @throws PkiError `bad-time` where each certificate would be due as soon as it is made
 */
export function refuseEndless(request: StoredRequest, now: Date): void {
  const { renewAt, lifetime, notBefore, notAfter, clamp } = request;
  // How long it will live is not known where its end is the authority's to say.
  if (renewAt === undefined || clamp || (lifetime ?? notAfter) === undefined) return;
  const from = notBefore === undefined ? now : parseTime(notBefore, 'notBefore');
  const begin = from.getTime() - (notBefore === undefined ? backdating : 0);
  const end =
    lifetime === undefined
      ? parseTime(notAfter ?? '', 'notAfter').getTime()
      : from.getTime() + parseDuration(lifetime, 'lifetime');
  refuseEndlessRenewal(end - begin, renewAt, 'renewAt');
}

/**
 * What is cut to the authority's end cannot outlive it: without this it would be replaced at every run.
 * @throws PkiError `outlives-issuer`
 */
export function refuseNoGain(
  { validity, reference }: Pick<Authority, 'validity' | 'reference'>,
  there: Standing | undefined,
): void {
  if (!there || validity.notAfter > there.certificate.notAfter) return;
  throw new PkiError(
    'outlives-issuer',
    `${reference} ends ${validity.notAfter.toISOString()}, and so does the certificate: a new one would live no longer`,
    { hint: 'renew the authority, or name another one' },
  );
}

/** What stands there already. */
export interface Succession {
  /** Of what the authority keeps, instead of another one; whatever the journal holds comes first. */
  renewal?: Renewal | undefined;
  before?: Predecessor | undefined;
}

/**
 * Asks an authority, and compares what it issued with what was asked for.
 * @throws PkiError `issued-differs` where they differ: it must not be installed.
 */
export async function obtain(
  request: StoredRequest,
  key: RequestKey | undefined,
  authority: Authority,
  journal: Journal,
  now: Date,
  { renewal, before }: Succession = {},
): Promise<Issued | Pending> {
  const profile = profileFor(request, publicKeyOf(key), authority, now);
  const inPlace = renewal && renewsInPlace(authority) && journal.read() === undefined;
  const issuance = await (inPlace
    ? authority.renew(renewal, journal)
    : authority.issue(profile, key, journal, before));
  if (issuance.state === 'issued') await refuseDifferences(profile, request.name, authority, issuance);
  return issuance;
}

/** Has its authority record what nothing is kept of between runs. */
export function record({ recording }: Issued): void {
  if (!recording) return;
  try {
    syncFolder(recording.draft());
  } catch (error) {
    recording.drop();
    throw error;
  }
  for (const folder of recording.commit()) syncFolder(folder);
}

async function refuseDifferences(
  profile: Profile,
  name: string,
  authority: Authority,
  issued: Issued,
): Promise<void> {
  const leaf = readCertificateOnce(issued.certificate);
  // A key that stays with the authority cannot be compared.
  const theirs = authority.makesKeys ? leaf.publicKey : profile.publicKey;
  const publicKey = issued.key ? publicKeyDer(issued.key) : theirs;
  const found = await differences({ ...profile, publicKey }, issued);
  if (found.length === 0) return;
  throw new PkiError(
    'issued-differs',
    `the certificate issued for ${JSON.stringify(name)} by ${authority.reference} (serial ${serialHex(leaf.serial)}) is not what was asked for: ${found.join('; ')}`,
    { hint: issued.onDifference },
  );
}
