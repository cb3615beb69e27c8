import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { execute, temporaryFolder, type Ran } from './cli.ts';
import { blocksOf, examples, writeShim } from './page.ts';

/** Absolute paths of a page that lie below the recipe's own folder here. */
const ofTheHost = /(?<![\w.}/])\/(etc|opt|run|srv|usr\/local|usr\/sbin|var)(?![\w.-])/g;

/** A page of docs/recipes, laid out below a folder that takes the place of the root. */
export interface Recipe {
  root: string;
  /** What the page says, with its paths below the root and its replacements made. */
  here: (text: string) => string;
  /** The page's `sh` examples, as they run here. */
  scripts: readonly string[];
  /** Runs a shell script as the page's reader would; it must end with 0. Returns what it said. */
  run: (script: string) => Promise<string>;
  /** The same, whatever its exit code. */
  attempt: (script: string, env?: Readonly<Record<string, string>>) => Promise<Ran>;
  /** A program, by its path in the page, that stands for one of the host. Its text is taken as it is. */
  stub: (path: string, text: string) => void;
}

const started: (() => Promise<unknown>)[] = [];

// Declared after that of temporary folders, and so run before it: pidfiles are still there.
afterEach(async () => {
  for (const stop of started.splice(0)) await stop();
});

/** A unit of systemd, in words of the shell. */
export interface Unit {
  start: string;
  reload: string;
  /** Of what runs on. */
  pidfile?: string;
}

/**
 * Writes every file that a page names to its place below a folder of its own.
 * @param replacements are made in this order in all that the page says: ports that are free, loopback for every address.
 */
export function layOut(
  page: string,
  replacements: Readonly<Record<string, string | number>> = {},
  units: Readonly<Record<string, Unit>> = {},
): Recipe {
  const root = temporaryFolder();
  // Users of services come this way.
  chmodSync(root, 0o755);
  const here = (text: string): string =>
    Object.entries(replacements)
      .reduce((changed, [from, to]) => changed.replaceAll(from, String(to)), text)
      .replace(ofTheHost, `${root}/$1`);
  const write = (path: string, text: string, mode: number): void => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode });
  };
  for (const { file, text } of blocksOf(page)) {
    if (file !== undefined) write(file, here(text), text.startsWith('#!') ? 0o755 : 0o644);
  }
  const stub = (path: string, text: string): void => write(path, `#!/bin/sh\n${text}`, 0o755);
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
  writeShim(join(root, 'usr/local/bin/certwright'));
  for (const folder of ['run', 'usr/sbin', 'var/log']) mkdirSync(join(root, folder), { recursive: true });
  if (Object.keys(units).length > 0) standForSystemd(root, stub, here, units);
  const attempt: Recipe['attempt'] = (script, env = {}) => {
    const { NODE_EXTRA_CA_CERTS: _none, ...outer } = process.env;
    const path = `${root}/usr/local/bin:${root}/usr/sbin:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
    return execute('bash', ['-c', `set -e\n${script}`], {
      ...{ cwd: root, env: { ...outer, PATH: path, ...env }, timeout: 240_000 },
    });
  };
  const run: Recipe['run'] = async (script) => {
    const { code, stdout, stderr } = await attempt(script);
    const said = code === 0 ? '' : stdout + stderr;
    expect({ script, code, said }).toEqual({ script, code: 0, said: '' });
    return stdout;
  };
  return { root, here, scripts: examples(page).map(here), run, attempt, stub };
}

/** A systemctl that knows these units; what it has started ends with the test. */
function standForSystemd(
  root: string,
  stub: Recipe['stub'],
  here: Recipe['here'],
  units: Readonly<Record<string, Unit>>,
): void {
  for (const [unit, { start, reload, pidfile = '' }] of Object.entries(units)) {
    const text = `start() {\n${start}\n}\nreload() {\n${reload}\n}\npidfile=${pidfile}\nlog=/var/log/${unit}\n`;
    stub(`run/units/${unit}`, here(text));
    started.push(() => execute('sh', [join(root, 'usr/local/bin/systemctl'), 'stop', unit]));
  }
  stub(
    '/usr/local/bin/systemctl',
    `test "$1" != --no-ask-password || shift
verb=$1
case $verb in daemon-reload | enable) exit 0 ;; esac
for unit; do :; done
. "${root}/run/units/\${unit%.service}.service"
runs() { test -s "$pidfile" && kill -0 "$(head -n 1 "$pidfile")"; } 2> /dev/null
stop() { ! runs || kill "$(head -n 1 "$pidfile")"; while runs; do sleep 0.05; done; }
case $verb in
  show) echo LoadState=loaded; if runs; then echo ActiveState=active; else echo ActiveState=inactive; fi ;;
  start | restart) stop; start > "$log" 2>&1 < /dev/null || exit; until test -z "$pidfile" || runs; do sleep 0.05; done ;;
  reload | reload-or-try-restart) reload ;;
  stop) stop ;;
esac
`,
  );
}

/** A server on loopback that ends with the test. Returns its port. */
export async function serve(answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  started.push(async () => server.close());
  return (server.address() as AddressInfo).port;
}

/** An application behind a proxy: it answers with who that says is there. */
export const application = (): Promise<number> =>
  serve((request, response) => response.end(`hello ${String(request.headers['x-client'])}\n`));
