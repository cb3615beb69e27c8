import { resolve } from 'node:path';
import type { RunEnd } from '../pki/lifecycle/metrics.ts';
import { PkiError } from '../pki/errors.ts';
import { checkDestination } from '../pki/given-path.ts';
import type { Context } from './context.ts';
import { exit, exitCodeOf, type ExitCode } from './exit-codes.ts';
import type { Output } from './output.ts';

export interface MetricsFlags {
  metrics?: string;
}

/** Where `--metrics` is to be written, and how. */
export type WriteMetrics = (store: string, instance: string, run?: RunEnd) => void;

const inCollector =
  "name a file in the folder of the textfile collector (node_exporter's --collector.textfile.directory)";

/**
 * Refuses a file that cannot be written, or is somebody else's, before anything else is done.
 * @returns what writes it; `undefined` where nobody asked.
 */
export async function metricsFile(
  { metrics }: MetricsFlags,
  context: Context,
): Promise<WriteMetrics | undefined> {
  if (metrics === undefined) return undefined;
  const { refuseOtherFile, writeMetrics } = await import('../pki/lifecycle/metrics.ts');
  const file = resolve(context.cwd, metrics);
  checkDestination(file, '--metrics', inCollector);
  refuseOtherFile(file);
  return (store, instance, run) => {
    writeMetrics(file, store, instance, context.now(), run);
  };
}

/**
 * Writes them at the end of a run. What cannot be written then takes nothing of the run back, and is a failure all the same.
 * @param code how the run has ended.
 */
export function withMetrics(
  code: ExitCode,
  write: (end: RunEnd) => void,
  context: Context,
  output: Output,
): ExitCode {
  const succeeded = code === exit.done || code === exit.changed;
  try {
    write({ at: context.now(), succeeded });
    return code;
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    output.problem(error.message, error.hint);
    return succeeded ? exitCodeOf[error.code] : code;
  }
}
