import type { AwsConnection } from '../authorities/aws/options.ts';
import { followsSwitch, type Deploy } from '../deploy/plan.ts';
import type { DeployWorld } from '../deploy/world.ts';
import { PkiError } from '../errors.ts';
import { writeDeployRecord, type Attempt, type DeployRecord } from '../store/deploy-record.ts';
import type { CertificateFolder } from '../store/generation.ts';
import type { StoredRequest } from '../store/request.ts';
import type { Told } from './deploy-occasion.ts';
import type { World } from './issue.ts';
import type { InPeace } from './rotation-verdict.ts';
import { certificateIn } from './standing.ts';

export interface DeployingWorld extends World, DeployWorld {
  /** How AWS is reached, where a plan names something there. */
  aws: () => AwsConnection;
}

/** A certificate whose service is to be told what is in use now. */
export interface Deployment {
  folder: CertificateFolder;
  request: StoredRequest;
  plan: Deploy;
  /** What was in use before this run switched, where it did. */
  before: number | undefined;
  /** A hash of what its outputs say of peers, where they do. */
  peers: string | undefined;
  /** Whether a failed confirmation may switch back. */
  mayReturn: boolean;
}

/** What became of it. */
export type Deployed =
  | {
      state: 'done';
      generation: number;
      note: string | undefined;
      /** Servers that were seen to show it. */
      seenAt: readonly string[];
    }
  /** The service has not taken what is in use. */
  | {
      state: 'pending';
      generation: number;
      failed: Attempt | undefined;
      error: unknown;
      /** It was switched back to, and why. */
      back?: { error: unknown; standing: InPeace };
    }
  /** Switched back: the newer generation is tried again later. */
  | {
      state: 'candidate';
      generation: number;
      candidate: Attempt;
      until: Date;
      error: unknown;
      standing: InPeace;
    };

/** One whose service is being told. */
export interface Telling extends Told {
  deployment: Deployment;
  record: DeployRecord;
}

/** What cannot even be written down is tried again all the same. */
export const notKnown = (folder: CertificateFolder, error: unknown): Deployed => ({
  state: 'pending',
  generation: folder.current() ?? 0,
  failed: undefined,
  error,
});

/**
 * Its service has taken what is in use.
 * @throws PkiError `not-found` where that was removed meanwhile: a certificate that has its name by now is another one
 */
export function accept({ name, folder, record, standing, deployment }: Telling, now: Date): void {
  const { generation } = standing;
  const there = certificateIn(folder.versionPath(generation));
  if (folder.current() === undefined || !there?.der.equals(standing.certificate.der)) {
    throw new PkiError('not-found', `${name} was removed while its service was told of it`, {
      hint: '"certwright list" shows what there is',
    });
  }
  // What ACM alone was told of is no host's, and none keeps it from being pruned.
  const taken = followsSwitch(deployment.request.deploy) ? generation : record.generation;
  const candidate =
    record.candidate && record.candidate.generation > generation ? record.candidate : undefined;
  const peers = deployment.peers ?? record.peers;
  writeDeployRecord(folder, { ...record, generation: taken, at: now, peers, failed: undefined, candidate });
}

/** Its service has not: that is written down, for the next run to try again. */
export function notTaken(
  { folder, record, standing: { generation } }: Telling,
  error: unknown,
  now: Date,
): Extract<Deployed, { state: 'pending' }> {
  const failed = oneMore(record.failed, generation, error, now);
  writeDeployRecord(folder, { ...record, failed });
  return { state: 'pending', generation, failed, error };
}

/** The attempts to bring a generation to its service, with this one. */
export function oneMore(
  earlier: Attempt | undefined,
  generation: number,
  error: unknown,
  now: Date,
): Attempt {
  const attempts = (earlier?.generation === generation ? earlier.attempts : 0) + 1;
  const code = error instanceof PkiError ? error.code : 'internal';
  const message = error instanceof Error ? error.message : String(error);
  return { generation, attempts, last: now, code, message };
}
