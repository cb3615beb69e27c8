import type { Authority, KeptStatus, Pending } from '../authorities/authority.ts';
import { readCaFacts, readTrust } from '../authorities/local/local-authority.ts';
import { isAws } from '../authorities/open.ts';
import { isThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { generationsInUse } from '../store/deploy-record.ts';
import { forgetFailures } from '../store/failure-record.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { withLock } from '../store/lock.ts';
import { holdTrust } from '../store/output-request.ts';
import type { Mended } from '../store/mend-access.ts';
import type { StoredRequest } from '../store/request.ts';
import { certificateFolder } from '../store/store.ts';
import { sweepDrafts } from '../sweep.ts';
import { syncTogether } from '../sync.ts';
import { updateDefaultTrust } from '../store/trust-bundle.ts';
import type { CertificateLife } from '../x509/certificate.ts';
import { authorityReference } from './authority-reference.ts';
import { refuseOther, type Discarding } from './begin.ts';
import { refuseEarlyCrls } from './clock-check.ts';
import type { Deployed, DeployingWorld } from './deployment.ts';
import { feedTrustIfValid, feedWholeTrust } from './feed-trust.ts';
import { followUp } from './follow-up.ts';
import { issueIntoStore, outputsOf, type IssueResult } from './issue.ts';
import { once, type Wanted } from './issue-all.ts';
import { refuseNoGain } from './obtain.ts';
import { keepPolicy } from './keep-policy.ts';
import { lookAtCrls } from './look-at-trust.ts';
import type { Limits } from './plan.ts';
import { remember, type Waiting } from './patience.ts';
import type { OutputOutcome } from './outputs.ts';
import type { RolledBack } from './roll-back.ts';
import {
  deployAll,
  standingOutcome,
  switchToCandidate,
  waitingCandidate,
  wouldDeploy,
  wouldSwitch,
  type Candidate,
} from './rotate-deploy.ts';
import { forEachStored, type Acts, type StoredCertificate } from './rotate-each.ts';
import { isByTime, type Due, type Elsewhere, type Verdict } from './rotation-verdict.ts';
import { isOfOthers, outcomeOf, renewalBy, successorOf, watchArn, type OfOthers } from './successor.ts';
import type { UnfinishedOrder } from './unfinished-order.ts';

export type { KeptStatus };
export { requireStore } from '../store/store.ts';

export interface RotateOrder extends Discarding {
  /** Absolute path. */
  store: string;
  /** Names in the store; none stands for all of them. */
  names: readonly string[];
  /** What a config file asks for under a name, in place of what is stored. */
  declared: (stored: StoredRequest, reference: string) => Wanted | undefined;
  force: boolean;
  /** In place of what the certificates say themselves. */
  renewAt: string | undefined;
  /** How many generations stay, with that in use, in place of what the certificates say themselves. */
  keep: number | undefined;
  /** How many certificates are worked on at a time. */
  jobs: number;
  /** Milliseconds to wait for another run on the same name. */
  lockTimeout: number;
  /** A successor gets a key of its own, whatever its request says: the one in use is in wrong hands. */
  newKey?: boolean;
  /** Hears of first orders: there is nothing yet that could be rotated. */
  tellFirst?: (order: UnfinishedOrder) => void;
}

interface Settled {
  name: string;
  verdict: Due | undefined;
  /** What is asked for and does not count, and what is likely to be refused of what would be done. */
  warnings?: readonly string[];
  /** Files whose owner or mode was not as it should be. */
  mended?: readonly Mended[];
  outputs?: readonly OutputOutcome[];
  /** What became of telling its service, where that was to be done. */
  deploy?: Deployed;
}

/** One that is in use, whatever its service made of it. */
export type StandingRotation = Settled & {
  state: 'rotated' | 'not-due' | 'deployed' | 'deploy-pending' | 'candidate';
  generation: number;
  /** Absolute path of `current`. */
  path: string;
  certificate: CertificateLife;
  /** When its successor is due. */
  due: Date;
  /** It is due, and waits until then for its window. */
  opens?: Date;
  /** Rolled back by hand: what was in use before. */
  from?: number;
};

/** What became of one certificate, and why anything had to. */
export type Rotation =
  | StandingRotation
  | (Settled &
      (
        | ({ state: 'due' } & Elsewhere)
        /** Only looked at: this is likely to be refused, and that is what would follow. */
        | {
            state: 'to-rotate';
            warnings: readonly string[];
            plan: string | undefined;
            deploys: readonly string[];
          }
        /** Only looked at: its service would be told, after a switch from another generation where there is one. */
        | (Omit<StandingRotation, 'state' | keyof Settled> & {
            state: 'to-deploy';
            from: number | undefined;
            deploys: readonly string[];
          })
        /** Another one of its group has failed. */
        | { state: 'held'; group: string; by: string }
        | { state: 'pending'; pending: Pending; status?: KeptStatus }
        | { state: 'failed'; error: unknown }
        /** It failed a short while ago: too early to ask again. */
        | ({ state: 'waiting' } & Waiting)
        | ({ state: 'rolled-back' } & RolledBack)
      ));

/** An authority whose trust bundle could not be kept fresh. */
export interface Stale {
  reference: string;
  error: unknown;
}

/** How long a reader may take that has followed `current` to a generation, in milliseconds. */
const readersTime = 3_600_000;
/** How many generations stay where nobody says it. */
const usualKeep = 5;

/**
 * Replaces what is due in a store, and tells services of it. One that fails stops no other; each authority is opened
 * once, and only where something is due.
 * @param report is called with each outcome as it comes, in no order.
 * @throws PkiError `not-found` for a store or a name that is not there, before anything is touched; whatever the
 * world's signal was aborted with.
 */
export async function rotate(
  order: RotateOrder,
  open: (wanted: Wanted) => Promise<Authority>,
  world: DeployingWorld,
  report: (outcome: Rotation) => void,
): Promise<Stale[]> {
  const { store, discardPending, tellDropped, lockTimeout } = order;
  const opened = once(open);
  const sync = syncTogether();
  const fed = new Map<Authority, string | undefined>();
  const feed = (authority: Authority): string | undefined => {
    if (!fed.has(authority)) fed.set(authority, feedTrustIfValid(store, authority, world.now()));
    return fed.get(authority);
  };
  const inUse = new Map<string, Wanted>();
  const issue = async (wanted: Wanted, verdict: Due): Promise<IssueResult | OfOthers> => {
    const authority = await opened(wanted);
    if (wanted.request.clamp && isByTime(verdict.reason)) refuseNoGain(authority, verdict.standing);
    const newKey = verdict.newKey ?? order.newKey ?? false;
    const folder = certificateFolder(store, wanted.request.name);
    const successor = await successorOf(folder, { ...verdict, newKey }, authority);
    if (successor && isOfOthers(successor)) return { state: 'others', successor };
    const when = { replaces: verdict.generation, renewal: renewalBy(successor), newKey };
    const { request, source } = wanted;
    const wish = {
      store,
      request,
      source,
      when,
      discardPending,
      tellDropped,
      lockTimeout,
      foreign: undefined,
      sync,
      feedTrust: feed,
    };
    return issueIntoStore(wish, authority, world);
  };
  const prune = (folder: CertificateFolder, request: Pick<StoredRequest, 'keep'>): void => {
    const since = new Date(world.now().getTime() - readersTime);
    folder.prune(order.keep ?? request.keep ?? usualKeep, since, () => generationsInUse(folder));
  };
  const replace: Acts['replace'] = async ({ folder, wanted }, verdict) => {
    const { name } = wanted.request;
    const left = watchArn(store, name);
    const result = await issue(wanted, verdict).catch((error: unknown) => {
      if (!world.signal.aborted) remember(folder, verdict, error, world.now());
      throw error;
    });
    if (result.state === 'others') return { name, verdict, ...outcomeOf(result.successor) };
    if (result.state === 'pending') return { state: 'pending', name, verdict, pending: result };
    // Another run was first: nothing had to be done any more.
    if (result.state === 'unchanged') return { ...result, state: 'not-due', verdict: undefined };
    forgetFailures(folder);
    // What a service has not taken yet may have to be switched back from.
    if (!followUp(folder, wanted.request)) prune(folder, wanted.request);
    return { ...result, state: 'rotated', verdict, warnings: left() };
  };
  const lock = { pid: world.pid, timeout: lockTimeout, signal: world.signal };
  const keep: Acts['keep'] = ({ folder, stored, wanted }) => {
    inUse.set(wanted.reference, wanted);
    return wanted.request === stored ? undefined : keepPolicy(folder, wanted.request, lock);
  };
  const tidy: Acts['tidy'] = async ({ folder }) => {
    const clearUp = async (): Promise<void> => {
      folder.sweep();
    };
    await withLock(folder.lockFile, { ...lock, timeout: 0 }, clearUp).catch((error: unknown) => {
      // Whoever holds it is at work there.
      if (!(error instanceof PkiError) || error.code !== 'busy') throw error;
    });
  };
  const retry: Acts['retry'] = async (found, candidate, verdict) => {
    const early = tooEarly(found, candidate, verdict, order, world.now());
    if (early) return early;
    await switchToCandidate(found, candidate, lock);
    return standingOutcome(found, candidate.standing);
  };
  const tell: Acts['tell'] = (undeployed, report) =>
    deployAll(undeployed, order, world, (outcome, { folder, request }) => {
      if (outcome.deploy?.state === 'done') prune(folder, request);
      report(outcome);
    });
  const refresh = oncePerAuthority((wanted) => refreshTrust(store, wanted, opened, world.now()));
  const outputs: Acts['outputs'] = async ({ wanted, folder }) => {
    if (holdTrust(wanted.request)) await refresh(wanted);
    const { request, source } = wanted;
    return outputsOf({ store, folder, request, source, lock: { timeout: lockTimeout } }, world);
  };
  // Keys of what a run that died was removing.
  sweepDrafts(store);
  await forEachStored(order, world, report, { mend: true, keep, tidy, outputs, replace, retry, tell });
  const stale: Stale[] = [];
  for (const wanted of inUse.values()) stale.push(...(await refresh(wanted)));
  return stale;
}

/**
 * Looks at every certificate without touching anything.
 * @returns the CAs of whose CRLs some are to be signed anew, and those that cannot be read.
 * @param examine says what is likely to be refused of one that is due, and by whom, or throws the refusal.
 */
export async function lookAtRotation(
  order: RotateOrder,
  examine: (wanted: Wanted) => Promise<{ warnings: readonly string[]; limits: Limits }>,
  world: DeployingWorld,
  report: (outcome: Rotation) => void,
): Promise<{ signing: string[]; stale: Stale[] }> {
  const inUse = new Set<string>();
  await forEachStored(order, world, report, {
    mend: false,
    keep: ({ wanted }) => {
      inUse.add(wanted.reference);
      return undefined;
    },
    tidy: async () => undefined,
    outputs: ({ wanted: { request, source }, folder }) =>
      outputsOf({ store: order.store, folder, request, source, lock: 'held' }, world, 'look'),
    replace: async ({ folder, wanted }, verdict) => {
      const { name } = wanted.request;
      inUse.add(wanted.reference);
      const { warnings, limits } = await examine(wanted);
      if (wanted.request.clamp && isByTime(verdict.reason)) refuseNoGain(limits, verdict.standing);
      const { rehearse } = wanted.request.deploy ?? {};
      if (rehearse !== undefined) await (await import('./rehearse-new.ts')).readPeer(rehearse, order.store);
      const successor = await successorOf(folder, verdict, limits);
      if (successor && isOfOthers(successor)) return { name, verdict, ...outcomeOf(successor) };
      if (!order.discardPending) refuseOther(folder.pending(), wanted.request);
      return { state: 'to-rotate', name, verdict, warnings, plan: successor?.plan, deploys: [] };
    },
    retry: async (found, candidate, verdict) => {
      inUse.add(found.wanted.reference);
      const early = tooEarly(found, candidate, verdict, order, world.now());
      return early ?? wouldSwitch(found, candidate);
    },
    tell: async (undeployed, report) => {
      for (const one of undeployed) report(wouldDeploy(one));
    },
  });
  return lookAtCrls(inUse, world.now());
}

/** Whoever names one does not wait for the time of its candidate, nor does what peers refuse since it was revoked. */
function tooEarly(
  found: StoredCertificate,
  candidate: Candidate,
  verdict: Verdict,
  { names }: RotateOrder,
  now: Date,
): Rotation | undefined {
  const { standing } = verdict;
  const isRevoked = verdict.due && (verdict.reason === 'revoked' || verdict.isRevoked === true);
  const isEarly = names.length === 0 && !isRevoked && candidate.until > now;
  return isEarly && standing ? waitingCandidate(found, candidate, standing) : undefined;
}

/** CRLs lapse and change also where nothing is due; the key of a CA is asked for only where they lapse. */
async function refreshTrust(
  store: string,
  wanted: Wanted,
  open: (wanted: Wanted) => Promise<Authority>,
  now: Date,
): Promise<Stale[]> {
  const { reference } = wanted;
  try {
    // A CA that is somewhere else keeps its CRLs fresh there.
    if (isAws(reference) || !isThere(reference)) return [];
    const { trust } = readCaFacts(reference, now);
    if (trust) {
      refuseEarlyCrls(trust.crls, now);
      updateDefaultTrust(store, authorityReference(store, reference), () => readTrust(reference, now));
    } else await feedWholeTrust(store, await open(wanted), now);
    return [];
  } catch (error) {
    return [{ reference, error }];
  }
}

function oncePerAuthority<T>(ask: (wanted: Wanted) => Promise<T>): (wanted: Wanted) => Promise<T> {
  const asked = new Map<string, Promise<T>>();
  return (wanted) => {
    const known = asked.get(wanted.reference) ?? ask(wanted);
    asked.set(wanted.reference, known);
    return known;
  };
}
