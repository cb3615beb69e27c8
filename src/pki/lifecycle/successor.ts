import { join } from 'node:path';
import {
  renewsInPlace,
  type Authority,
  type KeptStatus,
  type Pending,
  type Predecessor,
  type Renewal,
  type Successor,
  type Wish,
} from '../authorities/authority.ts';
import { regionIn } from '../authorities/aws/arn.ts';
import { readJson } from '../durable.ts';
import type { CertificateFolder } from '../store/generation.ts';
import type { StoredRequest } from '../store/request.ts';
import { certificateFolder } from '../store/store.ts';
import type { Due, DueReason, Elsewhere } from './rotation-verdict.ts';
import type { Assessment } from './standing.ts';
import { quietly } from './unfinished-order.ts';

/** What is wanted of an authority that keeps its certificates; `undefined` where another one is asked for. */
const wishes: Readonly<Record<DueReason, Wish | undefined>> = {
  due: 'time',
  'issuer-ends': 'time',
  'issuer-changed': 'time',
  'issuer-revoked': undefined,
  begun: 'time',
  forced: 'new',
  revoked: 'distrusted',
  // Whoever has it replaced for that has said so.
  exposed: undefined,
  broken: 'copy',
  changed: undefined,
};

/**
 * How a certificate gets its successor at an authority that keeps it under a name of its own; nothing is changed.
 * @returns `undefined` where it is made anew, or an earlier run has begun it
 */
export async function successorOf(
  folder: CertificateFolder,
  due: Lacking & Pick<Due, 'generation' | 'standing'>,
  authority: object,
): Promise<Successor | undefined> {
  const wish = wishOf(due);
  if (wish === undefined || !renewsInPlace(authority) || folder.pending()?.read()) return undefined;
  const arn = arnIn(folder.versionPath(due.generation));
  return authority.successorOf(arn, due.standing?.certificate, wish);
}

/** What decides what is wanted of it. */
type Lacking = Pick<Due, 'reason' | 'newKey' | 'isRevoked'> & Partial<Pick<Due, 'changes'>>;

/**
 * What nobody trusts any more is not renewed as it is; whoever forces it has said that another one may be bought. Nor is what
 * is asked for otherwise by now, of another authority perhaps: renewed, it would be the same as before.
 */
function wishOf({ reason, changes = [], newKey, isRevoked }: Lacking): Wish | undefined {
  if (changes.length > 0) return undefined;
  const wish = wishes[reason];
  if (!newKey && !isRevoked) return wish;
  return wish === undefined || wish === 'new' ? undefined : 'distrusted';
}

/** What its authority calls a generation, where that was kept, and whole: else its authority can be asked for it. */
export function arnIn(path: string): string | undefined {
  const arn = quietly(() => readJson(join(path, 'version.json')))?.['arn'];
  return typeof arn === 'string' ? arn : undefined;
}

/**
 * Looks which ARN of ACM's a certificate of a store has now.
 * @returns what to say once another one may have taken its place: nobody else knows of the former.
 */
export function watchArn(store: string, name: string): () => string[] {
  const { currentPath } = certificateFolder(store, name);
  const before = arnIn(currentPath);
  return () =>
    before === undefined || regionIn(before) === undefined || before === arnIn(currentPath)
      ? []
      : [
          `ACM keeps ${before} too, unless it was deleted there, and goes on renewing what was exported, public ones at a price: once nothing uses it, "aws acm delete-certificate --certificate-arn ${before}"`,
        ];
}

/** What to renew, where that is how it goes. */
export const renewalBy = (successor: Successor | undefined): Renewal | undefined =>
  successor?.by === 'renewal' ? successor.renewal : undefined;

/** One that is not made from here. */
export interface OfOthers {
  state: 'others';
  successor: Extract<Successor, { by: 'pending' }> | ({ by: 'others' } & Elsewhere);
}

/** How what is there and does not do gets its successor, where its authority keeps it under a name of its own. */
export async function successorOfDue(
  request: StoredRequest,
  folder: CertificateFolder,
  found: Assessment | undefined,
  authority: Authority,
): Promise<Successor | OfOthers['successor'] | undefined> {
  if (found?.reason === undefined || found.reason === 'missing') return undefined;
  // Another one would end with it, be due at half of what is left, and be asked for, and paid, again and again.
  const fixed = found.reason === 'due' ? fixedEnd(request) : undefined;
  if (fixed) return { by: 'others', ...fixed };
  const { reason, standing: there, generation = 0 } = found;
  return successorOf(folder, { reason, standing: there, generation }, authority);
}

/** Whether another one would end with it. */
export function fixedEnd({ notAfter, notBefore }: StoredRequest): Elsewhere | undefined {
  if (notAfter === undefined && notBefore === undefined) return undefined;
  return {
    who: 'owner',
    why: 'its end was fixed when it was issued: "certwright issue --force" with another --not-after replaces it',
  };
}

export const isOfOthers = (
  successor: Successor | OfOthers['successor'],
): successor is OfOthers['successor'] => successor.by === 'others' || successor.by === 'pending';

/** What a rotation comes to then. */
export function outcomeOf(
  successor: OfOthers['successor'],
): ({ state: 'due' } & Elsewhere) | { state: 'pending'; pending: Pending; status: KeptStatus } {
  if (successor.by === 'pending')
    return { state: 'pending', pending: successor.pending, status: successor.status };
  const { by: _by, ...rest } = successor;
  return { state: 'due', ...rest };
}

/** The one in use, by the name that its authority has for it. */
export function predecessorIn(folder: CertificateFolder, isStolen: boolean): Predecessor | undefined {
  const generation = folder.current();
  if (generation === undefined) return undefined;
  return { arn: arnIn(folder.versionPath(generation)), isCompromised: isStolen };
}
