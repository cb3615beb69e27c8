import type { Authority, KeptStatus, Pending } from '../authorities/authority.ts';
import { isAws } from '../authorities/open.ts';
import { isThere } from '../durable.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { holdTrust } from '../store/output-request.ts';
import type { Change, StoredRequest } from '../store/request.ts';
import { certificateFolder, storedNames } from '../store/store.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { Discarding } from './begin.ts';
import { isExposed } from './exposure.ts';
import { feedTrustIfValid, feedWholeTrust } from './feed-trust.ts';
import { accessOf, issueIntoStore, momentOf, outputsOf, type World } from './issue.ts';
import { keepPolicy } from './keep-policy.ts';
import { manyAtATime } from './many-at-a-time.ts';
import { refuseEndless } from './obtain.ts';
import type { OutputOutcome } from './outputs.ts';
import type { Limits } from './plan.ts';
import type { Due, Elsewhere } from './rotation-verdict.ts';
import { assess, type Reason, type Standing } from './standing.ts';
import { fixedEnd, isOfOthers, outcomeOf, successorOf, watchArn } from './successor.ts';
import { untilWindow } from './until-window.ts';

/** A certificate that there shall be, and the reference of the authority that is to issue it. */
export interface Wanted {
  request: StoredRequest;
  reference: string;
  /** The file that asks for it, where that is not its own request.json. */
  source?: string;
}

export interface AllOrder extends Discarding {
  /** Absolute path. */
  store: string;
  wanted: readonly Wanted[];
  /** How many certificates are worked on at a time. */
  jobs: number;
  /** Milliseconds to wait for another run on the same name. */
  lockTimeout: number;
}

/** What became of one certificate, and why anything had to. */
export type Outcome = {
  name: string;
  reason: Reason | 'exposed' | undefined;
  changes: readonly Change[];
} & Ending;

type Ending =
  | {
      state: 'issued' | 'unchanged';
      generation: number;
      /** Absolute path of `current`. */
      path: string;
      certificate: Certificate;
      /** When its successor is due. */
      due: Date;
      /** It is due, and waits until then for its window. */
      opens?: Date | undefined;
      outputs: readonly OutputOutcome[];
      /** Whether its service, or ACM, is still to be told. */
      deployPending?: boolean;
      warnings?: readonly string[];
    }
  | { state: 'pending'; pending: Pending; status?: KeptStatus; outputs?: readonly OutputOutcome[] }
  /** It is due, and is not made from here. */
  | ({ state: 'due'; outputs: readonly OutputOutcome[] } & Elsewhere)
  /** Only looked at: it is to be issued, and this is likely to be refused. */
  | { state: 'to-issue'; warnings: readonly string[]; plan: string | undefined }
  | { state: 'failed'; error: unknown };

/** What stands in the store, and does not do. */
type Lacking = Pick<Due, 'standing'> & {
  reason: NonNullable<Outcome['reason']>;
  generation: number | undefined;
};

interface Acts {
  issue: (wanted: Wanted, found: Lacking) => Promise<Ending>;
  /** Whether what is found is written down, or only looked at. */
  remember: boolean;
  /** About one that does. */
  keep: (wanted: Wanted) => Promise<readonly OutputOutcome[]>;
}

/**
 * Brings the store to what is wanted: issues what is missing, what has changed, what is torn and what is due.
 * One that fails stops no other. Each authority is opened once, for all of them.
 * @param report is called with each outcome as it comes, in no order.
 * @returns the authorities whose trust bundle could not be kept fresh, and why.
 * @throws whatever the world's signal was aborted with, after what was begun has come to a point where it goes on.
 */
export async function issueAll(
  order: AllOrder,
  open: (wanted: Wanted) => Promise<Authority>,
  world: World,
  report: (outcome: Outcome) => void,
): Promise<{ reference: string; error: unknown }[]> {
  const { store, discardPending, tellDropped, lockTimeout } = order;
  const opened = once(open);
  const closed = new Set<string>();
  const inUse = new Map<string, Wanted>();
  const lock = { pid: world.pid, timeout: lockTimeout, signal: world.signal };
  const refresh = once(async (wanted) => feedWholeTrust(store, await opened(wanted), world.now()));
  const feedTrust = (authority: Authority): string | undefined =>
    feedTrustIfValid(store, authority, world.now());
  const issueIfDue = async (wanted: Wanted, { reason, generation }: Lacking): Promise<Ending> => {
    const { request, reference } = wanted;
    closed.add(reference);
    const authority = await opened(wanted);
    closed.delete(reference);
    const isExposed = reason === 'exposed' && generation !== undefined;
    const when = isExposed ? { replaces: generation, renewal: undefined, newKey: true } : 'if-due';
    const { source } = wanted;
    const left = watchArn(store, request.name);
    const discarding = { discardPending, tellDropped };
    const wish = {
      store,
      request,
      source,
      when,
      ...discarding,
      lockTimeout,
      foreign: undefined,
      feedTrust,
    } as const;
    const result = await issueIntoStore(wish, authority, world);
    if (result.state === 'others') return { ...outcomeOf(result.successor), outputs: result.outputs };
    return result.state === 'pending'
      ? { state: 'pending', pending: result }
      : { ...result, warnings: left() };
  };
  await forEachWanted(
    order,
    world,
    (outcome, wanted) => {
      if (outcome.state === 'issued' || outcome.state === 'unchanged') inUse.set(wanted.reference, wanted);
      report(outcome);
    },
    {
      keep: async (wanted) => {
        const { request, source } = wanted;
        const folder = certificateFolder(store, request.name);
        await keepPolicy(folder, request, lock);
        // A failure is told of where the rest is refreshed.
        if (!isAws(wanted.reference) && holdTrust(request)) await refresh(wanted).catch(() => undefined);
        return outputsOf({ store, folder, request, source, lock }, world);
      },
      issue: issueIfDue,
      remember: true,
    },
  );
  // CRLs lapse also where nothing is due. What could not be opened has been reported.
  const local = [...inUse.values()].filter(({ reference }) => !isAws(reference) && !closed.has(reference));
  return refreshTrust(local, refresh);
}

/**
 * Opens, and where that is wished makes, each CA in a folder whose first certificate is to come: peers need its root
 * before. What fails is reported where the certificate is.
 */
export async function makeAuthorities(
  { store, wanted }: AllOrder,
  open: (wanted: Wanted) => Promise<unknown>,
): Promise<void> {
  for (const one of wanted) {
    const isNew = certificateFolder(store, one.request.name).current() === undefined;
    if (isNew && !isAws(one.reference) && !isThere(one.reference)) await open(one).catch(() => undefined);
  }
}

/**
 * Looks at every certificate without touching anything.
 * @param examine says what is likely to be refused of one that is to be issued, and by whom, where that is asked at all;
 * or throws the refusal.
 */
export async function lookAtAll(
  order: AllOrder,
  examine: (wanted: Wanted) => Promise<{ warnings: readonly string[]; limits: Limits | undefined }>,
  world: World,
  report: (outcome: Outcome) => void,
): Promise<void> {
  await forEachWanted(order, world, report, {
    keep: ({ request, source }) => {
      const folder = certificateFolder(order.store, request.name);
      return outputsOf({ store: order.store, folder, request, source, lock: 'held' }, world, 'look');
    },
    issue: async (wanted, { reason, generation, standing }) => {
      const { warnings, limits } = await examine(wanted);
      const folder = certificateFolder(order.store, wanted.request.name);
      const isKept = limits && reason !== 'missing' && generation !== undefined;
      const successor = isKept
        ? await successorOf(folder, { reason, generation, standing }, limits)
        : undefined;
      if (successor && isOfOthers(successor)) return { ...outcomeOf(successor), outputs: [] };
      return { state: 'to-issue', warnings, plan: successor?.plan };
    },
    remember: false,
  });
}

/** Names in the store that nobody wants. They are left alone. */
export function extraNames({ store, wanted }: Pick<AllOrder, 'store' | 'wanted'>): string[] {
  const names = new Set(wanted.map(({ request }) => request.name));
  return storedNames(store).filter((name) => !names.has(name));
}

async function forEachWanted(
  { store, wanted, jobs }: AllOrder,
  world: World,
  report: (outcome: Outcome, wanted: Wanted) => void,
  acts: Acts,
): Promise<void> {
  await manyAtATime(wanted, jobs, world, (one) => settle(store, one, world, acts), report);
}

async function settle(store: string, wanted: Wanted, world: World, acts: Acts): Promise<Outcome> {
  const { name } = wanted.request;
  let known: Pick<Outcome, 'reason' | 'changes'> = { reason: undefined, changes: [] };
  try {
    // At once, and not in the night in which it is due.
    if (!fixedEnd(wanted.request)) refuseEndless(wanted.request, world.now());
    const folder = certificateFolder(store, name);
    const found = assess(folder, wanted.request, momentOf(world));
    const standing = found.reason === undefined || found.reason === 'due' ? found.standing : undefined;
    const replaces = standing && (await exposedGeneration(store, folder, wanted, world, acts.remember));
    const opens =
      found.reason === 'due' && replaces === undefined ? opening(found, wanted, world) : undefined;
    if (standing && replaces === undefined && (found.reason === undefined || opens)) {
      const outputs = await acts.keep(wanted);
      const { generation, certificate, due } = standing;
      const stands = { generation, path: folder.currentPath, certificate, due, opens, outputs };
      return { name, changes: [], reason: found.reason, state: 'unchanged', ...stands };
    }
    const lacking =
      replaces === undefined && found.reason !== undefined
        ? found
        : { reason: 'exposed' as const, changes: [], generation: replaces, standing };
    known = { reason: lacking.reason, changes: lacking.changes };
    const theirs = lacking.reason === 'due' ? fixedEnd(wanted.request) : undefined;
    if (theirs) return { ...theirs, name, ...known, state: 'due', outputs: await acts.keep(wanted) };
    const ending = await acts.issue(wanted, lacking);
    // Another run was first: nothing had to be done any more.
    if (ending.state === 'unchanged') known = { reason: undefined, changes: [] };
    return { ...ending, name, ...known };
  } catch (error) {
    return { name, ...known, state: 'failed', error };
  }
}

/** The generation in use, where others could use its key and that is a reason. */
async function exposedGeneration(
  store: string,
  folder: CertificateFolder,
  wanted: Wanted,
  world: World,
  remember: boolean,
): Promise<number | undefined> {
  const { request } = wanted;
  const generation = request.reissueOnExposure ? folder.current() : undefined;
  if (generation === undefined) return undefined;
  const files = { store, wanted, access: await accessOf(request) };
  return (await isExposed({ folder, generation }, files, world, remember)) ? generation : undefined;
}

/** When one that is due by time may be replaced, where that is later. */
function opening(
  { standing }: { standing: Standing | undefined },
  { request }: Wanted,
  world: World,
): Date | undefined {
  const due = { reason: 'due', standing, ends: standing?.certificate.notAfter } as const;
  const closed = untilWindow(request.window, due, world.now());
  return closed === 'too-late' ? undefined : closed?.opens;
}

async function refreshTrust(
  wanted: readonly Wanted[],
  refresh: (wanted: Wanted) => Promise<unknown>,
): Promise<{ reference: string; error: unknown }[]> {
  const failures: { reference: string; error: unknown }[] = [];
  for (const one of wanted) {
    try {
      await refresh(one);
    } catch (error) {
      failures.push({ reference: one.reference, error });
    }
  }
  return failures;
}

/** Asks once for each authority, however many ask at a time; a failure too is everybody's. */
export function once<T>(open: (wanted: Wanted) => Promise<T>): (wanted: Wanted) => Promise<T> {
  const opened = new Map<string, Promise<T>>();
  return (wanted) => {
    const key = authorityKey(wanted);
    const known = opened.get(key) ?? open(wanted);
    opened.set(key, known);
    return known;
  };
}

/** At AWS an authority is opened for a way of asking it. */
function authorityKey({ reference, request }: Wanted): string {
  if (!isAws(reference)) return reference;
  const { template, signingAlgorithm, exportable, validation } = request;
  return JSON.stringify([reference, template, signingAlgorithm, exportable, validation]);
}
