import { isPending, readDeployRecord } from '../store/deploy-record.ts';
import type { DeployingWorld } from './deployment.ts';
import { manyAtATime } from './many-at-a-time.ts';
import type { Rotation } from './rotate.ts';
import type { Acts, Settled, StoredCertificate } from './rotate-each.ts';

/** A certificate that takes its turn in a group. */
export interface Grouped {
  state: 'grouped';
  group: string;
  found: StoredCertificate;
  /** Whether an earlier run could not finish it. */
  isUnfinished: boolean;
}

/** `undefined` where it belongs to none. */
export function groupOf(
  found: StoredCertificate,
  { instance }: Pick<DeployingWorld, 'instance'>,
): Grouped | undefined {
  const group = found.wanted.request.deploy?.group;
  if (group === undefined) return undefined;
  const record = readDeployRecord(found.folder, instance);
  const isUnfinished = isPending(record, found.generation) || record.candidate !== undefined;
  return { state: 'grouped', group, found, isUnfinished };
}

/**
 * Certificates of one group, one at a time: switched, told and confirmed before the next. Once one fails, the others are
 * left as they are. Groups go on beside each other, but that services are told one after the other.
 */
export async function eachGroup(
  grouped: readonly Grouped[],
  jobs: number,
  world: DeployingWorld,
  acts: Acts,
  settle: (found: StoredCertificate, acts: Acts) => Promise<Settled>,
  report: (outcome: Rotation) => void,
): Promise<void> {
  let turn: Promise<void> = Promise.resolve();
  // A host's services are told under one lock: another run is waited for a while, another group for as long as it takes.
  const inTurn = (tell: () => Promise<void>): Promise<void> => {
    turn = turn.then(tell, tell);
    return turn;
  };
  const groups = [...new Set(grouped.map(({ group }) => group))];
  const settleGroup = async (group: string): Promise<{ state: string }> => {
    let acting = acts;
    for (const { found } of inOrder(grouped.filter((one) => one.group === group))) {
      world.signal.throwIfAborted();
      const { outcome, undeployed } = await settle(found, acting);
      const end = (ending: Rotation): void => {
        report(ending);
        if (stops(ending)) acting = holding(acts, group, ending.name);
      };
      if (undeployed) await inTurn(() => acting.tell([undeployed], end));
      else end(outcome);
    }
    return { state: 'done' };
  };
  await manyAtATime(groups, jobs, world, settleGroup, () => undefined);
}

/** What an earlier run could not finish comes first: the others are not to follow it into trouble. */
const inOrder = (members: readonly Grouped[]): Grouped[] => [
  ...members.filter(({ isUnfinished }) => isUnfinished),
  ...members.filter(({ isUnfinished }) => !isUnfinished),
];

/** A service that did not take its certificate; what could not be issued has changed nothing. */
const stops = ({ state, deploy, outputs = [] }: Rotation): boolean =>
  state === 'candidate' ||
  (deploy !== undefined && deploy.state !== 'done') ||
  outputs.some((one) => one.state === 'failed');

/** Whatever would touch a service is left alone. */
function holding({ mend, keep, tidy, outputs }: Acts, group: string, by: string): Acts {
  const held = (name: string): Rotation => ({ state: 'held', name, verdict: undefined, group, by });
  return {
    mend,
    keep,
    tidy,
    outputs,
    replace: async ({ stored }, verdict) => ({ ...held(stored.name), verdict }),
    retry: async ({ stored }) => held(stored.name),
    tell: async (undeployed, report) => {
      for (const { outcome } of undeployed) report(outcome.state === 'held' ? outcome : held(outcome.name));
    },
  };
}
