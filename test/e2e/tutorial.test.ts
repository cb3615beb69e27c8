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
function chapters(): [title: string, script: string][] {
  const sections = readFileSync(join(top, 'docs/tutorial.md'), 'utf8').split(/^## /m).slice(1);
  return sections.map((section) => {
    const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)];
    return [section.slice(0, section.indexOf('\n')), blocks.map(([, block = '']) => block).join('')];
  });
}

/** Runs it as it stands, in one shell and one folder, on ports that are free. Returns what each chapter has said. */
async function play(): Promise<Map<string, string>> {
  const cwd = temporaryFolder();
  let story = chapters()
    .map(([title, script]) => `echo '### ${title}'\n${script}`)
    .join('\n')
    .replaceAll('../certwright', top);
  for (const port of ['8443', '8444', '4599']) story = story.replaceAll(port, String(await freePort()));
  const script = `
    certwright() { '${process.execPath}' '${program}' "$@"; }
    clean_up() {
      touch stop
      test ! -e nginx.pid || nginx -p . -c nginx.conf -s stop
      test ! -s emulator.json || kill "$(node -p 'require("./emulator.json").pid')" || :
    } 2> /dev/null
    trap clean_up EXIT
    set -e
    ${story}`;
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
  const parts = stdout.split(/^### /m).slice(1);
  return new Map(parts.map((part) => [part.slice(0, part.indexOf('.')), part]));
}

describeWith(['bash', 'nginx', 'curl', 'npm'], 'docs/tutorial.md', () => {
  it('tells the whole story of a CA in a folder, AWS Private CA and ACM, as it stands', async () => {
    const said = await play();
    const chapter = (number: string): string => said.get(number) ?? expect.fail(`no chapter ${number}`);
    /** What verify-mtls said. */
    const tables = (number: string): string[] =>
      chapter(number)
        .split(/^(?=(?:localhost|orders\.internal):\d+ )/m)
        .slice(1);

    expect(chapter('2')).toMatch(/2 declared: 2 issued\n(.* deployed .*, seen at localhost:\d+\n){2}$/);

    expect(tables('3')).toHaveLength(3);
    for (const table of tables('3')) expect(table).not.toMatch(/^ {2}NO/m);
    expect(tables('3')[0]).toMatch(/-- {2}client > server {2}a revoked one .* it was revoked just now/);
    expect(tables('3')[1]).toMatch(/ok {2}client > server {2}a revoked one +refused +refused/);

    for (const [number, times] of [
      ['4', 2],
      ['7', 1],
      ['8', 2],
    ] as const) {
      const rotated = chapter(number).match(/ rotated {2}(forced|changed).*, seen at localhost/g);
      expect(rotated).toHaveLength(2 * times);
      // Whoever came was answered: there is no other line than this.
      const counts = chapter(number)
        .split('\n')
        .filter((line) => /^ *\d+ /.test(line));
      const answered = expect.stringMatching(/^ *\d+ orders$/) as string;
      expect(counts).toEqual(Array.from({ length: times }, () => answered));
    }

    for (const number of ['5', '7', '8']) {
      expect(chapter(number)).toMatch(
        /the pair +accepted +refused .*\n +billing\.internal was revoked on .*: its key was compromised/,
      );
      expect(chapter(number)).toMatch(/billing\.internal +rotated +revoked/);
      expect(tables(number).at(-1)).toMatch(/the pair +accepted +accepted {2}HTTP 200/);
    }

    expect(chapter('6')).toMatch(/wrong +crl .* lapsed .* ago: .* refuse everybody/);
    expect(chapter('6')).toMatch(/the pair +accepted +refused[^]*the CRL of .* Issuing CA went stale/);
    expect(chapter('7')).toMatch(/^trust default +stale/m);
  }, 900_000);
});
