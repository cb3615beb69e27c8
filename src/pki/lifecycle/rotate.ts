import { resolve } from 'node:path';
import type { Authority, KeptStatus, Pending } from '../authorities/authority.ts';
import { readCaFacts, type CaFacts } from '../authorities/local/local-authority.ts';
import { isAws } from '../authorities/open.ts';
import { isThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { forgetFailures } from '../store/failure-record.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { readRequest, type StoredRequest } from '../store/request.ts';
import { checkAccess, type Mended } from '../store/mend-access.ts';
import { certificateFolder, storedNames } from '../store/store.ts';
import { updateDefaultTrust } from '../store/trust-bundle.ts';
import type { Certificate } from '../x509/certificate.ts';
import { authorityReference } from './authority-reference.ts';
import { accessOf, feedTrust, issueIntoStore, momentOf, type IssueResult, type World } from './issue.ts';
import { once, type Wanted } from './issue-all.ts';
import { keepPolicy } from './keep-policy.ts';
import type { Limits } from './plan.ts';
import { manyAtATime } from './many-at-a-time.ts';
import { remember, waiting, type Waiting } from './patience.ts';
import type { RolledBack } from './roll-back.ts';
import { QuickVerdict } from './quick-verdict.ts';
import { elsewhere, judge, type Due, type Elsewhere, type Rule, type Verdict } from './rotation-verdict.ts';
import { isOfOthers, outcomeOf, renewalBy, successorOf, type OfOthers } from './successor.ts';

export type { KeptStatus };

export interface RotateOrder {
  /** Absolute path. */
  store: string;
  /** Names in the store; none stands for all of them. */
  names: readonly string[];
  /** What a config file asks for under a name, in place of what is stored. */
  declared: (stored: StoredRequest, reference: string) => Wanted | undefined;
  force: boolean;
  /** In place of what the certificates say themselves. */
  renewAt: string | undefined;
  /** How many generations stay, with that in use. */
  keep: number;
  /** How many certificates are worked on at a time. */
  jobs: number;
  discardPending: boolean;
  /** Milliseconds to wait for another run on the same name. */
  lockTimeout: number;
}

/** What became of one certificate, and why anything had to. */
export type Rotation = {
  name: string;
  verdict: Due | undefined;
  /** Files whose owner or mode was not as it should be. */
  mended?: readonly Mended[];
} & (
  | {
      state: 'rotated' | 'not-due';
      generation: number;
      /** Absolute path of `current`. */
      path: string;
      certificate: Certificate;
      /** When its successor is due. */
      due: Date;
    }
  | ({ state: 'due' } & Elsewhere)
  /** Only looked at: this is likely to be refused. */
  | { state: 'to-rotate'; warnings: readonly string[]; plan: string | undefined }
  | { state: 'pending'; pending: Pending; status?: KeptStatus }
  | { state: 'failed'; error: unknown }
  /** It failed a short while ago: too early to ask again. */
  | ({ state: 'waiting' } & Waiting)
  | ({ state: 'rolled-back' } & RolledBack)
);

/** An authority whose trust bundle could not be kept fresh. */
export interface Stale {
  reference: string;
  error: unknown;
}

/** How long a reader may take that has followed `current` to a generation, in milliseconds. */
const readersTime = 3_600_000;

type Replace = (wanted: Wanted, verdict: Due) => Promise<Rotation>;

interface Acts {
  /** Whether owners and modes are mended, or only looked at. */
  mend: boolean;
  /** What is done about one that stands as it should. */
  keep: (certificate: StoredCertificate) => Promise<void>;
  /** What is done about one that is due. */
  replace: Replace;
}

/**
 * Replaces what is due in a store. One that fails stops no other; each authority is opened once, and only where
 * something is due.
 * @param report is called with each outcome as it comes, in no order.
 * @throws PkiError `not-found` for a store or a name that is not there, before anything is touched; whatever the
 * world's signal was aborted with.
 */
export async function rotate(
  order: RotateOrder,
  open: (wanted: Wanted) => Promise<Authority>,
  world: World,
  report: (outcome: Rotation) => void,
): Promise<Stale[]> {
  const { store, discardPending, lockTimeout } = order;
  const opened = once(open);
  const inUse = new Map<string, Wanted>();
  const issue = async (wanted: Wanted, verdict: Due): Promise<IssueResult | OfOthers> => {
    const authority = await opened(wanted);
    if (wanted.request.clamp) refuseNoGain(authority, verdict);
    const successor = await successorOf(certificateFolder(store, wanted.request.name), verdict, authority);
    if (successor && isOfOthers(successor)) return { state: 'others', successor };
    const when = { replaces: verdict.generation, renewal: renewalBy(successor) };
    const wish = { store, request: wanted.request, when, discardPending, lockTimeout, foreign: undefined };
    return issueIntoStore(wish, authority, world);
  };
  const replace: Replace = async (wanted, verdict) => {
    const { name } = wanted.request;
    const folder = certificateFolder(store, name);
    const result = await issue(wanted, verdict).catch((error: unknown) => {
      if (!world.signal.aborted) remember(folder, verdict, error, world.now());
      throw error;
    });
    if (result.state === 'others') return { name, verdict, ...outcomeOf(result.successor) };
    if (result.state === 'pending') return { state: 'pending', name, verdict, pending: result };
    // Another run was first: nothing had to be done any more.
    if (result.state === 'unchanged') return { ...result, state: 'not-due', verdict: undefined };
    forgetFailures(folder);
    folder.prune(order.keep, new Date(world.now().getTime() - readersTime));
    return { ...result, state: 'rotated', verdict };
  };
  const lock = { pid: world.pid, timeout: lockTimeout, signal: world.signal };
  const keep: Acts['keep'] = async ({ folder, stored, wanted }) => {
    if (wanted.request !== stored) await keepPolicy(folder, wanted.request, lock);
    inUse.set(wanted.reference, wanted);
  };
  await forEachStored(order, world, report, { mend: true, keep, replace });
  return refreshTrust(store, [...inUse.values()], opened, world.now());
}

/**
 * Looks at every certificate without touching anything.
 * @param examine says what is likely to be refused of one that is due, and by whom, or throws the refusal.
 */
export async function lookAtRotation(
  order: RotateOrder,
  examine: (wanted: Wanted) => Promise<{ warnings: readonly string[]; limits: Limits }>,
  world: World,
  report: (outcome: Rotation) => void,
): Promise<void> {
  await forEachStored(order, world, report, {
    mend: false,
    keep: async () => undefined,
    replace: async (wanted, verdict) => {
      const { name } = wanted.request;
      const { warnings, limits } = await examine(wanted);
      const successor = await successorOf(certificateFolder(order.store, name), verdict, limits);
      if (successor && isOfOthers(successor)) return { name, verdict, ...outcomeOf(successor) };
      return { state: 'to-rotate', name, verdict, warnings, plan: successor?.plan };
    },
  });
}

async function forEachStored(
  order: RotateOrder,
  world: World,
  report: (outcome: Rotation) => void,
  { mend, keep, replace }: Acts,
): Promise<void> {
  const { store, force, renewAt, jobs } = order;
  const facts = factsOnce(world.now());
  const quick = new QuickVerdict();
  const settle = async (name: string): Promise<Rotation> => {
    let verdict: Due | undefined;
    let mended: readonly Mended[] = [];
    try {
      const certificate = readStored(order, name);
      const { folder, generation, stored, wanted } = certificate;
      const rule: Rule = { force, renewAt, ...momentOf(world) };
      const issuer = facts(wanted.reference)?.issuer;
      const access = await accessOf(wanted.request);
      const asked = { stored, wanted: wanted.request, access };
      const thoroughly = (): Verdict => {
        const check = checkAccess(folder.versionPath(generation), access, mend);
        mended = check.mended;
        return judge(folder, generation, wanted.request, issuer, rule, check.strange.length > 0);
      };
      const judged = quick.notDue(folder, generation, asked, issuer, rule) ?? thoroughly();
      if (!judged.due) {
        await keep(certificate);
        return { state: 'not-due', name, verdict, mended, path: folder.currentPath, ...judged.standing };
      }
      verdict = judged;
      const theirs = elsewhere(stored, judged);
      if (theirs) return { state: 'due', name, verdict, mended, ...theirs };
      // Whoever names one, or forces it, has a reason not to wait.
      const early = order.names.length === 0 && !force ? waiting(folder, judged, world.now()) : undefined;
      if (early) return { state: 'waiting', name, verdict, mended, ...early };
      const outcome = await replace(wanted, judged);
      if (outcome.state === 'rotated' || outcome.state === 'not-due') await keep(certificate);
      return { ...outcome, mended };
    } catch (error) {
      return { state: 'failed', name, verdict, mended, error };
    }
  };
  await manyAtATime(namesOf(store, order.names), jobs, world, settle, report);
}

/** @throws PkiError `not-found` */
function namesOf(store: string, names: readonly string[]): readonly string[] {
  if (!isThere(store)) {
    throw new PkiError('not-found', `there is no store in ${store}`, {
      hint: 'name its folder with --store; "certwright issue" makes one',
    });
  }
  if (names.length === 0) return storedNames(store);
  const missing = names.find((name) => certificateFolder(store, name).current() === undefined);
  if (missing === undefined) return [...new Set(names)];
  throw new PkiError('not-found', `there is no certificate ${JSON.stringify(missing)} in ${store}`, {
    hint: '"certwright list" shows what there is; "certwright issue" makes one',
  });
}

interface StoredCertificate {
  folder: CertificateFolder;
  generation: number;
  stored: StoredRequest;
  wanted: Wanted;
}

function readStored({ store, declared }: RotateOrder, name: string): StoredCertificate {
  const folder = certificateFolder(store, name);
  const generation = folder.current();
  const stored = readRequest(folder.requestFile)?.request;
  if (!stored || generation === undefined) {
    throw new PkiError('malformed', `${folder.requestFile} is not there`, {
      hint: 'restore it from a backup, or issue the certificate anew with --force',
    });
  }
  if (stored.name !== name) {
    throw new PkiError(
      'malformed',
      `${folder.requestFile} is of ${JSON.stringify(stored.name)}, not of ${JSON.stringify(name)}`,
      {
        hint: 'a copied or renamed folder is no certificate of its own: give it its name back, or remove it',
      },
    );
  }
  const { authority } = stored;
  // Paths are relative to the store, since cron runs elsewhere.
  const reference = isAws(authority) ? authority : resolve(store, authority);
  return {
    folder,
    generation,
    stored,
    wanted: declared(stored, reference) ?? { request: stored, reference },
  };
}

/** Reads each CA in a folder once. One that cannot be read is of no concern before something is due. */
function factsOnce(now: Date): (reference: string) => CaFacts | undefined {
  const known = new Map<string, CaFacts | undefined>();
  return (reference) => {
    if (!known.has(reference)) known.set(reference, isAws(reference) ? undefined : quietly(reference, now));
    return known.get(reference);
  };
}

function quietly(reference: string, now: Date): CaFacts | undefined {
  try {
    return readCaFacts(reference, now);
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}

/** What is cut to the authority's end cannot outlive it: without this it would be replaced at every run. */
function refuseNoGain({ validity, reference }: Authority, { reason, standing }: Due): void {
  const isTime = reason === 'due' || reason === 'issuer-ends';
  if (!isTime || !standing || validity.notAfter > standing.certificate.notAfter) return;
  throw new PkiError(
    'outlives-issuer',
    `${reference} ends ${validity.notAfter.toISOString()}, and so does the certificate: a new one would live no longer`,
    { hint: 'renew the authority, or name another one' },
  );
}

/** CRLs lapse and change also where nothing is due; the key of a CA is asked for only where they lapse. */
async function refreshTrust(
  store: string,
  wanted: readonly Wanted[],
  open: (wanted: Wanted) => Promise<Authority>,
  now: Date,
): Promise<Stale[]> {
  const stale: Stale[] = [];
  for (const one of wanted.filter(({ reference }) => !isAws(reference))) {
    try {
      // A CA that is somewhere else keeps its CRLs fresh there.
      if (!isThere(one.reference)) continue;
      const { trust } = readCaFacts(one.reference, now);
      if (trust) updateDefaultTrust(store, authorityReference(store, one.reference), trust);
      else feedTrust(store, await open(one));
    } catch (error) {
      stale.push({ reference: one.reference, error });
    }
  }
  return stale;
}
