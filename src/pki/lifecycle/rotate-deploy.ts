import { describePlan } from '../deploy/plan.ts';
import { readDeployRecords, type Attempt } from '../store/deploy-record.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { withLock, type LockOptions } from '../store/lock.ts';
import type { StoredRequest } from '../store/request.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { DeployOrder } from './deploy.ts';
import type { Deployed, DeployingWorld, Deployment } from './deployment.ts';
import { followUp, isUntold, peersIn } from './follow-up.ts';
import { nextTry } from './patience.ts';
import type { Rotation, StandingRotation } from './rotate.ts';
import type { StoredCertificate } from './rotate-each.ts';
import type { InPeace, Verdict } from './rotation-verdict.ts';
import { readGeneration, type Moment, type Standing } from './standing.ts';

/** A newer generation that no server has shown yet, and that still does. */
export interface Candidate {
  standing: Standing;
  attempt: Attempt;
  /** When it is tried again. */
  until: Date;
}

/** What a host's service still has to be told of a certificate. */
export interface Outstanding {
  /** Whether it has not taken what is in use. */
  isPending: boolean;
  candidate: Candidate | undefined;
}

/** `undefined` where nothing follows a switch. */
export function outstanding(
  { folder, generation, wanted }: StoredCertificate,
  verdict: Verdict,
  moment: Moment,
  isRevoked: (certificate: Certificate) => boolean,
): Outstanding | undefined {
  const { request } = wanted;
  if (!followUp(folder, request)) return undefined;
  // Whoever asks for something else, or for a new one, does not mean one that was made before.
  const isOther = verdict.due && (verdict.reason === 'changed' || verdict.reason === 'forced');
  const candidate = isOther ? undefined : candidateOf(folder, request, generation, verdict, moment);
  const isUseless =
    !candidate || isRevoked(candidate.standing.certificate) || hasStolenKey(candidate.standing, verdict);
  return {
    isPending: isUntold(folder, request, generation, moment.instance),
    candidate: isUseless ? undefined : candidate,
  };
}

/** Where keys are used again, it may have that of the one in use, which is in wrong hands. */
const hasStolenKey = ({ certificate }: Standing, verdict: Verdict): boolean =>
  verdict.due &&
  verdict.newKey === true &&
  verdict.standing?.certificate.publicKey.equals(certificate.publicKey) === true;

/** Of any host: what one has had issued, another must not issue again. */
function candidateOf(
  folder: CertificateFolder,
  request: StoredRequest,
  current: number,
  verdict: Verdict,
  { now, instance }: Moment,
): Candidate | undefined {
  const [attempt] = readDeployRecords(folder)
    .flatMap(({ candidate }) => candidate ?? [])
    .filter(({ generation }) => generation > current)
    .sort((a, b) => b.generation - a.generation || b.attempts - a.attempts);
  if (!attempt) return undefined;
  const { generation, attempts, last } = attempt;
  const standing = readGeneration(folder.versionPath(generation), generation, request, instance);
  if (!standing || standing.certificate.notBefore > now || standing.due <= now) return undefined;
  const end = verdict.standing?.certificate.notAfter.getTime() ?? 0;
  // A stamp in the future says nothing: the clock has been set back since.
  return { standing, attempt, until: last > now ? now : nextTry(last, attempts, end) };
}

/** Switches to a candidate once more, unless another run has switched meanwhile. */
export async function switchToCandidate(
  { folder, generation }: StoredCertificate,
  { standing }: Candidate,
  lock: LockOptions,
): Promise<void> {
  await withLock(folder.lockFile, lock, async () => {
    if (folder.current() === generation) folder.pointTo(standing.generation);
  });
}

/** It is too early to try it again. */
export const waitingCandidate = (
  found: StoredCertificate,
  { attempt, until }: Candidate,
  standing: InPeace,
): Rotation => ({
  ...standingOutcome(found, standing),
  state: 'candidate',
  deploy: {
    state: 'candidate',
    generation: standing.generation,
    candidate: attempt,
    until,
    error: undefined,
    standing,
  },
});

export const standingOutcome = (
  { folder, stored }: StoredCertificate,
  { generation, certificate, due }: InPeace,
): StandingRotation => ({
  state: 'not-due',
  name: stored.name,
  verdict: undefined,
  path: folder.currentPath,
  ...{ generation, certificate, due },
});

/** What is to be told after an outcome, if anything is. */
export function undeployed(
  { folder, generation, wanted }: StoredCertificate,
  outcome: Rotation,
  { instance }: Pick<DeployingWorld, 'instance'>,
): Undeployed | undefined {
  const { request } = wanted;
  const plan = followUp(folder, request);
  if (!plan || outcome.state === 'held') return undefined;
  const current = folder.current();
  if (current === undefined) return undefined;
  const peers = peersIn(outcome.outputs);
  if (outcome.state !== 'to-rotate' && !isUntold(folder, request, current, instance, peers)) return undefined;
  const before = current === generation ? undefined : generation;
  return { outcome, deployment: { folder, request, plan, before, peers, mayReturn: true } };
}

/** Only looked at: what would be done. */
export function wouldDeploy({ outcome, deployment: { plan } }: Undeployed): Rotation {
  const deploys = describePlan(plan);
  if (outcome.state === 'to-rotate') return { ...outcome, deploys };
  return outcome.state === 'not-due' ? { ...outcome, state: 'to-deploy', from: undefined, deploys } : outcome;
}

/** Only looked at: a candidate would be switched to once more. */
export function wouldSwitch(found: StoredCertificate, { standing }: Candidate): Rotation {
  const plan = followUp(found.folder, found.wanted.request);
  const deploys = plan ? describePlan(plan) : [];
  return { ...standingOutcome(found, standing), state: 'to-deploy', from: found.generation, deploys };
}

/** An outcome, and what is to be told of it before it is one. */
export interface Undeployed {
  outcome: Rotation;
  deployment: Deployment;
}

/** Tells services of what has been switched, all at once; each outcome is reported with what became of that. */
export async function deployAll(
  undeployed: readonly Undeployed[],
  order: DeployOrder,
  world: DeployingWorld,
  report: (outcome: Rotation, deployment: Deployment) => void,
): Promise<void> {
  if (undeployed.length === 0) return;
  const { deploy } = await import('./deploy.ts');
  const open = new Map(undeployed.map(({ outcome, deployment }) => [deployment, outcome]));
  const end = (deployment: Deployment, deployed: Deployed): void => {
    const outcome = open.get(deployment);
    open.delete(deployment);
    if (outcome) report(withDeployed(outcome, deployed), deployment);
  };
  try {
    await deploy([...open.keys()], order, world, end);
  } catch (error) {
    world.signal.throwIfAborted();
    for (const deployment of open.keys()) {
      const generation = deployment.folder.current() ?? 0;
      end(deployment, { state: 'pending', generation, failed: undefined, error });
    }
  }
}

const standingFacts = ({ certificate, due, generation }: InPeace): InPeace => ({
  certificate,
  due,
  generation,
});

/** What became of a certificate all in all. */
function withDeployed(outcome: Rotation, deployed: Deployed): Rotation {
  switch (outcome.state) {
    case 'rotated':
    case 'not-due':
    case 'rolled-back':
    case 'candidate':
      break;
    default:
      return { ...outcome, deploy: deployed };
  }
  if (deployed.state === 'pending') {
    const { back } = deployed;
    const inUse = back ? standingFacts(back.standing) : {};
    return { ...outcome, ...inUse, state: 'deploy-pending', deploy: deployed };
  }
  if (deployed.state === 'candidate') {
    return { ...outcome, ...standingFacts(deployed.standing), state: 'candidate', deploy: deployed };
  }
  // What was in use before a candidate has been taken again.
  if (outcome.state === 'candidate') return outcome;
  return outcome.state === 'not-due'
    ? { ...outcome, state: 'deployed', deploy: deployed }
    : { ...outcome, deploy: deployed };
}
