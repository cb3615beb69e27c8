import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { certificatePem } from '../../src/pki/x509/pem-writer.ts';
import { authority, issue, noon } from '../support/chains.ts';
import { run, temporaryFolder } from '../support/cli.ts';
import { isSlow } from '../support/slowness.ts';
import { describeWithCorpora } from '../support/tools.ts';

// eslint-disable-next-line no-control-regex
const raw = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;

/** Each way in which a file can come before the validator. */
const roles: Readonly<Record<string, (file: string) => string[]>> = {
  'leaf and anchor': (file) => [file, '--trust', file],
  anchor: (file) => ['full.pem', '--trust', file],
  intermediate: (file) => ['full.pem', '--trust', 'root.pem', '--intermediates', file],
  CRL: (file) => ['full.pem', '--trust', 'root.pem', '--crl', file],
};

/** Every tenth file, or with `CERTWRIGHT_CAMPAIGN=full` all of them, which takes a minute or two. */
const stride = process.env['CERTWRIGHT_CAMPAIGN'] === 'full' ? 1 : 10;

/** A folder with a chain that holds. */
function goodFolder(): string {
  const cwd = temporaryFolder();
  const root = authority('root');
  const lower = authority('lower', root);
  const pem = [issue('orders.internal', lower), lower].map(({ certificate }) =>
    certificatePem(certificate.der),
  );
  writeFileSync(join(cwd, 'full.pem'), pem.join(''));
  writeFileSync(join(cwd, 'root.pem'), certificatePem(root.certificate.der));
  return cwd;
}

/** What is wrong with how a file was taken, if anything. Processor time counts: a busy machine hardly lengthens it. */
async function faultOf(argv: readonly string[], cwd: string): Promise<string | undefined> {
  const start = process.cpuUsage();
  const { code, stdout, stderr } = await run(['inspect', '--file', ...argv], { cwd, now: () => noon });
  const { user, system } = process.cpuUsage(start);
  if (code !== 0 && code !== 2 && code !== 3) return `exit ${code}`;
  if (/not foreseen|\n {4}at /.test(stderr)) return stderr;
  if (raw.test(stdout + stderr)) return 'something raw';
  if (code === 2 && !/^certwright: [^\n]*\n( {2}[^\n]*\n)?/.test(stderr)) return `no reason: ${stderr}`;
  if (code === 3 && !/✗ [^\n]+\n[^\n]+, (RFC|NIST)/.test(stdout)) return `no finding: ${stdout}`;
  const milliseconds = (user + system) / 1000;
  return isSlow(milliseconds) ? `${milliseconds} ms` : undefined;
}

describeWithCorpora('files that others made', (corpora) => {
  it.each(Object.keys(roles))(
    'as %s end in a verdict or a refusal, quickly, with nothing raw',
    async (role) => {
      const cwd = goodFolder();
      const files = readdirSync(corpora, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !/\.(json|md|gz)$/.test(entry.name))
        .map((entry) => join(entry.parentPath, entry.name));
      expect(files.length).toBeGreaterThan(10_000);
      const faults: string[] = [];
      for (const file of files.sort().filter((_, at) => at % stride === 0)) {
        const fault = await faultOf(roles[role]?.(file) ?? [], cwd);
        if (fault !== undefined) faults.push(`${file}: ${fault}`);
      }
      expect(faults).toEqual([]);
    },
    900_000,
  );
});
