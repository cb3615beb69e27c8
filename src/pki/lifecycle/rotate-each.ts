import type { CaFacts } from '../authorities/local/local-authority.ts';
import { isThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import type { Access, CertificateFolder } from '../store/generation.ts';
import { checkAccess, type Mended } from '../store/mend-access.ts';
import { readRequest, refuseCopied, type StoredRequest } from '../store/request.ts';
import { readSealed } from '../store/seal.ts';
import { certificateFolder, isPlain, likelyNames, requireStore } from '../store/store.ts';
import type { CertificateLife } from '../x509/certificate.ts';
import { endlessRenewal } from '../x509/renewal-point.ts';
import type { DeployingWorld } from './deployment.ts';
import { referenceOf } from './authority-reference.ts';
import { refuseEarly } from './clock-check.ts';
import { lifeOf } from './due.ts';
import { isExposed } from './exposure.ts';
import { factsOnce } from './facts-once.ts';
import { followUp } from './follow-up.ts';
import { accessOf, momentOf } from './issue.ts';
import type { Wanted } from './issue-all.ts';
import { KnownRevocations } from './known-revocations.ts';
import { manyAtATime } from './many-at-a-time.ts';
import { waiting } from './patience.ts';
import { untilWindow } from './until-window.ts';
import { refuseLax, refuseNoClient } from './refuse-unready.ts';
import { QuickVerdict, type Look } from './quick-verdict.ts';
import type { OutputOutcome } from './outputs.ts';
import type { RotateOrder, Rotation } from './rotate.ts';
import {
  outstanding,
  standingOutcome,
  undeployed,
  type Candidate,
  type Outstanding,
  type Undeployed,
} from './rotate-deploy.ts';
import { eachGroup, groupOf, type Grouped } from './rotate-groups.ts';
import { firstOrderIn, goesOn } from './unfinished-order.ts';
import { elsewhere, judge, judgeRevoked, type Due, type Rule, type Verdict } from './rotation-verdict.ts';

/** A certificate of the store, and what is wanted of it now. */
export interface StoredCertificate {
  folder: CertificateFolder;
  generation: number;
  stored: StoredRequest;
  /** Who has issued it: a folder's absolute path, or an ARN. */
  authority: string;
  wanted: Wanted;
  /** Whether nothing was begun of it, and nobody else holds it, as one look tells of most; `false` where it takes more. */
  isBare: boolean;
}

/** What is done about certificates, once it is known how they stand. */
export interface Acts {
  /** Whether anything is done at all, or only looked at. */
  mend: boolean;
  /** About one that stands as it should; `undefined` where nothing has to be waited for. */
  keep: (found: StoredCertificate) => Promise<void> | undefined;
  /** About what runs that died have left of one that is not due. */
  tidy: (found: StoredCertificate) => Promise<void>;
  /** About its copies. */
  outputs: (found: StoredCertificate) => Promise<readonly OutputOutcome[]>;
  /** About one that is due. */
  replace: (found: StoredCertificate, verdict: Due) => Promise<Rotation>;
  /** About one whose successor is there, and was shown by no server yet. */
  retry: (found: StoredCertificate, candidate: Candidate, verdict: Verdict) => Promise<Rotation>;
  /** About services that are to be told. */
  tell: (undeployed: readonly Undeployed[], report: (outcome: Rotation) => void) => Promise<void>;
}

/** What became of one certificate; with a deployment that is to be done before that is an outcome. */
export interface Settled {
  state: Rotation['state'];
  outcome: Rotation;
  undeployed: Undeployed | undefined;
}

/** What a run keeps of what it has seen. */
interface Seen {
  facts: (reference: string) => CaFacts | undefined;
  /** Users and groups are looked up once. */
  access: Map<string, Access>;
  quick: QuickVerdict;
  revocations: KnownRevocations;
}

/** Settles every certificate of the order. Services are told at the end; those of a group one after the other. */
export async function forEachStored(
  order: RotateOrder,
  world: DeployingWorld,
  report: (outcome: Rotation) => void,
  acts: Acts,
): Promise<void> {
  const seen: Seen = {
    facts: factsOnce(world.now()),
    access: new Map(),
    quick: new QuickVerdict(),
    revocations: new KnownRevocations(),
  };
  const grouped: Grouped[] = [];
  const later: Undeployed[] = [];
  const tellFirst = (folder: CertificateFolder): void => {
    const first = firstOrderIn(folder);
    if (first) order.tellFirst?.(first);
  };
  type Alone = Settled | Grouped | { state: 'absent' };
  const settleAlone = (name: string): Alone | Promise<Alone> => {
    const found = find(order, name);
    if (!found) {
      tellFirst(certificateFolder(order.store, name));
      return { state: 'absent' };
    }
    if ('error' in found) return ended({ state: 'failed', name, verdict: undefined, error: found.error });
    const look = lookAt(found, order, seen, world);
    const peaceful = inPeace(found, look, order, seen, world);
    if (peaceful && !acts.keep(found)) return ended(peaceful);
    try {
      return groupOf(found, world) ?? settle(found, look, order, seen, world, acts);
    } catch (error) {
      return ended({ state: 'failed', name, verdict: undefined, error });
    }
  };
  await manyAtATime(namesOf(order, tellFirst), order.jobs, world, settleAlone, (settled) => {
    if (settled.state === 'absent') return;
    if (settled.state === 'grouped') grouped.push(settled);
    else if (settled.undeployed) later.push(settled.undeployed);
    else report(settled.outcome);
  });
  await acts.tell(later, report);
  const settleGrouped = (found: StoredCertificate, acting: Acts): Promise<Settled> =>
    settle(found, undefined, order, seen, world, acting);
  await eachGroup(grouped, order.jobs, world, acts, settleGrouped, report);
}

const ended = (outcome: Rotation, later?: Undeployed): Settled => ({
  state: outcome.state,
  outcome,
  undeployed: later,
});

/** `undefined` until it is known who shall be able to read its files, and where it cannot be looked at: `settle` says why. */
function lookAt(
  { folder, generation, stored, wanted, isBare }: StoredCertificate,
  order: RotateOrder,
  { facts, access: known, quick }: Pick<Seen, 'facts' | 'access' | 'quick'>,
  world: DeployingWorld,
): Look | undefined {
  const access = known.get(accessKey(wanted.request));
  if (!access) return undefined;
  const signer = facts(wanted.reference)?.signer;
  const asked = { stored, wanted: wanted.request, access, isBare };
  try {
    return quick.look(folder, generation, asked, signer, ruleOf(order, world));
  } catch {
    return undefined;
  }
}

/**
 * Most certificates of a sweep are as they were left, and nothing follows: these are settled without a promise.
 * Whatever is odd is left to `settle`, which words it.
 */
function inPeace(
  found: StoredCertificate,
  look: Look | undefined,
  order: RotateOrder,
  { revocations }: Seen,
  world: DeployingWorld,
): Rotation | undefined {
  const { request } = found.wanted;
  if (request !== found.stored || request.outputs.length > 0 || request.deploy || request.reissueOnExposure)
    return undefined;
  if (typeof look !== 'object' || ignoredPoint(found, look.standing.certificate, order) !== undefined)
    return undefined;
  if (look.standing.certificate.notBefore > world.now()) return undefined;
  try {
    // ACM may hold it without any word of that in its request.
    if (!found.isBare && followUp(found.folder, request)) return undefined;
    if (revocations.of(found.folder, found.authority, look.standing.certificate)) return undefined;
  } catch {
    return undefined;
  }
  return standingOutcome(found, look.standing);
}

/** Where it would be replaced without end, it is replaced at the usual time, and that is said before the night comes. */
function ignoredPoint(
  { wanted }: StoredCertificate,
  certificate: CertificateLife,
  order: RotateOrder,
): string | undefined {
  const point = order.renewAt ?? wanted.request.renewAt;
  const label = order.renewAt === undefined ? 'renewAt' : '--renew-at';
  const why = point === undefined ? undefined : endlessRenewal(lifeOf(certificate), point, label);
  return why === undefined ? undefined : `${why}: it does not count`;
}

const accessKey = ({ owner = '', group = '', mode = '' }: StoredRequest): string =>
  `${owner}:${group}:${mode}`;

const ruleOf = ({ force, renewAt }: RotateOrder, world: DeployingWorld): Rule => ({
  ...{ force, renewAt },
  ...momentOf(world),
});

async function settle(
  found: StoredCertificate,
  before: Look | undefined,
  order: RotateOrder,
  seen: Seen,
  world: DeployingWorld,
  acts: Acts,
): Promise<Settled> {
  const { facts, access: known, revocations } = seen;
  const { folder, generation, wanted, stored, authority } = found;
  const { name } = stored;
  let verdict: Due | undefined;
  let mended: readonly Mended[] = [];
  try {
    const rule = ruleOf(order, world);
    const signer = facts(wanted.reference)?.signer;
    const access = await accessOf(wanted.request);
    known.set(accessKey(wanted.request), access);
    const thoroughly = (): Verdict => {
      const isSealed = look === 'sealed';
      const files = { generation, stored, isStrange: false, isExposed: exposed, isSealed };
      if (look !== 'sealed') {
        const check = checkAccess(folder.versionPath(generation), access, acts.mend);
        mended = check.mended;
        files.isStrange = check.strange.length > 0;
        files.isSealed = readSealed(folder.versionPath(generation), access) !== undefined;
      }
      return judge(folder, wanted.request, signer, rule, files);
    };
    const { reissueOnExposure, reuseKey } = wanted.request;
    // It is remembered of a key that would be used again, whether anything is done about it now or not.
    const isKnown =
      (reissueOnExposure || reuseKey) &&
      (await isExposed(found, { store: order.store, wanted, access }, world, acts.mend));
    const exposed = isKnown && reissueOnExposure;
    const look = exposed ? 'unknown' : (before ?? lookAt(found, order, seen, world));
    const unrevoked = typeof look === 'object' ? look : thoroughly();
    const revoked = revocations.of(folder, authority, unrevoked.standing?.certificate);
    const judged = revoked ? judgeRevoked(unrevoked, revoked, folder, stored, rule) : unrevoked;
    if (judged.due) verdict = judged;
    else
      await refuseEarly(
        { store: order.store, request: wanted.request, world },
        judged.standing.certificate.notBefore,
      );
    const left = outstanding(found, judged, rule, (one) => !!revocations.of(folder, authority, one));
    if (left && (judged.due || left.isPending || left.candidate)) await refuseLax(folder, wanted, world);
    // Two that are torn and name each other would wait for each other.
    const isWhole = judged.due && judged.reason !== 'broken';
    if (left && (isWhole || left.candidate)) await refuseNoClient(wanted, order.store);
    const outcome = await act(found, judged, left, order, rule.now, acts);
    if (outcome.state === 'rotated' || outcome.state === 'not-due') await acts.keep(found);
    if (outcome.state === 'not-due' && !folder.isAtRest) await acts.tidy(found);
    const outputs = outcome.outputs ?? (outcome.state === 'to-rotate' ? [] : await acts.outputs(found));
    const ignored = judged.standing && ignoredPoint(found, judged.standing.certificate, order);
    const warnings = [...(outcome.warnings ?? []), ...(ignored === undefined ? [] : [ignored])];
    const whole: Rotation = { ...outcome, warnings, mended, outputs };
    // A service is told once it can read what it is told of; until then that is still to be done.
    const isReadable = outputs.every(({ state }) => state !== 'failed');
    return ended(whole, left && isReadable ? undeployed(found, whole, world) : undefined);
  } catch (error) {
    return ended({ state: 'failed', name, verdict, mended, error });
  }
}

async function act(
  found: StoredCertificate,
  judged: Verdict,
  left: Outstanding | undefined,
  order: RotateOrder,
  now: Date,
  acts: Acts,
): Promise<Rotation> {
  const { name } = found.stored;
  if (left?.candidate) return acts.retry(found, left.candidate, judged);
  if (!judged.due) return standingOutcome(found, judged.standing);
  let verdict = judged;
  const theirs = elsewhere(found.stored, judged);
  if (theirs) return { state: 'due', name, verdict, ...theirs };
  // Whoever names one, or forces it, has a reason not to wait.
  const mayWait = order.names.length === 0 && !order.force;
  const closed = mayWait ? untilWindow(found.wanted.request.window, judged, now) : undefined;
  if (closed === 'too-late') verdict = { ...judged, outsideWindow: true };
  else if (closed) return { ...standingOutcome(found, closed.standing), verdict, opens: closed.opens };
  const early = mayWait ? waiting(found.folder, judged, now) : undefined;
  if (early) return { state: 'waiting', name, verdict, ...early };
  try {
    return await acts.replace(found, verdict);
  } catch (error) {
    return { state: 'failed', name, verdict, error };
  }
}

/** `undefined` where there is none under a likely name. */
function find(order: RotateOrder, name: string): StoredCertificate | { error: unknown } | undefined {
  try {
    return readStored(order, name);
  } catch (error) {
    return { error };
  }
}

/** @throws PkiError `not-found`, `bad-input` */
function namesOf(
  { store, names }: RotateOrder,
  seeEmpty: (folder: CertificateFolder) => void,
): readonly string[] {
  requireStore(store);
  if (names.length === 0) return likelyNames(store, seeEmpty);
  const missing = names.find((name) => {
    const folder = certificateFolder(store, name);
    return !isThere(folder.currentPath) && !folder.isCutOff;
  });
  if (missing === undefined) return [...new Set(names)];
  const first = firstOrderIn(certificateFolder(store, missing));
  if (first) {
    const asked = `${first.authority} was asked for one (${first.arn ?? 'no answer came'})`;
    throw new PkiError('not-found', `${JSON.stringify(missing)} has no certificate yet: ${asked}`, {
      hint: goesOn(first, undefined),
    });
  }
  throw new PkiError('not-found', `there is no certificate ${JSON.stringify(missing)} in ${store}`, {
    hint: '"certwright list" shows what there is; "certwright issue" makes one',
  });
}

function readStored({ store, declared, names }: RotateOrder, name: string): StoredCertificate | undefined {
  const folder = certificateFolder(store, name);
  const generation = folder.current();
  const isAbsent = generation === undefined && !folder.isCutOff;
  if (isAbsent && names.length === 0 && isPlain(name)) return undefined;
  const isBare = folder.refuseTorn(generation);
  const stored = readRequest(folder.requestFile)?.request;
  if (!stored || generation === undefined) {
    throw new PkiError('malformed', `${folder.requestFile} is not there`, {
      hint: 'restore it from a backup, or issue the certificate anew with --force',
    });
  }
  refuseCopied(folder.requestFile, stored, name);
  const authority = referenceOf(store, stored);
  const wanted = declared(stored, authority) ?? { request: stored, reference: authority };
  return { folder, generation, stored, authority, wanted, isBare };
}
