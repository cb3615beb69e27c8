import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { readCrl } from '../src/pki/x509/crl.ts';
import { summariseEntries } from '../src/pki/x509/crl-summary.ts';
import { median, printTable, timeCommands } from './measure.ts';

const count = Number(process.env['BENCH_CRL_ENTRIES'] ?? 1_000_000);
const rounds = Number(process.env['BENCH_CRL_ROUNDS'] ?? 3);

/** The same revoked serial numbers in a CRL of each: openssl has its index file, ours has facts in memory. In turn. */
export async function bench(): Promise<void> {
  const cwd = mkdtempSync(join(tmpdir(), 'certwright-bench-crl-'));
  try {
    await prepare(cwd);
    const peers: number[] = [];
    const ours: Run[] = [];
    for (let round = 0; round < rounds; round += 1) {
      peers.push(opensslCrl(cwd));
      ours.push(encode(cwd));
    }
    refuseDifference(cwd);
    report(peers, ours);
    inspect(cwd);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

/** What crl-process.ts says. */
interface Run {
  signedAfter: number;
  onDiskAfter: number;
  /** Of the whole process with its facts, in MiB. */
  peak: number;
}

function report(peers: readonly number[], ours: readonly Run[]): void {
  console.log(`  ${count} entries`);
  printTable(
    {
      'openssl ca -gencrl, PEM': median(peers),
      'certwright, encoded and signed': median(ours.map(({ signedAfter }) => signedAfter)),
      'certwright, DER and PEM synced to disk': median(ours.map(({ onDiskAfter }) => onDiskAfter)),
    },
    'ms',
    'openssl ca -gencrl, PEM',
  );
  const peak = median(ours.map((run) => run.peak));
  console.log(`  ${'peak of the process, facts included'.padEnd(44)} ${peak.toFixed(0).padStart(9)} MiB`);
}

/** From the shell; the serial number is one that is listed, and no entry becomes an object. */
function inspect(cwd: string): void {
  const serial = `4${createHash('sha1').update('5').digest('hex').slice(1)}`;
  const program = resolve(import.meta.dirname, '../bin/certwright.js');
  const certwright = (...argv: string[]): string[] => [process.execPath, program, 'inspect', ...argv];
  const commands = {
    'openssl crl -text, DER': () => ['openssl', 'crl', '-in', 'ours.der', '-noout', '-text', '-out', 'text'],
    'certwright inspect, DER': () => certwright('ours.der'),
    'certwright inspect, PEM': () => certwright('ours.pem'),
    'certwright inspect --serial, DER': () => certwright('ours.der', '--serial', serial),
    'certwright inspect --serial, PEM': () => certwright('ours.pem', '--serial', serial),
  };
  printTable(timeCommands(commands, rounds, cwd), 'ms', 'openssl crl -text, DER');
}

function run(cwd: string, argv: readonly string[], stdout: number | 'pipe' = 'pipe'): string {
  const [file = '', ...rest] = argv;
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const done = spawnSync(file, rest, { cwd, env, encoding: 'utf8', stdio: ['ignore', stdout, 'pipe'] });
  if (done.status !== 0) throw new Error(`${argv.join(' ')}: exit ${String(done.status)}: ${done.stderr}`);
  return done.stdout;
}

const configuration = `[ca]
default_ca = bench
[bench]
database = index.txt
crlnumber = number
default_md = sha256
default_crl_days = 30
crl_extensions = crl
[crl]
authorityKeyIdentifier = keyid
`;

async function prepare(cwd: string): Promise<void> {
  await bundle(cwd);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'ca.key'];
  run(cwd, ['openssl', 'req', '-x509', ...newKey, '-subj', '/CN=Bench CA', '-out', 'ca.pem']);
  writeFileSync(join(cwd, 'ca.cnf'), configuration);
  writeFileSync(join(cwd, 'number'), '01\n');
  const index = openSync(join(cwd, 'index.txt'), 'w');
  run(cwd, [process.execPath, 'process.cjs', 'index', String(count)], index);
  closeSync(index);
}

/** As the program itself is: a compiler in the process would have its share of the memory. */
async function bundle(cwd: string): Promise<void> {
  const build = await rolldown({ input: resolve(import.meta.dirname, 'crl-process.ts'), platform: 'node' });
  await build.write({ format: 'cjs', file: join(cwd, 'process.cjs') });
  await build.close();
}

function opensslCrl(cwd: string): number {
  const start = performance.now();
  run(cwd, [
    'openssl',
    'ca',
    '-config',
    'ca.cnf',
    '-gencrl',
    '-keyfile',
    'ca.key',
    '-cert',
    'ca.pem',
    '-out',
    'theirs.pem',
  ]);
  return performance.now() - start;
}

function encode(cwd: string): Run {
  for (const name of ['ours.der', 'ours.pem']) rmSync(join(cwd, name), { force: true });
  return JSON.parse(run(cwd, [process.execPath, 'process.cjs', 'encode', String(count), '.'])) as Run;
}

/** A race between different CRLs would say nothing. */
function refuseDifference(cwd: string): void {
  run(cwd, ['openssl', 'crl', '-in', 'theirs.pem', '-outform', 'DER', '-out', 'theirs.der']);
  const [ours, theirs] = ['ours.der', 'theirs.der'].map((name) => {
    const summary = summariseEntries(readCrl(readFileSync(join(cwd, name))));
    const ends = [summary.first, summary.last].map((entry) => entry?.serial.toString('hex'));
    return JSON.stringify([summary.count, ends, [...summary.reasons].sort()]);
  });
  if (ours !== theirs) throw new Error(`the two CRLs differ: ${String(ours)} ${String(theirs)}`);
}
