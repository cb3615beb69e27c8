import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnv, makeStore, program } from './big-store.ts';
import { median, printTable } from './measure.ts';
import { bench as benchDue } from './rotation-due.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);

/** A sweep over a store in which nothing is due, beside a loop that reads and stats the same files. */
export async function bench(): Promise<void> {
  const count = Number(process.env['BENCH_CERTIFICATES'] ?? 10_000);
  const cwd = mkdtempSync(join(tmpdir(), 'certwright-bench-'));
  try {
    await makeStore(cwd, count, new Date());
    sweep(cwd, count);
    // Before anything is removed: that would make its files slower to create.
    await benchDue();
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

/**
 * Every file of every certificate is read, and looked at by stat(2), under the path by which a sweep goes, and so is its folder; and
 * whether a generation is being revoked. strace -f shows that these are the files that a sweep opens: those that a run reads once are
 * left out here.
 */
const bareLoop = `
  const { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } = require('node:fs');
  let bytes = 0;
  const take = (path) => { bytes += statSync(path).size; readFileSync(path); };
  const store = process.cwd() + '/certs/';
  for (const name of readdirSync(store)) {
    if (name.startsWith('_')) continue;
    const folder = store + name;
    take(folder + '/request.json');
    lstatSync(folder);
    statSync(folder + '/revoking.json', { throwIfNoEntry: false });
    const version = folder + '/' + readlinkSync(folder + '/current');
    for (const file of readdirSync(version)) take(version + '/' + file);
  }`;

/** Says at its end how much memory there was at most, in KiB. */
const peak = `process.on('exit', () => process.stderr.write('peak ' + process.resourceUsage().maxRSS));`;

function sweep(cwd: string, count: number): void {
  writeFileSync(join(cwd, 'bare.cjs'), bareLoop);
  writeFileSync(join(cwd, 'peak.cjs'), peak);
  const times = { bare: [] as number[], rotate: [] as number[] };
  const memory: number[] = [];
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, argv] of [
      ['bare', ['bare.cjs']],
      ['rotate', [program, 'rotate', '--jobs', '8']],
    ] as const) {
      const start = performance.now();
      const { status, stderr } = spawnSync(process.execPath, ['-r', './peak.cjs', ...argv], {
        cwd,
        env: cleanEnv,
        maxBuffer: 1 << 28,
      });
      const elapsed = performance.now() - start;
      if (status !== 0) throw new Error(`${name}: exit ${String(status)}: ${stderr.toString()}`);
      if (round < 0) continue;
      times[name].push(elapsed);
      if (name === 'rotate') memory.push(Number(/peak (\d+)/.exec(stderr.toString())?.[1]) / 1024);
    }
  }
  const bare = `${count} certificates: read and stat each file`;
  printTable({ [bare]: median(times.bare), 'certwright rotate, none due': median(times.rotate) }, 'ms', bare);
  // A machine that others share changes its speed from round to round: two that follow each other are of one speed.
  const ratios = times.rotate.map((rotate, round) => rotate / (times.bare[round] ?? Number.NaN));
  console.log(
    `  certwright rotate: median of the rounds' own ratios ${median(ratios).toFixed(2)}x; at most ${Math.max(...memory).toFixed(0)} MiB`,
  );
}
