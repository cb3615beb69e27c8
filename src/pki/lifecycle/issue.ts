import { createPrivateKey, type KeyObject } from 'node:crypto';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { PkiError } from '../errors.ts';
import type { LocalAuthority } from '../authorities/local/local-authority.ts';
import type { Issuance } from '../authorities/authority.ts';
import { makeFolder, readIfThere } from '../durable.ts';
import { withLock } from '../store/lock.ts';
import type { CertificateFolder } from '../store/generation.ts';
import type { Access, PendingGeneration } from '../store/generation.ts';
import { sameRequest, type StoredRequest } from '../store/request.ts';
import { certificateFolder, openStoreForWriting } from '../store/store.ts';
import { updateDefaultTrust } from '../store/trust-bundle.ts';
import { keyFileMode, resolveOwnership } from '../store/ownership.ts';
import { differences } from '../x509/compare-issued.ts';
import { generateKey, publicKeyDer } from '../x509/key.ts';
import type { Profile } from '../x509/profile.ts';
import { readCertificate, serialHex, type Certificate } from '../x509/certificate.ts';
import { generationFiles } from './generation-files.ts';
import { profileFor } from './profile-for.ts';
import { standing, type Standing } from './standing.ts';

/** What a run is lent by whoever starts it. */
export interface World {
  now: () => Date;
  pid: number;
  signal: AbortSignal;
}

export interface IssueOrder {
  /** Absolute path. */
  store: string;
  request: StoredRequest;
  /** `new` refuses a name that has a certificate; `if-due` keeps one that still answers; `force` replaces it. */
  when: 'new' | 'if-due' | 'force';
  discardPending: boolean;
  /** Milliseconds to wait for another run on the same name. */
  lockTimeout: number;
  /** Somebody else's public key, encoded SubjectPublicKeyInfo, instead of one of our own. */
  publicKey: Buffer | undefined;
}

export interface IssueResult {
  state: 'issued' | 'unchanged';
  name: string;
  /** Absolute path of `current`. */
  path: string;
  generation: number;
  certificate: Certificate;
  /** DER: what stands in fullchain.pem. */
  chain: readonly Buffer[];
  /** Path of the trust bundle, where this authority feeds it. */
  trust: string | undefined;
}

/**
 * Issues a certificate into the store: a key, a record of the request, the authority's answer, one switch.
 * Whatever can be refused is refused before a byte is written; a run that died is continued.
 * @throws PkiError `exists`, `pending-differs`, `busy`, `issued-differs` and whatever the authority refuses.
 */
export async function issueIntoStore(
  order: IssueOrder,
  authority: LocalAuthority,
  world: World,
): Promise<IssueResult> {
  const { request, store } = order;
  const folder = certificateFolder(store, request.name);
  if (order.when === 'new') refuseExisting(folder, request.name);
  const access = {
    ownership: await resolveOwnership(request.owner, request.group),
    keyMode: keyFileMode(request.mode, request.group),
  };
  authority.check(profileFor(request, order.publicKey ?? Buffer.alloc(0), authority, world.now()));

  openStoreForWriting(store);
  makeFolder(folder.path);
  const lock = { pid: world.pid, timeout: order.lockTimeout, signal: world.signal };
  return withLock(folder.lockFile, lock, async () => {
    folder.sweep();
    if (order.when === 'new') refuseExisting(folder, request.name);
    // Peers need the root and the CRLs before the first certificate, and a failure here has bought nothing yet.
    const trust = feedTrust(order, authority);
    const kept = order.when === 'if-due' ? standing(folder, request, world.now()) : undefined;
    const made = kept ?? (await makeGeneration(order, folder, access, authority, world));
    return {
      state: kept ? 'unchanged' : 'issued',
      name: request.name,
      path: folder.currentPath,
      trust,
      ...made,
    };
  });
}

function refuseExisting(folder: CertificateFolder, name: string): void {
  const current = folder.current();
  if (current === undefined) return;
  throw new PkiError(
    'exists',
    `${JSON.stringify(name)} has a certificate already (generation ${current} in ${folder.path})`,
    {
      hint: 'add --if-due to renew it only when that is needed, or --force for a new generation now',
    },
  );
}

async function makeGeneration(
  order: IssueOrder,
  folder: CertificateFolder,
  access: Access,
  authority: LocalAuthority,
  world: World,
): Promise<Standing> {
  const { request } = order;
  for (;;) {
    const pending = resumeOrBegin(order, folder);
    world.signal.throwIfAborted();
    const key = order.publicKey ? undefined : await keyOf(pending, folder, request, access);
    const publicKey = order.publicKey ?? publicKeyDer(key as KeyObject);
    const profile = profileFor(request, publicKey, authority, world.now());
    const issuance = await authority.issue(profile, pending);
    refuseDifferences(profile, request, issuance);
    const certificate = readCertificate(issuance.certificate);
    const files = generationFiles(issuance, key, request, pending.number, world.now());
    if (!pending.complete(files, access, request)) continue;
    return { generation: pending.number, certificate, chain: [issuance.certificate, ...issuance.chain] };
  }
}

/** The generation that an earlier run began, if it asked for the same; else a new one. */
function resumeOrBegin(order: IssueOrder, folder: CertificateFolder): PendingGeneration {
  const pending = folder.pending();
  const asked = pending?.request();
  if (pending && asked && sameRequest(asked, order.request) && !order.discardPending) return pending;
  // A CA in a folder sells nothing: what is pending there can be dropped and asked for anew.
  folder.discardPending();
  return folder.begin(order.request);
}

async function keyOf(
  pending: PendingGeneration,
  folder: CertificateFolder,
  request: StoredRequest,
  access: Access,
): Promise<KeyObject> {
  const kept = pending.key();
  if (kept) return createPrivateKey(kept);
  const earlier = request.reuseKey ? readIfThere(join(folder.currentPath, 'key.pem')) : undefined;
  const key = earlier ? createPrivateKey(earlier) : await generateKey(request.keyType);
  pending.keepKey(key, access);
  return key;
}

/** Issued is compared with requested, and a difference installs nothing. */
export function refuseDifferences(
  profile: Profile,
  request: Pick<StoredRequest, 'name'>,
  issuance: Issuance,
): void {
  // A resumed run gets the certificate that was recorded for the times of its first attempt.
  const leaf = readCertificate(issuance.certificate);
  const found = differences({ ...profile, ...resumedTimes(profile, leaf) }, issuance);
  if (found.length === 0) return;
  throw new PkiError(
    'issued-differs',
    `the certificate issued for ${JSON.stringify(request.name)} (serial ${serialHex(leaf.serial)}) is not what was asked for: ${found.join('; ')}`,
    {
      hint: 'nothing was installed; the certificate stands in the records of its CA',
    },
  );
}

/** How long ago a first attempt may have fixed the times of a certificate that is still the one asked for. */
const resumable = 3_600_000;

function resumedTimes(profile: Profile, leaf: Certificate): Partial<Profile> {
  const { notBefore, notAfter } = leaf;
  const earlier = profile.notBefore.getTime() - notBefore.getTime();
  const sameLife =
    notAfter.getTime() - notBefore.getTime() === profile.notAfter.getTime() - profile.notBefore.getTime();
  return sameLife && earlier >= 0 && earlier <= resumable ? { notBefore, notAfter } : {};
}

/** CRLs and roots that peers need follow every issue. */
function feedTrust(order: IssueOrder, authority: LocalAuthority): string | undefined {
  authority.refreshCrl();
  return updateDefaultTrust(
    order.store,
    authorityReference(order.store, authority.reference),
    authority.trust(),
  );
}

/** How request.json names an authority: relative to the store, since cron runs elsewhere. */
export function authorityReference(store: string, reference: string): string {
  return isAbsolute(reference) ? relative(resolve(store), reference) || '.' : reference;
}
