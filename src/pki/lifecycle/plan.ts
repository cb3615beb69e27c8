import { createPublicKey } from 'node:crypto';
import type { Authority, Explanation, RequestKey } from '../authorities/authority.ts';
import { checkTimes } from '../authorities/local/limits.ts';
import { readAuthorityLimits } from '../authorities/local/local-authority.ts';
import { openCa } from '../authorities/local/open.ts';
import { keyFileMode, resolveOwnership } from '../store/ownership.ts';
import type { StoredRequest } from '../store/request.ts';
import { signatureName } from '../x509/algorithm-names.ts';
import { formatName, readName } from '../x509/distinguished-name.ts';
import { formatGeneralName } from '../x509/general-name.ts';
import { keyTypeOf } from '../x509/key.ts';
import { oid } from '../x509/oid.ts';
import { extendedKeyUsageFor, keyKindOf, keyUsageFor, subjectOf, type Profile } from '../x509/profile.ts';
import { signatureAlgorithmOf } from '../x509/signing.ts';
import { defaultCaLifetime, keyState } from './ca.ts';
import { checkWithAuthority, publicKeyOf, refuseEndless } from './obtain.ts';
import { authorityExists, isAws, openAuthority, orCreateHint, type OpenOptions } from './open-ca.ts';
import { profileFor } from './profile-for.ts';

/** What a certificate would say. */
export interface IssuePlan {
  name: string;
  authority: string;
  authorityExists: boolean;
  subject: string;
  names: string[];
  /** `null` where the authority decides it. */
  notBefore: string | null;
  notAfter: string | null;
  keyType: string;
  keyUsage: string[];
  extendedKeyUsage: string[];
  urls: string[];
  /** What only the authority's own answer decides, and is likely to be a refusal. */
  warnings: string[];
  explanation: Explanation[];
}

/** What decides about a profile before anything is signed; of a CA in a folder, without its key. */
export type Limits = Pick<
  Authority,
  'reference' | 'defaults' | 'validity' | 'constrainsHosts' | 'fixesLifetime' | 'makesKeys' | 'check'
> & {
  explain?: (profile: Profile) => Explanation[];
};

/**
 * Says what `issue` would do, with every refusal that it would meet before signing; the CA's key stays closed, and
 * AWS is asked only what costs nothing.
 */
export async function planIssue(
  request: StoredRequest,
  foreign: Buffer | undefined,
  reference: string,
  create: boolean,
  options: OpenOptions,
  now: Date,
): Promise<IssuePlan> {
  keyFileMode(request.mode, request.group);
  await resolveOwnership(request.owner, request.group);
  const limits = await limitsOrNew(reference, create, options, now);
  const theirs: RequestKey | undefined = foreign && { kind: 'foreign', request: foreign };
  const publicKey = theirs && publicKeyOf(theirs);
  refuseEndless(request, now);
  const warnings = checkWithAuthority(request, theirs, limits, now);
  const profile = profileFor(request, publicKeyOf(theirs), limits, now);
  const keyType = publicKey
    ? keyTypeOf(createPublicKey({ key: publicKey, format: 'der', type: 'spki' }))
    : request.keyType;
  const keyKind = publicKey ? keyKindOf(publicKey) : request.keyType.startsWith('rsa-') ? 'rsa' : 'other';
  return {
    name: request.name,
    authority: reference,
    authorityExists: authorityExists(reference),
    subject: formatName(readName(subjectOf(profile))),
    names: profile.names.map(formatGeneralName),
    notBefore: limits.fixesLifetime ? null : profile.notBefore.toISOString(),
    notAfter: limits.fixesLifetime ? null : profile.notAfter.toISOString(),
    keyType: keyType ?? 'unknown',
    keyUsage: keyUsageFor(request.usage, keyKind),
    extendedKeyUsage: extendedKeyUsageFor(request.usage).map((id) =>
      id === oid.serverAuth ? 'serverAuth' : 'clientAuth',
    ),
    urls: [...profile.crlUrls, ...profile.ocspUrls, ...profile.issuerUrls],
    warnings: [...warnings],
    explanation: limits.explain?.(profile) ?? [],
  };
}

/** What an authority would refuse before signing. */
export async function limitsFor(reference: string, options: OpenOptions, now: Date): Promise<Limits> {
  if (isAws(reference)) return openAuthority(reference, options);
  return { ...limitsOf(reference, now), ...inFolder(reference) };
}

/** The same for `issue`; of an authority that `create` would make, what is known of any. */
export async function limitsOrNew(
  reference: string,
  create: boolean,
  options: OpenOptions,
  now: Date,
): Promise<Limits> {
  if (create && !authorityExists(reference)) return { ...limitsOfNewCa(now), ...inFolder(reference) };
  return orCreateHint(reference, limitsFor(reference, options, now));
}

/**
 * Asks limits about a request.
 * @returns what is likely to be refused, where only the authority's own answer decides.
 * @throws PkiError for what is refused.
 */
export const likelyRefusals = (request: StoredRequest, limits: Limits, now: Date): readonly string[] =>
  checkWithAuthority(request, undefined, limits, now);

/** Whether the key that would sign waits for a passphrase. */
export function isKeyEncrypted(reference: string): boolean {
  return !isAws(reference) && keyState(openCa(reference).active.folder) === 'encrypted';
}

/** What sets a CA in a folder apart from AWS. */
const inFolder = (reference: string): Pick<Limits, 'reference' | 'fixesLifetime' | 'makesKeys'> => ({
  reference,
  fixesLifetime: false,
  makesKeys: false,
});

type FolderLimits = Pick<Limits, 'defaults' | 'validity' | 'constrainsHosts' | 'check' | 'explain'>;

const free: Explanation = { what: 'cost', value: 'none' };

function limitsOf(folder: string, now: Date): FolderLimits {
  const limits = readAuthorityLimits(folder, now);
  return {
    defaults: limits.defaults,
    validity: limits.validity,
    constrainsHosts: limits.constrainsHosts,
    check: (profile) => limits.check(profile),
    explain() {
      const { subjectName, publicKey } = limits.issuer;
      const key = createPublicKey({ key: publicKey, format: 'der', type: 'spki' });
      return [
        { what: 'signed by', value: formatName(subjectName) },
        { what: 'signed with', value: signatureName(signatureAlgorithmOf(key)) },
        free,
      ];
    },
  };
}

function limitsOfNewCa(now: Date): FolderLimits {
  const validity = {
    notBefore: new Date(now.getTime() - 60_000),
    notAfter: new Date(now.getTime() + defaultCaLifetime / 2),
  };
  return {
    defaults: { crlUrls: [], ocspUrls: [], issuerUrls: [] },
    validity,
    check(profile) {
      checkTimes(profile, validity, 'the CA that would be made');
      return [];
    },
    explain: () => [free],
  };
}
