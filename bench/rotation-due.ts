import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cleanEnv, makeStore, program } from './big-store.ts';
import { leastRotations } from './least-rotation.ts';
import { median, printTable } from './measure.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);

const count = Number(process.env['BENCH_DUE'] ?? 1000);
const jobs = process.env['BENCH_JOBS'] ?? '100';

/**
 * A sweep in which all is due, at a CA in a folder, beside the same bytes written in one batch and made durable by one
 * `sync -f`: the files of each new generation, its link, and what the CA has recorded of it. Once where nothing was removed
 * from the file system lately, and once where as much was: for some minutes ext4 looks through all that was just deleted
 * before it creates a file. Between them stands the least that a rotation can be in Node.js.
 */
export async function bench(): Promise<void> {
  const cwd = mkdtempSync(join(tmpdir(), 'certwright-bench-'));
  try {
    await makeStore(join(cwd, 'pattern'), count, new Date(Date.now() - 25 * 86_400_000));
    compare(cwd, 'nothing deleted lately', () => undefined);
    compare(cwd, 'as much deleted just before', () => {
      copyStore(cwd, 'waste');
      settleDisk(cwd);
      rmSync(join(cwd, 'waste'), { recursive: true });
    });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

function compare(cwd: string, condition: string, prepare: () => void): void {
  const times = { batch: [] as number[], least: [] as number[], rotate: [] as number[] };
  for (let round = -1; round < rounds; round += 1) {
    const place = `${condition.replaceAll(' ', '-')}${String(round)}`;
    const work = copyStore(cwd, place);
    prepare();
    settleDisk(cwd);
    const rotate = timed(() => {
      run(process.execPath, [program, 'rotate', '--jobs', jobs], work);
    });
    const written = filesOf(work);
    if (written.length < count * 7) throw new Error(`only ${written.length} files were written`);
    prepare();
    settleDisk(cwd);
    const batch = timed(() => {
      writeBatch(join(cwd, `batch-${place}`), written);
      run('sync', ['-f', cwd], cwd);
    });
    const { write, move } = leastRotations(copyStore(cwd, `least-${place}`));
    prepare();
    settleDisk(cwd);
    const least = timed(() => {
      write();
      run('sync', ['-f', cwd], cwd);
      move();
    });
    if (round < 0) continue;
    times.rotate.push(rotate);
    times.batch.push(batch);
    times.least.push(least);
  }
  console.log(`  ${count} certificates, ${condition}:`);
  const base = 'the same bytes, one sync -f';
  const rows = {
    [base]: median(times.batch),
    'read, key, certificate, files; no check': median(times.least),
    [`certwright rotate --jobs ${jobs}`]: median(times.rotate),
  };
  printTable(rows, 'ms', base);
}

function copyStore(cwd: string, name: string): string {
  const to = join(cwd, name);
  // With the times of its folders: a generation is recognised by them as it was left.
  run('cp', ['-a', join(cwd, 'pattern'), to], cwd);
  return to;
}

/** What was written before is none of either's business. */
const settleDisk = (cwd: string): void => {
  run('sync', ['-f', cwd], cwd);
};

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

function run(file: string, argv: readonly string[], cwd: string): void {
  const { status, stderr } = spawnSync(file, argv, { cwd, env: cleanEnv, maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${file}: exit ${String(status)}: ${stderr.toString()}`);
}

/** Path below the folder, and content. */
type Written = readonly [string, Buffer];

function filesOf(cwd: string): Written[] {
  const below = (folder: string): Written[] =>
    readdirSync(join(cwd, folder)).map((name) => [join(folder, name), readFileSync(join(cwd, folder, name))]);
  const names = readdirSync(join(cwd, 'certs')).filter((name) => !name.startsWith('_'));
  const generations = names.map((name) => join('certs', name, 'versions/000002'));
  const records = readdirSync(join(cwd, 'ca/issuers')).map((id) => join('ca/issuers', id, 'issued'));
  const months = records
    .filter((one) => isFolder(join(cwd, one)))
    .flatMap((one) => readdirSync(join(cwd, one)).map((month) => join(one, month)));
  return [...generations.filter((one) => isFolder(join(cwd, one))), ...months].flatMap(below);
}

function isFolder(path: string): boolean {
  try {
    return readdirSync(path).length > 0;
  } catch {
    return false;
  }
}

function writeBatch(to: string, files: readonly Written[]): void {
  const made = new Set<string>();
  for (const [path, bytes] of files) {
    const folder = dirname(join(to, path));
    if (!made.has(folder)) mkdirSync(folder, { recursive: true });
    made.add(folder);
    writeFileSync(join(to, path), bytes);
  }
  for (const name of readdirSync(join(to, 'certs'))) {
    const current = join(to, 'certs', name, 'current');
    symlinkSync('versions/000002', `${current}.tmp`);
    renameSync(`${current}.tmp`, current);
  }
}
