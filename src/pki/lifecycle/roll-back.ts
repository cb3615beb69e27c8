import { PkiError } from '../errors.ts';
import { readDeployRecords, writeDeployRecord } from '../store/deploy-record.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { withLock } from '../store/lock.ts';
import { readRequest } from '../store/request.ts';
import { certificateFolder } from '../store/store.ts';
import { formatDuration } from '../x509/duration.ts';
import { referenceOf } from './authority-reference.ts';
import { followUp, peersIn } from './follow-up.ts';
import { outputsOf, type World } from './issue.ts';
import type { Wanted } from './issue-all.ts';
import type { OutputOutcome } from './outputs.ts';
import { revocationOf } from './revocation-of.ts';
import type { DeployingWorld } from './deployment.ts';
import type { RotateOrder, Rotation } from './rotate.ts';
import { deployAll } from './rotate-deploy.ts';
import { refuseLax } from './refuse-unready.ts';
import { readGeneration, type Standing } from './standing.ts';

export interface RollBackOrder {
  /** Absolute path. */
  store: string;
  name: string;
  /** What a config file asks for, in place of what is stored: its copies are written, and its service is told. */
  declared: RotateOrder['declared'];
  /** The one before that which is in use, where none is named. */
  generation: number | undefined;
  /** Also to one that is not valid now. */
  force: boolean;
  /** Milliseconds to wait for another run on the same name. */
  lockTimeout: number;
}

export interface RolledBack extends Standing {
  /** What was in use before. */
  from: number;
  /** Absolute path of `current`. */
  path: string;
  outputs: readonly OutputOutcome[];
}

/**
 * Switches a certificate to another generation, and tells its service where there is one to tell.
 * @throws PkiError as `rollBack` does, and `lax-permissions`
 */
export async function rollBackAndTell(order: RollBackOrder, world: DeployingWorld): Promise<Rotation> {
  const { store, name, lockTimeout } = order;
  const folder = certificateFolder(store, name);
  const wanted = wantedOf(order, folder);
  const plan = wanted && followUp(folder, wanted.request);
  if (wanted) await refuseLax(folder, wanted, world);
  const done = await rollBack(order, world);
  const outcome: Rotation = { state: 'rolled-back', name, verdict: undefined, ...done };
  if (!wanted || !plan) return outcome;
  const { request } = wanted;
  const peers = peersIn(done.outputs);
  const deployment = { folder, request, plan, before: done.from, peers, mayReturn: false };
  let told: Rotation = outcome;
  await deployAll([{ outcome, deployment }], { store, jobs: 1, lockTimeout }, world, (ending) => {
    told = ending;
  });
  return told;
}

/** `undefined` where request.json is lost: going back needs none. */
function wantedOf({ store, declared }: RollBackOrder, folder: CertificateFolder): Wanted | undefined {
  const stored = readRequest(folder.requestFile)?.request;
  if (!stored) return undefined;
  const reference = referenceOf(store, stored);
  return declared(stored, reference) ?? { request: stored, reference };
}

/**
 * Switches a certificate to another generation that is still there. Trust stays as it is: a root that a later
 * certificate needs must not go with it.
 * @throws PkiError `not-found`, `usage`, `malformed` for a generation whose files are torn, `not-valid`, `busy`.
 */
async function rollBack(order: RollBackOrder, world: World): Promise<RolledBack> {
  const { store, name, force, lockTimeout } = order;
  const folder = certificateFolder(store, name);
  const inUse = (): number => {
    const current = folder.current();
    if (current !== undefined) return current;
    throw new PkiError('not-found', `there is no certificate ${JSON.stringify(name)} in ${store}`, {
      hint: '"certwright list" shows what there is',
    });
  };
  inUse();
  const lock = { pid: world.pid, timeout: lockTimeout, signal: world.signal };
  return withLock(folder.lockFile, lock, async () => {
    // A run that died would otherwise be continued, and undo this; but what may have been bought is not dropped.
    folder.sweep();
    if (folder.pending()?.read() === undefined) folder.discardPending();
    const from = inUse();
    const to = order.generation ?? folder.generations().findLast((one) => one < from);
    const choices = folder.generations().filter((one) => one !== from);
    if (to === undefined || (to !== from && !choices.includes(to))) {
      throw new PkiError(
        'not-found',
        `${name} has no ${to === undefined ? 'earlier generation' : `generation ${to}`}`,
        {
          hint:
            choices.length === 0
              ? 'there is only the one in use'
              : `generations that are there: ${choices.join(', ')}`,
        },
      );
    }
    if (to === from) {
      throw new PkiError('usage', `generation ${to} of ${name} is in use already`, {
        hint: `"certwright rotate ${name}" does what an earlier run has left undone; ${
          choices.length === 0 ? 'there is no other' : `generations that are there: ${choices.join(', ')}`
        }`,
      });
    }
    const wanted = wantedOf(order, folder);
    const standing = readGeneration(folder.versionPath(to), to, wanted?.request, world.instance);
    if (!standing) {
      throw new PkiError('malformed', `generation ${to} of ${name} is torn (${folder.versionPath(to)})`, {
        hint: 'its key, certificate and chain do not belong together; choose another generation',
      });
    }
    if (!force) refuseRevoked(folder, store, standing, name);
    if (!force) refuseInvalid(standing, name, world.now());
    // Before the switch: a run that dies after it would be followed by one that undoes it.
    giveUpCandidates(folder);
    folder.pointTo(to);
    const outputs = wanted ? await outputsOf({ store, folder, ...wanted, lock: 'held' }, world) : [];
    return { ...standing, from, path: folder.currentPath, outputs };
  });
}

/** Whoever goes back by hand has given up what is newer, whichever host was to try it again. */
function giveUpCandidates(folder: CertificateFolder): void {
  for (const record of readDeployRecords(folder)) {
    if (record.candidate) writeDeployRecord(folder, { ...record, candidate: undefined });
  }
}

function refuseRevoked(folder: CertificateFolder, store: string, standing: Standing, name: string): void {
  const { generation } = standing;
  const revoked = revocationOf(folder, store, standing);
  if (!revoked) return;
  throw new PkiError(
    'not-valid',
    `generation ${generation} of ${name} was revoked ${revoked.at.toISOString()} (${revoked.reason})`,
    {
      hint: makesNew(name),
    },
  );
}

const makesNew = (name: string): string =>
  `"certwright rotate ${name} --force" makes a new one; --rollback with --force takes this one all the same`;

function refuseInvalid({ certificate, generation }: Standing, name: string, now: Date): void {
  const { notBefore, notAfter } = certificate;
  const ago = now.getTime() - notAfter.getTime();
  const ahead = notBefore.getTime() - now.getTime();
  if (ago < 0 && ahead <= 0) return;
  const why =
    ahead > 0 ? `is not valid for another ${formatDuration(ahead)}` : `expired ${formatDuration(ago)} ago`;
  throw new PkiError('not-valid', `generation ${generation} of ${name} ${why}`, {
    hint: makesNew(name),
  });
}
