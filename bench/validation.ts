import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readCertificate } from '../src/pki/x509/certificate.ts';
import { PemBlock, pemBlocks, PemText } from '../src/pki/x509/pem.ts';
import { validateChain } from '../src/pki/x509/validation/chain.ts';
import { authority, issue, noon } from '../test/support/chains.ts';
import { median, printTable, timeCommands } from './measure.ts';

const systemRoots = '/etc/ssl/certs/ca-certificates.crt';
const program = resolve(import.meta.dirname, '../bin/certwright.js');

/** Verdicts in one process, the system's roots, and a verdict from the shell beside a bare Node. */
export function bench(): Promise<void> {
  const rates = verdictRates();
  console.log(
    `  ${'a leaf with two intermediates'.padEnd(44)} ${median(rates).toFixed(0).padStart(9)} verdicts/s`,
  );
  if (existsSync(systemRoots)) {
    const { roots, times } = loadRoots();
    const label = `the system's ${roots} roots, first time and median`;
    const [first = 0] = times;
    console.log(`  ${label.padEnd(44)} ${first.toFixed(1).padStart(9)} ms ${median(times).toFixed(1)} ms`);
  }
  fromTheShell();
  return Promise.resolve();
}

/** Everything is read from DER each time, as from a handshake; 500 leaves, each with a key of its own, under one CA. */
function verdictRates(): number[] {
  const root = authority('root');
  const upper = authority('upper', root);
  const lower = authority('lower', upper);
  const leaves = Array.from({ length: 500 }, (_, at) => issue(`host${at}.internal`, lower).certificate.der);
  const cas = [lower, upper].map(({ certificate }) => certificate.der);
  const anchors = [root.certificate];
  const verdict = (leaf: Buffer): boolean =>
    validateChain({
      leaf: readCertificate(leaf),
      intermediates: cas.map(readCertificate),
      anchors,
      time: noon,
      usage: 'server',
    }).valid;
  return [1, 2, 3, 4, 5].map(() => {
    const start = performance.now();
    for (const leaf of leaves) if (!verdict(leaf)) throw new Error('the chain must hold');
    return (1000 * leaves.length) / (performance.now() - start);
  });
}

function loadRoots(): { roots: number; times: number[] } {
  const times: number[] = [];
  let roots = 0;
  for (let round = 0; round < 5; round += 1) {
    const start = performance.now();
    const blocks = [...pemBlocks(new PemText(readFileSync(systemRoots)))];
    roots = blocks.flatMap((block) =>
      block instanceof PemBlock ? [readCertificate(block.decode())] : [],
    ).length;
    times.push(performance.now() - start);
  }
  return { roots, times };
}

function fromTheShell(): void {
  const cwd = mkdtempSync(join(tmpdir(), 'certwright-bench-'));
  const certwright = (...argv: string[]): string[] => [process.execPath, program, ...argv];
  try {
    timeCommands({ setup: () => certwright('issue', 'orders.internal', '--create-ca') }, 0, cwd);
    const folder = 'certs/orders.internal/current';
    const [chain, root, cas] = ['fullchain.pem', 'ca.pem', 'chain.pem'].map((name) => join(folder, name));
    const inspect = (...flags: string[]): string[] => certwright('inspect', chain ?? '', ...flags);
    printTable(
      timeCommands(
        {
          'node -e 0': () => [process.execPath, '-e', '0'],
          'certwright inspect FILE': () => inspect(),
          'certwright inspect FILE --trust FILE': () => inspect('--trust', root ?? ''),
          'certwright inspect FILE --trust system': () => inspect('--trust', 'system', '--trust', root ?? ''),
          'openssl verify': () => [
            'openssl',
            'verify',
            '-CAfile',
            root ?? '',
            '-untrusted',
            cas ?? '',
            chain ?? '',
          ],
        },
        Number(process.env['BENCH_ROUNDS'] ?? 15),
        cwd,
      ),
      'ms',
      'node -e 0',
    );
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}
