import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../../support/cli.ts';
import { compare, mutate, ours, rules } from '../../../support/mutations.ts';
import { noon } from '../../../support/chains.ts';
import { describeWith } from '../../../support/tools.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../../../docs/verdicts.md'), 'utf8');

/** `CERTWRIGHT_CAMPAIGN=full` for the whole of it, which takes minutes. */
const count = process.env['CERTWRIGHT_CAMPAIGN'] === 'full' ? 5000 : 300;
const seed = Number(process.env['CERTWRIGHT_SEED'] ?? 2030);

describeWith(['openssl'], 'chains mutated at random', () => {
  it('come from one that holds', () => {
    expect(ours(mutate({ kind: 'clock', time: noon })).valid).toBe(true);
  });

  it('get the same verdict from OpenSSL, or another for a rule that is written down', async () => {
    const { tally, unexplained } = await compare(count, seed, temporaryFolder());
    expect(unexplained).toEqual([]);
    const explained = [...tally.values()].reduce((sum, one) => sum + one, 0);
    expect(explained).toBe(count);
    // A table that explains everything would prove nothing.
    expect(tally.get('agreed')).toBeGreaterThan(0.9 * count);
    if (count === 5000) console.log(tally);
  }, 900_000);

  it('differ by rules that docs/verdicts.md lists', () => {
    for (const rule of rules) expect(page.replaceAll(/\s+/g, ' ')).toContain(rule);
  });
});
