import type { Output } from './output.ts';

/** No name leads to them any more: whoever looks at the store hears of them. */
export function warnOfLeft(drafts: readonly string[], output: Output): void {
  for (const draft of drafts) output.warn(`keys of a certificate that was removed are left in ${draft}`);
}
