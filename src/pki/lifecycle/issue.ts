import { PkiError } from '../errors.ts';
import {
  renewsInPlace,
  type Authority,
  type Pending,
  type Renewal,
  type RequestKey,
} from '../authorities/authority.ts';
import { refuseNoFolder } from '../given-path.ts';
import { dropDeployRecords } from '../store/deploy-record.ts';
import { withLock } from '../store/lock.ts';
import type { Access, CertificateFolder } from '../store/generation.ts';
import { readRequest, sameRequest, type StoredRequest } from '../store/request.ts';
import type { Environment } from '../secret-reference.ts';
import { certificateFolder, openStoreForWriting } from '../store/store.ts';
import { keyFileMode, resolveOwnership } from '../store/ownership.ts';
import type { Sync } from '../sync.ts';
import { privateKeyPem } from '../x509/key.ts';
import { readCertificateOnce, type Certificate } from '../x509/certificate.ts';
import { parseTime } from '../x509/duration.ts';
import { keptKey, resumeOrBegin, type Discarding } from './begin.ts';
import { refuseFastClock, refuseFastOrder, refuseNotYetValid } from './clock-check.ts';
import { dueAt } from './due.ts';
import { feedTrust } from './feed-trust.ts';
import { isUntold } from './follow-up.ts';
import { generationFiles } from './generation-files.ts';
import { keepPolicyUnderLock } from './keep-policy.ts';
import type { OutputOutcome, OutputsOrder } from './outputs.ts';
import { checkWithAuthority, obtain, refuseEndless, refuseNoGain } from './obtain.ts';
import { assess, standing, type Moment, type Standing } from './standing.ts';
import { arnIn, isOfOthers, predecessorIn, renewalBy, successorOfDue, type OfOthers } from './successor.ts';

/** What a run is lent by whoever starts it. */
export interface World {
  now: () => Date;
  pid: number;
  signal: AbortSignal;
  /** Which of the hosts that share a certificate's name this is. */
  instance: string;
  /** The environment: where passphrases of outputs may be. */
  env: Environment;
  /** Number of the user that we act as; -1 where the system has none. */
  uid: number;
}

export const momentOf = ({ now, instance }: Pick<World, 'now' | 'instance'>): Moment => ({
  now: now(),
  instance,
});

export interface IssueOrder extends Discarding {
  /** Absolute path. */
  store: string;
  request: StoredRequest;
  /**
   * `new` refuses a name that has a certificate; `if-due` keeps one that still answers; `force` replaces it; and so
   * does the number of the generation that is to be replaced, unless another run has done it; by renewing what its
   * authority keeps, where that is given.
   */
  when: 'new' | 'if-due' | 'force' | { replaces: number; renewal: Renewal | undefined; newKey: boolean };
  /** Milliseconds to wait for another run on the same name. */
  lockTimeout: number;
  /** The file that asks for it, where that is not its own request.json. */
  source?: string | undefined;
  /** Somebody else's signed request (DER), instead of a key of our own. */
  foreign: Buffer | undefined;
  /** How its files become durable; each by itself where it does not say. */
  sync?: Sync;
  /** In place of `feedTrust`, for whoever need not do it each time. */
  feedTrust?: (authority: Authority) => string | undefined;
  /** Brings declared trust bundles up to date, once nothing speaks against the order. */
  tellPeers?: () => Promise<void>;
}

export type IssueResult = InPlace | Waiting | LeftToOthers;

/** It is due, and is not made from here. */
export interface LeftToOthers extends OfOthers {
  name: string;
  outputs: readonly OutputOutcome[];
}

/** Begun, and not there yet: the same order goes on. */
export interface Waiting extends Pending {
  name: string;
}

export interface InPlace {
  state: 'issued' | 'unchanged';
  name: string;
  /** Absolute path of `current`. */
  path: string;
  generation: number;
  certificate: Certificate;
  /** When its successor is due. */
  due: Date;
  /** DER: what stands in fullchain.pem. */
  chain: readonly Buffer[];
  /** Path of the trust bundle, where this authority feeds it. */
  trust: string | undefined;
  outputs: readonly OutputOutcome[];
  /** Whether its service is still to be told. */
  deployPending: boolean;
  /** What its authority calls it, where that may keep the key. */
  arn: string | undefined;
}

/**
 * Issues a certificate into the store: a key, a record of the request, the authority's answer, one switch.
 * Whatever can be refused is refused before a byte is written; a run that died is continued.
 * @throws PkiError `exists`, `pending-differs`, `busy`, `issued-differs` and whatever the authority refuses.
 */
export async function issueIntoStore(
  order: IssueOrder,
  authority: Authority,
  world: World,
): Promise<IssueResult> {
  const { request, store } = order;
  refuseNoFolder(store);
  const folder = certificateFolder(store, request.name, order.sync);
  if (order.when === 'new') refuseExisting(folder, request.name);
  const access = await accessOf(request);
  const foreign: RequestKey | undefined = order.foreign && { kind: 'foreign', request: order.foreign };
  if (typeof order.when === 'string') refuseEndless(request, world.now());
  checkWithAuthority(request, foreign, authority, world.now());
  refuseGone(order, folder);

  openStoreForWriting(store);
  folder.create();
  const lock = { pid: world.pid, timeout: order.lockTimeout, signal: world.signal };
  return withLock(folder.lockFile, lock, async () => {
    refuseGone(order, folder);
    folder.sweep();
    if (order.when === 'new') refuseExisting(folder, request.name);
    if (folder.current() === undefined) dropDeployRecords(folder);
    const found = mayKeep(order, folder) ? assess(folder, asked(order, folder), momentOf(world)) : undefined;
    const kept = found?.reason === undefined ? found?.standing : undefined;
    if (typeof order.when === 'object' || found?.reason === 'due') refuseFastClock(authority);
    else if (authority.sells && kept === undefined && !isBegun(order, folder)) {
      refuseFastOrder(request, authority);
    }
    if (request.clamp && found?.reason === 'due') refuseNoGain(authority, found.standing);
    // Peers need the root and the CRLs before the first certificate, and a failure here has bought nothing yet.
    const trust = order.feedTrust
      ? order.feedTrust(authority)
      : feedTrust(order.store, authority, world.now());
    await order.tellPeers?.();
    const { name } = request;
    const copies = (): Promise<readonly OutputOutcome[]> =>
      outputsOf({ store, folder, request, source: order.source, lock: 'held' }, world);
    const successor =
      order.when === 'if-due' ? await successorOfDue(request, folder, found, authority) : undefined;
    if (successor && isOfOthers(successor)) {
      return { state: 'others', name, successor, outputs: await copies() };
    }
    const renewal = typeof order.when === 'object' ? order.when.renewal : renewalBy(successor);
    const made = kept ?? (await makeGeneration(order, foreign, folder, access, authority, renewal, world));
    if (kept) keepPolicyUnderLock(folder, request);
    if ('state' in made) return { ...made, name };
    return {
      outputs: await copies(),
      state: kept ? 'unchanged' : 'issued',
      name,
      path: folder.currentPath,
      trust,
      arn: authority.makesKeys ? arnIn(folder.currentPath) : undefined,
      deployPending: isUntold(folder, request, made.generation, world.instance),
      ...made,
    };
  });
}

/**
 * What `issueIntoStore` looks at first, without touching anything.
 * @returns the pair that it would leave as it is
 * @throws PkiError `exists`
 */
export function lookInStore(
  order: Pick<IssueOrder, 'store' | 'request' | 'when'>,
  moment: Moment,
): Standing | undefined {
  const { store, request } = order;
  refuseNoFolder(store);
  const folder = certificateFolder(store, request.name);
  if (order.when === 'new') refuseExisting(folder, request.name);
  return mayKeep(order, folder) ? standing(folder, request, moment) : undefined;
}

/** Brings the copies at places of their own up to date, or only looks; without any, not even the code is loaded. */
export async function outputsOf(
  order: OutputsOrder,
  world: World,
  act: 'keep' | 'look' = 'keep',
): Promise<readonly OutputOutcome[]> {
  if (order.request.outputs.length === 0) return [];
  const { keepOutputs, lookAtOutputs } = await import('./outputs.ts');
  return act === 'keep' ? keepOutputs(order, world) : lookAtOutputs(order, world);
}

/** Who shall be able to read the files. */
export const accessOf = async ({ owner, group, mode }: StoredRequest): Promise<Access> => ({
  ownership: await resolveOwnership(owner, group),
  keyMode: keyFileMode(mode, group),
});

function mayKeep(
  { when, request }: Pick<IssueOrder, 'when' | 'request'>,
  folder: CertificateFolder,
): boolean {
  if (typeof when === 'object') return folder.current() !== when.replaces;
  return when === 'if-due' && !isUnfinished(folder, request);
}

/** Whoever was first may have been asked for something else, which a successor is not to undo. */
const asked = ({ when, request }: IssueOrder, { requestFile }: CertificateFolder): StoredRequest =>
  typeof when === 'object' ? (readRequest(requestFile)?.request ?? request) : request;

/** Whether an earlier run has asked its authority for something, with which this one goes on. */
const isBegun = (
  { discardPending }: Pick<IssueOrder, 'discardPending'>,
  folder: CertificateFolder,
): boolean => !discardPending && folder.pending()?.read() !== undefined;

/** A run that died in the middle of its switch has left request.json ahead of the pair: only finishing it helps. */
export function isUnfinished(folder: CertificateFolder, request: StoredRequest): boolean {
  const begun = folder.pending()?.request();
  return begun !== undefined && sameRequest(begun, request);
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

/** A successor of what somebody has removed meanwhile would be paid for, and bring it back. */
function refuseGone({ when, request: { name } }: IssueOrder, folder: CertificateFolder): void {
  if (typeof when !== 'object' || folder.current() !== undefined) return;
  throw new PkiError('not-found', `${JSON.stringify(name)} was removed while it was to be replaced`, {
    hint: `"certwright issue ${name}" makes it anew`,
  });
}

async function makeGeneration(
  order: IssueOrder,
  foreign: RequestKey | undefined,
  folder: CertificateFolder,
  access: Access,
  authority: Authority,
  renewal: Renewal | undefined,
  world: World,
): Promise<Standing | Pending> {
  const { request } = order;
  const mayReuse = request.reuseKey && !isCompromised(order);
  const reuse = mayReuse
    ? await (await import('./exposure.ts')).reusableKey(folder, order, access, world)
    : undefined;
  const wishes = { reuse, passphrase: undefined, isPaid: authority.sells };
  const refuseFuture = async (begin: Date | undefined): Promise<void> => {
    if (!begin || mayBeginLater(order)) return;
    await refuseNotYetValid({ store: order.store, request, world }, begin, authority);
  };
  for (;;) {
    const pending = resumeOrBegin(folder, request, order);
    // Most runs find nothing that a run which died has left, and do not load this.
    if (!pending.isBare) {
      const { isUseless } = await import('./useless-pending.ts');
      const when = { now: world.now(), newKey: isCompromised(order) };
      if (isUseless(pending, folder, authority, when)) {
        pending.drop();
        continue;
      }
    }
    if (pending.isWhole) {
      await pending.switchTo(request, authority.recordedIn?.(pending.version));
      const finished = standing(folder, request, momentOf(world));
      if (finished) return finished;
      // What a run that died long ago had made is due by now.
      continue;
    }
    world.signal.throwIfAborted();
    await refuseFuture(
      request.notBefore === undefined ? undefined : parseTime(request.notBefore, 'notBefore'),
    );
    const requestKey =
      foreign ?? (authority.makesKeys ? undefined : await keptKey(pending, request, access, wishes));
    const before = renewsInPlace(authority) ? predecessorIn(folder, isCompromised(order)) : undefined;
    // What is new breaks nobody; what takes another's place might.
    const { rehearse } = folder.current() === undefined ? {} : (request.deploy ?? {});
    const ask = async (): ReturnType<typeof obtain> => {
      // What was ordered already is collected all the same.
      if (rehearse !== undefined && pending.read() === undefined) {
        const { readPeer } = await import('./rehearse-new.ts');
        await readPeer(rehearse, order.store);
      }
      return obtain(request, requestKey, authority, pending, world.now(), { renewal, before });
    };
    const issuance = await ask().catch((error: unknown) => {
      pending.giveUp();
      throw error;
    });
    if (issuance.state === 'pending') return issuance;
    if (issuance.key) await pending.keepKey(privateKeyPem(issuance.key), access);
    const key = issuance.key ?? (requestKey?.kind === 'own' ? requestKey.key : undefined);
    const certificate = readCertificateOnce(issuance.certificate);
    const files = generationFiles(issuance, key, request, pending.number, world.now());
    const assembled = await pending.assemble(files, access, issuance.recording);
    await refuseFuture(certificate.notBefore);
    if (rehearse !== undefined) {
      const { rehearseNew } = await import('./rehearse-new.ts');
      await rehearseNew(rehearse, { store: order.store, request, issued: issuance, key, now: world.now() });
    }
    if (!(await pending.claim(assembled, request))) {
      // Another run was first, and there may be nothing left to do.
      const there = mayKeep(order, folder) ? standing(folder, request, momentOf(world)) : undefined;
      if (there) return there;
      continue;
    }
    const chain = [issuance.certificate, ...issuance.chain];
    return {
      generation: pending.number,
      certificate,
      chain,
      due: dueAt(certificate, request, world.instance),
    };
  }
}

/** A key that is in wrong hands is not used again, whatever the request says. */
const isCompromised = ({ when }: IssueOrder): boolean => typeof when === 'object' && when.newKey;

/** What replaces a pair that is in use, or was not asked to begin later, must be valid by this machine's clock. */
const mayBeginLater = ({ when, request }: IssueOrder): boolean =>
  typeof when === 'string' && request.notBefore !== undefined;
