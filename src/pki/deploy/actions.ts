import { PkiError } from '../errors.ts';
import { findProgram } from './find-program.ts';
import { actionTimeout, type Deploy } from './plan.ts';
import { refuseWritable } from './refuse-writable.ts';
import { runProgram } from './run-program.ts';
import { signalService } from './signal-service.ts';
import type { DeployWorld, Done, Occasion } from './world.ts';

/** One way of telling a service. */
export interface Action {
  /** What two plans must have in common to share one run of it; `undefined` where a plan does not ask for it. */
  key: (plan: Deploy) => string | undefined;
  /** @throws PkiError `hook-failed` */
  perform: (plan: Deploy, occasion: Occasion, world: DeployWorld) => Promise<Done>;
}

const run: Action = {
  key: ({ run: argv, timeout }) => argv && JSON.stringify([argv, timeout]),
  perform: async (plan, occasion, world) => {
    await runHook(plan.run ?? [], actionTimeout(plan), occasion, world);
    return {};
  },
};

const signal: Action = {
  key: ({ signal: name, pidfile }) => name && JSON.stringify([name, pidfile]),
  perform: async ({ signal: name, pidfile }, _occasion, world) => {
    if (name && pidfile !== undefined) signalService(name, pidfile, world);
    return {};
  },
};

const systemd: Action = {
  key: ({ systemd: unit, timeout }) => unit && JSON.stringify([unit, timeout]),
  perform: async (plan, occasion, world) => {
    const { reloadUnit } = await import('./reload-unit.ts');
    return reloadUnit(plan.systemd ?? '', actionTimeout(plan), occasion, world);
  },
};

/** In the order in which they are done. */
export const actions: readonly Action[] = [run, signal, systemd];

/**
 * Does all that a plan asks for, one after the other.
 * @throws PkiError `hook-failed` from the first that fails; the world's reason where it is aborted.
 */
export async function tellService(plan: Deploy, occasion: Occasion, world: DeployWorld): Promise<Done> {
  let done: Done = {};
  for (const { key, perform } of actions) {
    if (key(plan) !== undefined) done = { ...done, ...(await perform(plan, occasion, world)) };
  }
  return done;
}

async function runHook(
  argv: readonly string[],
  timeout: number,
  { variables, document, cwd }: Occasion,
  world: DeployWorld,
): Promise<void> {
  const file = programOf(argv, world);
  if (file === undefined) {
    throw new PkiError('hook-failed', `${argv[0] ?? ''} is not there, or may not be run`, {
      hint: 'once it is, the next "certwright rotate" runs it, without issuing anything',
    });
  }
  const input = `${JSON.stringify(document)}\n`;
  await runProgram({ file, argv, variables, cwd, input, timeout }, world);
}

const programOf = ([name = '']: readonly string[], { env }: DeployWorld): string | undefined =>
  findProgram(name, env['PATH']);

/**
 * What can be told before anything is touched: a file that another user may write decides nothing that is run.
 * @param source the file that the plan stands in.
 * @throws PkiError `lax-permissions`
 */
export function refuseLaxPlan(plan: Deploy, source: string, world: DeployWorld): void {
  refuseWritable(source, 'what is configured in', world.uid);
  for (const argv of [plan.run, plan.systemd === undefined ? undefined : ['systemctl']]) {
    const program = argv && programOf(argv, world);
    if (program !== undefined) refuseWritable(program, 'the hook', world.uid);
  }
}
