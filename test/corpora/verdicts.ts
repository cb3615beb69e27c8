/*
 * `npm run verdicts -- DIR`: our verdicts on chains that others made, by corpus, beside those of the programs at hand.
 * With `--differences`, each case on which we differ from its expectation, with our reason.
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
  type VerifyCase,
} from './verdict-cases.ts';
import { installedPeers, type Peer } from './verdict-peers.ts';

const [folder, ...flags] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: npm run verdicts -- DIR [--differences]');
  process.exit(2);
}
const showDifferences = flags.includes('--differences');
const peers = installedPeers();
const scratch = mkdtempSync(join(tmpdir(), 'verdicts-'));
try {
  console.log(row(['corpus', 'strength', 'certwright', ...peers.map(({ name }) => name)]));
  for (const corpus of chainCorpora) {
    const path = join(folder, corpus);
    if (existsSync(path)) await report(corpus, path);
  }
} finally {
  rmSync(scratch, { recursive: true });
}

async function report(corpus: string, path: string): Promise<void> {
  const cases = verifyCases(path);
  const answers = await Promise.all(peers.map((peer) => askAll(peer, path, cases)));
  for (const strength of ['hard', 'split', 'lone'] as const) {
    const rows = cases.map((one, at) => ({ one, at })).filter(({ one }) => one.strength === strength);
    const ours = rows.filter(({ one }) => agrees(path, one));
    const theirs = answers.map((list) => rows.filter(({ one, at }) => list[at] === one.expect).length);
    const cells = [ours.length, ...theirs].map((count) => percent(count, rows.length));
    if (rows.length > 0) console.log(row([corpus, strength, ...cells]));
  }
  const statuses = crlCases(path);
  const right = statuses.filter((one) => judgeStatus(path, one) === one.expect);
  if (statuses.length > 0) console.log(row([corpus, 'CRL status', percent(right.length, statuses.length)]));
  if (showDifferences) {
    for (const one of statuses) if (!right.includes(one)) console.log(`  ${one.id}: expected ${one.expect}`);
  }
  if (existsSync(join(path, 'full.json.gz'))) {
    const all = bettertlsCases(path);
    const good = all.filter((one) => one.run() === one.expect).length;
    console.log(row([corpus, 'all of it', percent(good, all.length)]));
  }
}

function agrees(path: string, one: VerifyCase): boolean {
  const { answer, why } = judge(path, one);
  if (answer !== one.expect && showDifferences) {
    console.log(`  ${one.id} (${one.strength ?? ''}): expected ${one.expect}${why === '' ? '' : `; ${why}`}`);
  }
  return answer === one.expect;
}

/** Four at a time: each answer is a process. */
async function askAll(peer: Peer, path: string, cases: readonly VerifyCase[]): Promise<string[]> {
  const answers: string[] = [];
  let next = 0;
  const worker = async (number: number): Promise<void> => {
    for (let at = next++; at < cases.length; at = next++) {
      answers[at] = await peer.answer(path, cases[at]!, join(scratch, peer.name, String(number)));
    }
  };
  await Promise.all([1, 2, 3, 4].map(worker));
  return answers;
}

function percent(count: number, of: number): string {
  return `${count}/${of} ${((100 * count) / of).toFixed(1)} %`;
}

function row(cells: readonly string[]): string {
  return cells.map((cell, at) => cell.padEnd(at === 0 ? 14 : at === 1 ? 11 : 20)).join('');
}
