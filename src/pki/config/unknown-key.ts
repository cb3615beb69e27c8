import { nearest } from './nearest.ts';
import type { Reading } from './reading.ts';
import type { Entry } from './tree.ts';

export function unknownKey(key: string, at: Entry['at'], known: readonly string[], reading: Reading): void {
  const meant = nearest(key, known);
  const hint =
    key === '<<'
      ? 'YAML 1.2 has no merge keys: write what is shared under defaults'
      : meant === undefined
        ? `known here: ${known.join(', ')}`
        : `did you mean ${JSON.stringify(meant)}?`;
  reading.fault(at, 'usage', `unknown key ${JSON.stringify(key.slice(0, 80))}`, hint);
}
