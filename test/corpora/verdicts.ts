/*
 * npm run verdicts -- DIR                  our verdicts on chains that others made, by corpus, beside those of the programs at hand
 * npm run verdicts -- DIR --differences    each case on which we differ from its expectation, with our reason, and no peers
 * DIR is what CERTWRIGHT_CORPORA names where it is left out.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bettertlsCases,
  chainCorpora,
  crlCases,
  judge,
  judgeStatus,
  verifyCases,
  type Answer,
  type VerifyCase,
} from './verdict-cases.ts';
import { installedPeers, type Peer } from './verdict-peers.ts';

const words = process.argv.slice(2);
const [folder = process.env['CERTWRIGHT_CORPORA']] = words.filter((word) => !word.startsWith('--'));
if (folder === undefined) {
  console.error('usage: npm run verdicts -- DIR [--differences]');
  process.exit(2);
}
const showDifferences = words.includes('--differences');
const peers = showDifferences ? [] : installedPeers();
const scratch = mkdtempSync(join(tmpdir(), 'verdicts-'));

/** One case with everybody's answer: ours first, then the peers'. */
interface Row {
  one: VerifyCase;
  answers: Answer[];
}
const all: Row[] = [];

try {
  console.log(line(['corpus', 'strength', 'certwright', ...peers.map(({ name }) => name)]));
  for (const corpus of chainCorpora.filter((name) => existsSync(join(folder, name))))
    await report(corpus, join(folder, corpus));
  printScores('all', all);
  printScore('all', 'hard + split', all, ({ one }) => one.strength !== 'lone');
} finally {
  rmSync(scratch, { recursive: true });
}

async function report(corpus: string, path: string): Promise<void> {
  const cases = verifyCases(path);
  const theirs = await Promise.all(peers.map((peer) => askAll(peer, path, cases)));
  const rows = cases.map((one, at): Row => {
    const { answer, why } = judge(path, one);
    if (showDifferences && answer !== one.expect)
      console.log(`  ${one.id} (${one.strength}): expected ${one.expect}${why === '' ? '' : `; ${why}`}`);
    return { one, answers: [answer, ...theirs.map((answers) => answers[at] ?? 'reject')] };
  });
  all.push(...rows);
  printScores(corpus, rows);
  const statuses = crlCases(path);
  if (statuses.length > 0) {
    const wrong = statuses.filter((one) => judgeStatus(path, one) !== one.expect);
    console.log(line([corpus, 'CRL status', share(statuses.length - wrong.length, statuses.length)]));
    if (showDifferences) for (const one of wrong) console.log(`  ${one.id}: expected ${one.expect}`);
  }
  if (existsSync(join(path, 'full.json.gz'))) {
    const whole = bettertlsCases(path);
    const right = whole.filter((one) => one.run() === one.expect);
    console.log(line([corpus, 'in full', share(right.length, whole.length)]));
  }
}

function printScores(corpus: string, rows: readonly Row[]): void {
  for (const strength of ['hard', 'split', 'lone'])
    printScore(corpus, strength, rows, ({ one }) => one.strength === strength);
}

function printScore(
  corpus: string,
  label: string,
  rows: readonly Row[],
  belongs: (row: Row) => boolean,
): void {
  const counted = rows.filter(belongs);
  if (counted.length === 0) return;
  const right = [...Array(1 + peers.length).keys()].map(
    (who) => counted.filter(({ one, answers }) => answers[who] === one.expect).length,
  );
  console.log(line([corpus, label, ...right.map((count) => share(count, counted.length))]));
}

/** Four at a time: each answer is a process. */
async function askAll(peer: Peer, path: string, cases: readonly VerifyCase[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  const worker = async (number: number): Promise<void> => {
    for (let at = next++; at < cases.length; at = next++) {
      answers[at] = await peer.answer(path, cases[at]!, join(scratch, peer.name, String(number)));
    }
  };
  await Promise.all([1, 2, 3, 4].map(worker));
  return answers;
}

/** Rounded down: 100.0 % is all of them. */
function share(count: number, of: number): string {
  return `${count}/${of} ${(Math.floor((1000 * count) / of) / 10).toFixed(1)} %`;
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, at) => cell.padEnd(at < 2 ? 15 : 20))
    .join('')
    .trimEnd();
}
