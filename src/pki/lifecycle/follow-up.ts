import { createHash } from 'node:crypto';
import { followsSwitch, type Deploy } from '../deploy/plan.ts';
import { isPending, readDeployRecord } from '../store/deploy-record.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { readImports } from '../store/import-record.ts';
import type { StoredRequest } from '../store/request.ts';
import type { OutputOutcome } from './outputs.ts';

/**
 * What is done after a switch: what is declared, and what ACM holds of the certificate since it was imported there, which
 * only another import keeps from ending.
 * @returns `undefined` where nothing is
 */
export function followUp(
  folder: CertificateFolder,
  { deploy }: Pick<StoredRequest, 'deploy'>,
): Deploy | undefined {
  const arns = readImports(folder).map(({ arn }) => arn);
  if (arns.length === 0) return followsSwitch(deploy) ? deploy : undefined;
  return { ...deploy, acm: [...new Set([...(deploy?.acm ?? []), ...arns])] };
}

/** Whether a host's service has something to be told of a generation or of its peers, or ACM has. */
export const isUntold = (
  folder: CertificateFolder,
  { deploy }: Pick<StoredRequest, 'deploy'>,
  generation: number,
  instance: string,
  peers?: string,
): boolean =>
  (followsSwitch(deploy) && isPending(readDeployRecord(folder, instance), generation, peers)) ||
  readImports(folder).some((held) => held.generation !== generation);

/**
 * A hash of all that outputs say of peers: with another one, a service has to read them anew. `undefined` where they say
 * nothing of them.
 */
export function peersIn(outputs: readonly OutputOutcome[] = []): string | undefined {
  const hash = createHash('sha256');
  const said = outputs.filter(({ peers }) => peers !== undefined);
  for (const { path, peers } of said) hash.update(`${path}\0${peers?.length ?? 0}\0`).update(peers ?? '');
  return said.length === 0 ? undefined : hash.digest('hex');
}
