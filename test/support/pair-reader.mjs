/*
 * Reads a certificate and its key in a loop, in four ways, and counts how often the two did not belong together. A
 * program of its own: node pair-reader.mjs CURRENT COPY, until its standard input ends; then it prints what it counted.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { setImmediate } from 'node:timers';

const [current, copy] = process.argv.slice(2);
const read = (path) => readFileSync(path, 'latin1');

const ways = {
  /** Follows `current` once, and opens both files there. */
  resolved() {
    const folder = realpathSync(current);
    return [read(`${folder}/fullchain.pem`), read(`${folder}/key.pem`)];
  },
  /** Opens one file that holds both, through the link. */
  pair() {
    const both = read(`${current}/pair.pem`);
    return [both, both];
  },
  /** Opens one file that holds both, at a place of its own. */
  copy() {
    const both = read(copy);
    return [both, both];
  },
  /** Opens two files through the link, one after the other. */
  twoPaths: () => [read(`${current}/fullchain.pem`), read(`${current}/key.pem`)],
};

const counts = Object.fromEntries(
  Object.keys(ways).map((way) => [way, { reads: 0, torn: 0, failed: 0, pairs: 0, error: null }]),
);
const known = Object.fromEntries(Object.keys(ways).map((way) => [way, new Map()]));

function look(way) {
  const count = counts[way];
  count.reads += 1;
  try {
    const [chain, key] = ways[way]();
    // One that was found whole before is not looked at again: that would leave little time for reading.
    if (known[way].get(key) === chain) return;
    if (new X509Certificate(chain).checkPrivateKey(createPrivateKey(key))) {
      known[way].set(key, chain);
      count.pairs += 1;
    } else {
      count.torn += 1;
    }
  } catch (error) {
    count.failed += 1;
    count.error = String(error);
  }
}

let stopped = false;
process.stdin.on('end', () => (stopped = true)).resume();
process.stdout.write('reading\n');

function round() {
  for (let times = 0; times < 25; times += 1) for (const way of Object.keys(ways)) look(way);
  if (stopped) process.stdout.write(JSON.stringify(counts));
  else setImmediate(round);
}
round();
