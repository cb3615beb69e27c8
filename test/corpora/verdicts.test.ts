import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../support/cli.ts';
import { describeWithCorpora } from '../support/tools.ts';
import {
  argumentsFor,
  bettertlsCases,
  chainCorpora,
  crlCases,
  judge,
  judgeStatus,
  verifyCases,
  type VerifyCase,
} from './verdict-cases.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/verdicts.md'), 'utf8');

/** What was reached: a case less is a failure. */
const reached: Readonly<
  Record<(typeof chainCorpora)[number], Partial<Record<VerifyCase['strength'], number>>>
> = {
  limbo: { hard: 129, split: 31 },
  bettertls: { hard: 485, split: 76 },
  pkits: { hard: 239, lone: 3 },
  'boringssl-pki': { hard: 100, split: 21, lone: 1 },
  'botan-x509': { hard: 465, split: 84, lone: 23 },
};

describeWithCorpora('chains that others made', (corpora) => {
  const judged = chainCorpora.flatMap((corpus) => {
    const folder = join(corpora, corpus);
    return verifyCases(folder).map((one) => ({ corpus, folder, one, ours: judge(folder, one) }));
  });

  it('get the expected verdict, as often as was reached', () => {
    const right = judged.filter(({ one, ours }) => ours.answer === one.expect);
    for (const [corpus, scores] of Object.entries(reached)) {
      const mine = right.filter((row) => row.corpus === corpus);
      for (const [strength, least] of Object.entries(scores)) {
        const count = mine.filter(({ one }) => one.strength === strength).length;
        expect(count, `${corpus}, ${strength}`).toBeGreaterThanOrEqual(least);
      }
    }
  });

  it('get it wherever every other program agrees', () => {
    const wrong = judged.filter(({ one, ours }) => one.strength === 'hard' && ours.answer !== one.expect);
    expect(wrong.map(({ one }) => one.id)).toEqual([]);
  });

  it('where not, and where nobody else agrees, stand in docs/verdicts.md under the rule that decides', () => {
    const measured = judged
      .filter(({ one, ours }) => one.strength === 'lone' || ours.answer !== one.expect)
      .map(({ one, ours }) => `${one.id} ${one.strength} ${one.expect} ${ours.answer}`);
    const rows = page.matchAll(/^\| `([^`]+)` +\| (\w+) +\| (accept|reject) +\| (accept|reject) +\|$/gm);
    expect([...rows].map(([, ...cells]) => cells.join(' ')).sort()).toEqual(measured.sort());
  });

  it('are grouped there by rules that name their section', () => {
    const groups = page.split(/^### /m).slice(1);
    expect(groups.length).toBeGreaterThan(20);
    for (const group of groups) expect(group).toMatch(/^Decided by (RFC|NIST) [\d SP-]+/m);
  });

  it('get the same from the command', async () => {
    const differing: string[] = [];
    for (const { folder, one, ours } of judged) {
      const { code } = await run(argumentsFor(one), { cwd: folder });
      const answer = code === 0 ? 'accept' : code === 2 || code === 3 ? 'reject' : code;
      if (answer !== ours.answer) differing.push(`${one.id}: exit ${code}, not ${ours.answer}`);
    }
    expect(differing).toEqual([]);
  }, 900_000);

  it('of bettertls all get it', () => {
    const wrong = bettertlsCases(join(corpora, 'bettertls')).filter((one) => one.run() !== one.expect);
    expect(wrong.map(({ id }) => id)).toEqual([]);
  }, 900_000);

  it('and single CRLs say what they should, but for those that docs/verdicts.md lists', () => {
    const measured = ['boringssl-pki', 'botan-x509'].flatMap((corpus) => {
      const folder = join(corpora, corpus);
      return crlCases(folder).flatMap((one) => {
        const status = judgeStatus(folder, one);
        return status === one.expect ? [] : [`${one.id} ${one.expect} ${status}`];
      });
    });
    const rows = page.matchAll(/^\| `([^`]+)` +\| (\w+) +\| (good|revoked|unknown) +\|/gm);
    expect([...rows].map(([, ...cells]) => cells.join(' ')).sort()).toEqual(measured.sort());
  });
});
