import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Metafile {
  outputs: Record<
    string,
    { entryPoint?: string; imports: { path: string; kind: string }[]; inputs: Record<string, object> }
  >;
}

function metafile(): Metafile {
  const folder = mkdtempSync(join(tmpdir(), 'certwright-test-'));
  try {
    const file = join(folder, 'meta.json');
    execFileSync(process.execPath, ['build.mjs', '--metafile', file]);
    return JSON.parse(readFileSync(file, 'utf8')) as Metafile;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Source files that are loaded with an entry, without what is imported on demand. */
function loadedWith(meta: Metafile, source: string): string[] {
  const start = Object.keys(meta.outputs).find((path) => meta.outputs[path]?.entryPoint === source);
  if (start === undefined) throw new Error(`${source} has no chunk of its own`);
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { path: next, kind } of meta.outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && next in meta.outputs) visit(next);
    }
  };
  visit(start);
  return [...seen].flatMap((path) => Object.keys(meta.outputs[path]?.inputs ?? {})).sort();
}

const packagesIn = (inputs: readonly string[]): string[] =>
  [
    ...new Set(inputs.flatMap((input) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1] ?? [])),
  ].sort();

describe('what each command loads', () => {
  const meta = metafile();

  it('main.js holds the names of the commands, and no PKI but the errors', () => {
    const inputs = loadedWith(meta, 'src/commands/main.ts');
    expect(packagesIn(inputs)).toEqual(['commander']);
    expect(inputs.filter((input) => input.startsWith('src/'))).toEqual([
      'src/commands/context.ts',
      'src/commands/exit-codes.ts',
      'src/commands/main.ts',
      'src/pki/errors.ts',
    ]);
  });

  it.each(['issue', 'ca', 'inspect'])('%s loads chalk and nothing else of npm', (command) => {
    const inputs = loadedWith(meta, `src/commands/${command}.ts`);
    expect(packagesIn(inputs).filter((name) => name !== 'commander')).toEqual(['chalk']);
  });

  it.each(['issue', 'ca'])('%s loads no code of inspect', (command) => {
    const inputs = loadedWith(meta, `src/commands/${command}.ts`);
    expect(inputs.filter((input) => /inspect|pkcs12|pkcs7|rc2/.test(input))).toEqual([]);
  });

  it('inspect loads no authority, no container format and no CRL reader before it meets one', () => {
    const inputs = loadedWith(meta, 'src/commands/inspect.ts');
    expect(inputs.filter((input) => /authorities|pkcs12|pkcs7|rc2|\/crl\.ts/.test(input))).toEqual([]);
  });
});
