// Bundles the program into dist/, split into chunks, so that a command loads only what it needs.
//   node build.mjs [--metafile FILE]     FILE gets esbuild's account of what went into which chunk
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const top = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({ options: { metafile: { type: 'string' } } });
const { version } = await readJson(join(top, 'package.json'));

async function bundle() {
  const { outputFiles, metafile } = await build({
    absWorkingDir: top,
    entryPoints: { main: 'src/commands/main.ts' },
    outdir: 'dist',
    write: false,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // A chunk's name holds its hash: two builds never mean different things by one file.
    chunkNames: '[name]-[hash]',
    minify: true,
    metafile: true,
    logLevel: 'warning',
    // The full texts are in THIRD_PARTY_LICENSES.
    legalComments: 'none',
    define: { __VERSION__: JSON.stringify(version) },
    plugins: [withoutDetours],
    // commander is CommonJS and asks for Node's own modules by require().
    banner: { js: "import{createRequire as $cr}from'node:module';const require=$cr(import.meta.url);" },
  });
  return { outputs: new Map(outputFiles.map(({ path, contents }) => [basename(path), contents])), metafile };
}

/**
 * What dependencies load at start and this program never uses, 5 ms in all: commander can run subcommands as programs
 * of their own, and chalk looks for colours where output.ts has decided already.
 */
const withoutDetours = {
  name: 'without-detours',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?child_process$/ }, ({ importer }) =>
      importer.includes('/commander/') ? { path: 'child_process', namespace: 'nothing' } : undefined,
    );
    onResolve({ filter: /^#supports-color$/ }, () => ({ path: 'supports-color', namespace: 'no-colour' }));
    onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'module.exports = {};' }));
    onLoad({ filter: /.*/, namespace: 'no-colour' }, () => ({
      contents: 'export default { stdout: false, stderr: false };',
    }));
  },
};

/** Chunks first and main.js last, each by rename: whoever starts the program meanwhile gets the old one or the new. */
async function writeDist(outputs, licences) {
  const dist = join(top, 'dist');
  const draft = await mkdtemp(join(top, 'dist.'));
  const files = new Map([['THIRD_PARTY_LICENSES', licences], ...outputs]);
  const names = [...files.keys()].filter((name) => name !== 'main.js');
  try {
    await mkdir(dist, { recursive: true });
    for (const name of [...names, 'main.js']) {
      await writeFile(join(draft, name), files.get(name));
      await rename(join(draft, name), join(dist, name));
    }
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  const stale = (await readdir(dist)).filter((name) => !files.has(name));
  await Promise.all(stale.map((name) => rm(join(dist, name), { recursive: true, force: true })));
}

async function licencesOf({ outputs }) {
  const inputs = Object.values(outputs).flatMap((output) => Object.keys(output.inputs));
  const folders = new Set(
    inputs.flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []),
  );
  return (await Promise.all([...folders].sort().map(licenceOf))).join(`\n${'-'.repeat(80)}\n\n`);
}

async function licenceOf(folder) {
  const { name, version, license } = await readJson(join(top, folder, 'package.json'));
  const file = (await readdir(join(top, folder))).find((entry) => /^licen[cs]e/i.test(entry));
  if (license === undefined && file === undefined) throw new Error(`${folder} names no licence`);
  const text = file === undefined ? '' : await readFile(join(top, folder, file), 'utf8');
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
}

async function readJson(path) {
  return JSON.parse(await readFile(path, 'utf8'));
}

const { outputs, metafile } = await bundle();
await writeDist(outputs, await licencesOf(metafile));
if (options.metafile !== undefined) await writeFile(options.metafile, JSON.stringify(metafile));
