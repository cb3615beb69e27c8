import { PkiError } from '../errors.ts';
import { findProgram } from './find-program.ts';
import { runProgram } from './run-program.ts';
import type { DeployWorld, Done, Occasion } from './world.ts';

/**
 * Reloads a unit, or restarts it where it cannot reload. One that does not run is not started: it reads what is new
 * when it is.
 * @throws PkiError `hook-failed`, also for a unit that is not known
 */
export async function reloadUnit(
  unit: string,
  timeout: number,
  { variables, cwd }: Occasion,
  world: DeployWorld,
): Promise<Done> {
  const file = findProgram('systemctl', world.env['PATH']);
  if (file === undefined) {
    throw new PkiError('hook-failed', `there is no systemctl to reload ${unit} with`, {
      hint: 'where systemd does not run, use run or signal',
    });
  }
  const systemctl = (...argv: string[]): Promise<string> =>
    runProgram(
      { file, argv: ['systemctl', '--no-ask-password', ...argv], variables, cwd, input: '', timeout },
      world,
    );
  const shown = await systemctl('show', '--property=LoadState,ActiveState', '--', unit);
  if (/^LoadState=not-found$/m.test(shown)) {
    throw new PkiError('hook-failed', `systemd knows no unit ${unit}`, {
      hint: 'systemctl list-units shows what there is',
    });
  }
  if (/^ActiveState=(inactive|failed)$/m.test(shown)) return { note: `${unit} does not run`, stopped: true };
  await systemctl('reload-or-try-restart', '--', unit);
  return {};
}
