// Bundles the program into dist/: a file a command, and chunks/ for what a command loads only when it meets the need.
// They are CommonJS: Node's loader for ES modules costs 3 ms at start and more for every file.
//   node build.mjs                    builds dist/
//   node build.mjs --modules FILE     only says, for each command, which modules its start loads
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { rolldown } from 'rolldown';

const top = dirname(fileURLToPath(import.meta.url));
const main = join(top, 'src/commands/main.ts');
const { values: options } = parseArgs({ options: { modules: { type: 'string' } } });
const { version } = await readJson(join(top, 'package.json'));

/** `main` knows the commands' names only: for help, and for words that are none of them. */
async function bundle(name) {
  const atStart = new Set();
  const build = await rolldown({
    cwd: top,
    input: { [name]: main },
    platform: 'node',
    transform: { target: 'node20.19', define: { __VERSION__: JSON.stringify(version) } },
    checks: { ineffectiveDynamicImport: false },
    plugins: [only(name), withoutDetours, collect(name, atStart)],
  });
  const { output } = await build.generate({
    format: 'cjs',
    minify: true,
    // The full texts are in THIRD_PARTY_LICENSES.
    comments: false,
    dynamicImportInCjs: false,
    entryFileNames: '[name].js',
    // A chunk's name holds its hash: two builds never mean different things by one file.
    chunkFileNames: `chunks/[name]-[hash].js`,
    codeSplitting: { groups: [{ name, test: (id) => atStart.has(id) }] },
  });
  await build.close();
  return { output, atStart: [...atStart].map((id) => relative(top, id)).sort() };
}

/** Of the table of commands in main.ts, one stays. */
const only = (name) => ({
  name: 'only',
  resolveId(source, importer, { kind }) {
    const command = /^\.\/([a-z-]+)\.ts$/.exec(source)?.[1];
    const other = importer === main && kind === 'dynamic-import' && isCommand(command) && command !== name;
    return other ? '\0nothing' : undefined;
  },
});

/**
 * What dependencies load at start and this program never uses, 5 ms in all: commander can run subcommands as programs
 * of their own, and chalk looks for colours where output.ts has decided already.
 */
const withoutDetours = {
  name: 'without-detours',
  resolveId(source, importer = '') {
    if (/^(node:)?child_process$/.test(source) && importer.includes('/commander/')) return '\0nothing';
    return source === '#supports-color' ? '\0no-colour' : undefined;
  },
  load(id) {
    if (id === '\0nothing') return 'export default {};';
    return id === '\0no-colour' ? 'export default { stdout: false, stderr: false };' : undefined;
  },
};

/** Finds what is loaded in any case: whatever main.ts and the command import, and what these import. */
const collect = (name, found) => ({
  name: 'collect',
  buildEnd() {
    const visit = (id) => {
      const module = found.has(id) ? null : this.getModuleInfo(id);
      if (module === null) return;
      found.add(id);
      module.importedIds.forEach(visit);
    };
    visit(main);
    const command = join(dirname(main), `${name}.ts`);
    if (name !== 'main') visit(command);
  },
});

const isCommand = (name) => commands.includes(name);

/** The names in the table of main.ts. */
async function readCommands() {
  const text = await readFile(main, 'utf8');
  return [...text.matchAll(/load: \(\) => import\('\.\/([a-z-]+)\.ts'\)/g)].map(([, name]) => name);
}

/** Chunks first and entries last, each by rename: whoever starts the program meanwhile gets the old one or the new. */
async function writeDist(licences, outputs) {
  const inOrder = [...outputs].sort((a, b) => Number(a.isEntry) - Number(b.isEntry));
  const files = new Map([
    ['THIRD_PARTY_LICENSES', licences],
    ['package.json', '{ "type": "commonjs" }\n'],
    ...inOrder.map(({ fileName, code }) => [fileName, code]),
  ]);
  const dist = join(top, 'dist');
  const draft = await mkdtemp(join(top, 'dist.'));
  try {
    await mkdir(join(dist, 'chunks'), { recursive: true });
    for (const [name, content] of files) {
      await writeFile(join(draft, basename(name)), content);
      await rename(join(draft, basename(name)), join(dist, name));
    }
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  const there = await readdir(dist, { recursive: true });
  const stale = there.filter((name) => name !== 'chunks' && !files.has(name));
  await Promise.all(stale.map((name) => rm(join(dist, name), { recursive: true, force: true })));
}

async function licencesOf(modules) {
  const folders = new Set(
    modules.flatMap((path) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []),
  );
  return (await Promise.all([...folders].sort().map(licenceOf))).join(`\n${'-'.repeat(80)}\n\n`);
}

async function licenceOf(folder) {
  const { name, version, license } = await readJson(join(folder, 'package.json'));
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  if (license === undefined && file === undefined) throw new Error(`${folder} names no licence`);
  const text = file === undefined ? '' : await readFile(join(folder, file), 'utf8');
  return `${name} ${version} (${license})\n\n${text.trim()}\n`;
}

async function readJson(path) {
  return JSON.parse(await readFile(path, 'utf8'));
}

const commands = await readCommands();
const names = [...commands, 'main'];
const bundles = await Promise.all(names.map(bundle));
if (options.modules !== undefined) {
  const atStart = Object.fromEntries(names.map((name, index) => [name, bundles[index].atStart]));
  await writeFile(options.modules, JSON.stringify(atStart, null, 2));
} else {
  const outputs = bundles.flatMap(({ output }) => output);
  const licences = await licencesOf(outputs.flatMap(({ moduleIds }) => moduleIds));
  await writeDist(licences, outputs);
}
