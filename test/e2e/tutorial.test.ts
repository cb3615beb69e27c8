import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import { program, temporaryFolder } from '../support/cli.ts';
import { freePort } from '../support/ports.ts';
import { describeWith } from '../support/tools.ts';

const top = resolve(import.meta.dirname, '../..');

/** The `sh` examples below each heading of the tutorial. */
function chapters(): Map<string, string> {
  const sections = readFileSync(join(top, 'docs/tutorial.md'), 'utf8').split(/^## /m).slice(1);
  return new Map(
    sections.map((section) => {
      const title = section.slice(0, section.indexOf('\n'));
      const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)];
      return [title, blocks.map(([, block = '']) => block).join('')];
    }),
  );
}

/** Runs chapters as they stand, in one shell and one folder, on ports that are free; what each of them has said. */
async function play(titles: readonly string[]): Promise<Map<string, string>> {
  const cwd = temporaryFolder();
  const all = chapters();
  const said = titles
    .map((title) => `echo '### ${title}'\n${all.get(title) ?? 'no such chapter'}`)
    .join('\n');
  const ports = [await freePort(), await freePort()].map(String);
  const script = `
    certwright() { '${process.execPath}' '${program}' "$@"; }
    trap 'touch stop; test ! -e nginx.pid || nginx -p . -c nginx.conf -s stop' EXIT
    set -e
    ${said.replaceAll('8443', ports[0] ?? '').replaceAll('8444', ports[1] ?? '')}`;
  writeFileSync(join(cwd, 'script.sh'), script);
  // A group of its own, so that nothing of it outlives a test that ran out of time.
  const shell = spawn('bash', ['script.sh'], { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    if (shell.exitCode === null && shell.pid !== undefined) process.kill(-shell.pid, 'SIGTERM');
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(shell.stdout),
    text(shell.stderr),
    once(shell, 'close') as Promise<[number | null]>,
  ]);
  expect({ code, ...(code === 0 ? {} : { stdout, stderr }) }).toEqual({ code: 0 });
  return new Map(
    stdout
      .split(/^### /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part]),
  );
}

describeWith(['bash', 'nginx', 'curl'], 'docs/tutorial.md', () => {
  it('tells the whole story with a CA in a folder, as it stands', async () => {
    const said = await play([...chapters().keys()]);
    const chapter = (start: string): string =>
      [...said].find(([title]) => title.startsWith(start))?.[1] ?? expect.fail(`no chapter ${start}`);

    expect(chapter('2')).toMatch(/2 declared: 2 issued\n(.* deployed .*, seen at localhost:\d+\n){2}$/);

    const rows = chapter('3')
      .split(/^localhost:/m)
      .slice(1);
    expect(rows).toHaveLength(3);
    for (const table of rows) expect(table).not.toMatch(/^ {2}NO/m);
    expect(rows[0]).toMatch(/-- {2}client > server {2}a revoked one .* it was revoked just now/);
    expect(rows[1]).toMatch(/ok {2}client > server {2}a revoked one +refused +refused/);

    expect(chapter('4').match(/ rotated {2}forced/g)).toHaveLength(4);
    // Whoever came was answered: no other line than this.
    expect(
      chapter('4')
        .split('\n')
        .filter((line) => /^ *\d+ /.test(line)),
    ).toEqual([expect.stringMatching(/^ *\d{1,6} orders$/) as string]);

    expect(chapter('5')).toMatch(/billing\.internal was revoked on .*: its key was compromised/);
    expect(chapter('5')).toMatch(/billing\.internal +rotated +revoked/);
    expect(chapter('5')).toMatch(/the pair +accepted +accepted {2}HTTP 200/);

    expect(chapter('6')).toMatch(/wrong +crl .* has lapsed .* refuse everybody/);
    expect(chapter('6')).toMatch(/the pair +accepted +refused[^]*the CRL of .* Issuing CA went stale/);
  });
});
