import { join } from 'node:path';
import {
  renewsInPlace,
  type KeptStatus,
  type Pending,
  type Predecessor,
  type Renewal,
  type Successor,
  type Wish,
} from '../authorities/authority.ts';
import { readJson } from '../durable.ts';
import type { CertificateFolder } from '../store/generation.ts';
import type { Due, DueReason, Elsewhere } from './rotation-verdict.ts';

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

/** What its authority calls a generation. */
export function arnIn(path: string): string | undefined {
  const arn = readJson(join(path, 'version.json'))?.['arn'];
  return typeof arn === 'string' ? arn : undefined;
}

/** What to renew, where that is how it goes. */
export const renewalBy = (successor: Successor | undefined): Renewal | undefined =>
  successor?.by === 'renewal' ? successor.renewal : undefined;

/** One that is not made from here. */
export interface OfOthers {
  state: 'others';
  successor: Extract<Successor, { by: 'others' | 'pending' }>;
}

export const isOfOthers = (successor: Successor): successor is OfOthers['successor'] =>
  successor.by === 'others' || successor.by === 'pending';

/** What a rotation comes to then. */
export const outcomeOf = (
  successor: OfOthers['successor'],
): ({ state: 'due' } & Elsewhere) | { state: 'pending'; pending: Pending; status: KeptStatus } =>
  successor.by === 'pending'
    ? { state: 'pending', pending: successor.pending, status: successor.status }
    : { state: 'due', who: successor.who, why: successor.why, status: successor.status };

/** The one in use, by the name that its authority has for it. */
export function predecessorIn(folder: CertificateFolder, isStolen: boolean): Predecessor | undefined {
  const generation = folder.current();
  if (generation === undefined) return undefined;
  return { arn: arnIn(folder.versionPath(generation)), isCompromised: isStolen };
}
