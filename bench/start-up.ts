import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { printTable, timeCommands } from './measure.ts';

const program = resolve(import.meta.dirname, '../bin/certwright.js');

/** How long a command takes from the shell, beside a bare Node. */
export function bench(): Promise<void> {
  const cwd = mkdtempSync(join(tmpdir(), 'certwright-bench-'));
  const certwright = (...argv: string[]): string[] => [process.execPath, program, ...argv];
  let count = 0;
  try {
    timeCommands({ setup: () => certwright('issue', `setup${count++}.internal`, '--create-ca') }, 1, cwd);
    const leaf = 'certs/setup0.internal/current/cert.pem';
    printTable(
      timeCommands(
        {
          'node -e 0': () => [process.execPath, '-e', '0'],
          'certwright --version': () => certwright('--version'),
          'certwright --help': () => certwright('--help'),
          'certwright inspect FILE': () => certwright('inspect', leaf),
          'certwright issue NAME': () => certwright('issue', `host${count++}.internal`),
          'openssl x509 -text': () => ['openssl', 'x509', '-noout', '-text', '-in', leaf],
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
  return Promise.resolve();
}
