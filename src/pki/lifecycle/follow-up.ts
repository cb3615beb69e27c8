import { followsSwitch, type Deploy } from '../deploy/plan.ts';
import { isPending, readDeployRecord } from '../store/deploy-record.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { readImports } from '../store/import-record.ts';
import type { StoredRequest } from '../store/request.ts';

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

/** Whether a host's service has something to be told of a generation, or ACM has. */
export const isUntold = (
  folder: CertificateFolder,
  { deploy }: Pick<StoredRequest, 'deploy'>,
  generation: number,
  instance: string,
): boolean =>
  (followsSwitch(deploy) && isPending(readDeployRecord(folder, instance), generation)) ||
  readImports(folder).some((held) => held.generation !== generation);
