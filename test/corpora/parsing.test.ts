import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run, temporaryFolder, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';
import { isSlow } from '../support/slowness.ts';
import { describeWithCorpora } from '../support/tools.ts';

interface Found {
  kind: string;
  subject: { text: string };
  issuer: { text: string };
  serial: string;
  notAfter: string;
  selfSigned: boolean | null;
  basicConstraints: { ca: boolean } | null;
  sha256: string;
}

const inspect = (file: string, ...flags: string[]): Promise<Ran> =>
  run(['inspect', '--file', file, ...flags], { cwd: '/' });

async function itemsOf(file: string): Promise<Found[]> {
  const { stdout } = await inspect(file, '--json');
  return (JSON.parse(stdout) as { items: Found[] }).items;
}

/** What must never reach a terminal; a line ending is ours. */
// eslint-disable-next-line no-control-regex
const raw = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;

/** Processor time in milliseconds: a busy machine hardly lengthens it. */
async function timed<T>(work: () => Promise<T>): Promise<{ result: T; milliseconds: number }> {
  const start = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(start);
  return { result, milliseconds: (user + system) / 1000 };
}

/** Everything that is wrong with how a file was taken. */
async function faults(file: string): Promise<string[]> {
  const { result, milliseconds } = await timed(() => inspect(file));
  const { code, stdout, stderr } = result;
  return [
    ...(code === 0 || code === 2 ? [] : [`${file}: exit ${code}`]),
    ...(/not foreseen|\n {4}at /.test(stderr) ? [`${file}: ${stderr}`] : []),
    ...(raw.test(stdout + stderr) ? [`${file}: something raw`] : []),
    ...(code === 2 && !/^certwright: .*\n/.test(stderr) ? [`${file}: no reason`] : []),
    ...(isSlow(milliseconds) ? [`${file}: ${milliseconds} ms`] : []),
  ];
}

interface Case {
  id: string;
  /** Absent from cases that are about no file. */
  file?: string;
  consensus?: 'all-accept' | 'all-reject' | 'split';
}

const casesOf = <T>(corpora: string, corpus: string): T[] =>
  (JSON.parse(readFileSync(join(corpora, corpus, 'index.json'), 'utf8')) as { cases: T[] }).cases;

const page = resolve(import.meta.dirname, '../../docs/parsing.md');

/** The rows of the page's table: case and how we take it. */
const documented = (): string[] =>
  [...readFileSync(page, 'utf8').matchAll(/^\| `([^`]+)` +\| (accept|reject) +\|/gm)]
    .map(([, id = '', ours = '']) => `${id} ${ours}`)
    .sort();

describeWithCorpora('files that others made', (corpora) => {
  it('end in a result or in a refusal, quickly, with nothing raw on the terminal', async () => {
    const files = readdirSync(corpora, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    expect(files.length).toBeGreaterThan(10_000);
    const found: string[] = [];
    for (const file of files) found.push(...(await faults(file)));
    expect(found).toEqual([]);
  }, 900_000);

  it('are read where every other program reads them, and refused where all refuse, but for what docs/parsing.md lists; JSON follows its schema', async () => {
    const cases = readdirSync(corpora, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) =>
        casesOf<Case>(corpora, name).map((one) => ({ ...one, file: join(corpora, name, one.file ?? '') })),
      )
      .filter(({ consensus }) => consensus === 'all-accept' || consensus === 'all-reject');
    expect(cases.length).toBeGreaterThan(2500);
    const differences: string[] = [];
    for (const { id, file, consensus } of cases) {
      const { code, stdout } = await inspect(file, '--json');
      expect(schemaErrors(stdout), file).toEqual([]);
      const ours = code === 0 ? 'accept' : 'reject';
      if (consensus !== `all-${ours}`) differences.push(`${id} ${ours}`);
    }
    expect(differences.sort()).toEqual(documented());
    expect(differences.length / cases.length).toBeLessThan(0.03);
  }, 900_000);

  it('show the roots of Mozilla with the fields that OpenSSL shows', async () => {
    const roots = casesOf<{
      file: string;
      op: string;
      subject: string;
      serial: string;
      notAfter: string;
      sha256: string;
      self_issued: boolean;
    }>(corpora, 'real-world').filter(({ op }) => op === 'root');
    expect(roots).toHaveLength(148);
    for (const root of roots) {
      const [item] = await itemsOf(join(corpora, 'real-world', root.file));
      expect({
        serial: item?.serial.toUpperCase().replace(/^0+(?=.)/, ''),
        notAfter: Date.parse(item?.notAfter ?? ''),
        sha256: item?.sha256,
        selfIssued: item?.subject.text === item?.issuer.text,
        subject: asOpenssl(item?.subject.text ?? ''),
        ca: item?.basicConstraints?.ca ?? true,
        selfSigned: item?.selfSigned,
      }).toEqual({
        serial: root.serial.replace(/^0+(?=.)/, ''),
        notAfter: Date.parse(root.notAfter),
        sha256: root.sha256,
        selfIssued: root.self_issued,
        subject: root.subject,
        ca: true,
        selfSigned: true,
      });
    }
  });
});

/** As `openssl x509 -subject -nameopt RFC2253` writes a name: last attribute first, other than ASCII as UTF-8 in hex. */
const asOpenssl = (text: string): string =>
  text
    .split(/(?<!\\), /)
    .reverse()
    .join(',')
    .replace(/[^\x20-\x7e]/gu, (character) =>
      [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).toUpperCase()}`).join(''),
    );

describe('the bundle of the system', () => {
  const bundle = '/etc/ssl/certs/ca-certificates.crt';

  it.skipIf(process.platform !== 'linux')('shows every certificate, whole and one by one', async () => {
    const pem = readFileSync(bundle, 'latin1');
    const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? [];
    expect(blocks.length).toBeGreaterThan(50);
    expect(await faults(bundle)).toEqual([]);
    expect((await itemsOf(bundle)).map(({ kind }) => kind)).toEqual(blocks.map(() => 'certificate'));
    expect((await inspect(bundle, '--pem')).stdout).toBe(blocks.join(''));
    const cwd = temporaryFolder();
    for (const block of blocks) {
      const { code, stdout, stderr } = await run(['inspect', '-'], { cwd, stdin: block });
      expect({ code, stderr, raw: raw.test(stdout) }).toEqual({ code: 0, stderr: '', raw: false });
    }
  });
});
