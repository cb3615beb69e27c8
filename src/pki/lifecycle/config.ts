import { parseConfig, type Config } from '../config/config.ts';
import { refuseWritable } from '../deploy/refuse-writable.ts';
import { PkiError } from '../errors.ts';
import { readWhole } from './read-whole.ts';

export type { Config, Declaration } from '../config/config.ts';
export type { TrustSource } from '../store/trust-source.ts';

/** Ten thousand certificates take one. */
const mostBytes = 4 * 1024 * 1024;

/**
 * Reads certwright.yaml.
 * @param file absolute.
 * @param shown as the caller named it.
 * @throws PkiError `bad-config` with every fault and its place; `not-found`, `unreadable`, `unsupported`.
 */
export function readConfig(file: string, shown: string): Config {
  const bytes = readWhole(file);
  if (bytes.length > mostBytes) {
    throw new PkiError('unsupported', `${shown} has ${bytes.length} bytes, at most ${mostBytes} are read`, {
      hint: 'split it, and name one at a time with --config',
    });
  }
  return parseConfig(bytes, file, shown);
}

/**
 * Refuses a file that says what is run, where another user may write it.
 * @throws PkiError `lax-permissions`
 */
export const refuseLaxSource = (file: string, uid: number): void => {
  refuseWritable(file, 'what is configured in', uid);
};
