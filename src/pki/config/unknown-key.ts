import { nearest } from './nearest.ts';
import { quoted, type Reading } from './reading.ts';
import type { Entry } from './tree.ts';

/** @param isShown whether it is quoted even where it resembles no known one. */
export function unknownKey(
  key: string,
  at: Entry['at'],
  known: readonly string[],
  reading: Reading,
  isShown = true,
): void {
  const meant = nearest(key, known);
  const hint =
    key === '<<'
      ? 'YAML 1.2 has no merge keys: write what is shared under defaults'
      : meant === undefined
        ? `known here: ${known.join(', ')}`
        : `did you mean ${JSON.stringify(meant)}?`;
  reading.fault(
    at,
    'usage',
    isShown || meant !== undefined ? `unknown key ${quoted(key)}` : 'unknown key',
    hint,
  );
}
