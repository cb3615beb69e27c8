import type { Command } from 'commander';
import { negativeProbes, type NegativeProbe } from '../pki/lifecycle/mtls-check.ts';
import { PkiError } from '../pki/errors.ts';
import { oneOf } from './options.ts';

/** Flags of `--probe`. */
export interface ProbeFlags {
  probe?: boolean;
  only?: string;
  skip?: string;
}

export function addProbeOptions(command: Command): Command {
  return command
    .option('--probe', 'come in every way that must be refused, too')
    .option('--only <list>', `of those only: ${negativeProbes.join(', ')}`)
    .option('--skip <list>', 'all but those');
}

/** What is tried without --probe. */
const usual = ['no-certificate', 'stranger'] as const satisfies NegativeProbe[];

/** @throws PkiError `usage` for an unknown probe, or where none is left */
export function chosenProbes({ probe, only, skip }: ProbeFlags): readonly NegativeProbe[] {
  if (probe !== true) {
    if (only === undefined && skip === undefined) return usual;
    throw new PkiError('usage', `${only === undefined ? '--skip' : '--only'} goes with --probe`, {
      hint: 'certwright verify-mtls --help',
    });
  }
  const wanted = only === undefined ? negativeProbes : parseProbes('--only', only);
  const unwanted = skip === undefined ? [] : parseProbes('--skip', skip);
  const chosen = negativeProbes.filter((name) => wanted.includes(name) && !unwanted.includes(name));
  if (chosen.length > 0) return chosen;
  throw new PkiError('usage', '--only and --skip leave nothing to probe', {
    hint: `of: ${negativeProbes.join(', ')}`,
  });
}

const parseProbes = (flag: string, list: string): NegativeProbe[] =>
  list.split(',').map((one) => oneOf(flag, negativeProbes)(one.trim()));
