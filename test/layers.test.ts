import { resolve } from 'node:path';
import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';

const top = resolve(import.meta.dirname, '..');
const eslint = new ESLint({
  cwd: top,
  overrideConfigFile: resolve(top, 'eslint.config.js'),
  // Snippets are no files of the project: what needs types is left out.
  overrideConfig: {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: false, project: null } },
  },
  ruleFilter: ({ ruleId }) => layerRules.has(ruleId),
});
const layerRules = new Set(['certwright/layers', 'no-restricted-globals', 'no-restricted-properties']);

/** The rules that refuse `code` as the content of `file`. */
async function refusals(file: string, code: string): Promise<(string | null)[]> {
  const [result] = await eslint.lintText(code, { filePath: resolve(top, file) });
  return result?.messages.map(({ ruleId, message }) => ruleId ?? message) ?? [];
}

const forms = {
  'static import': (to: string) => `import { a } from '${to}'; a();`,
  'import for effect': (to: string) => `import '${to}';`,
  'type import': (to: string) => `import type { A } from '${to}'; export const a: A = 1;`,
  'inline type import': (to: string) => `import { type A } from '${to}'; export const a: A = 1;`,
  'import() type': (to: string) => `export type A = import('${to}').A;`,
  're-export': (to: string) => `export { a } from '${to}';`,
  're-export of all': (to: string) => `export * from '${to}';`,
  're-export of types': (to: string) => `export type { A } from '${to}';`,
  'dynamic import': (to: string) => `export const a = () => import('${to}');`,
};

/** bin/ is CommonJS. */
const formsFor = (file: string): Readonly<Record<string, (to: string) => string>> =>
  file.startsWith('bin/') ? { require: (to: string) => `require('${to}');` } : forms;

const forbidden: readonly (readonly [file: string, to: string])[] = [
  ['bin/certwright.js', '../src/pki/lifecycle/issue.ts'],

  ['src/commands/issue.ts', '../pki/authorities/open.ts'],
  ['src/commands/issue.ts', '../pki/authorities/authority.ts'],
  ['src/commands/issue.ts', '../pki/authorities/local/open.ts'],
  ['src/commands/issue.ts', '../pki/store/store.ts'],
  ['src/commands/issue.ts', '../pki/deploy/hook.ts'],
  ['src/commands/issue.ts', '../pki/tls/probe.ts'],
  ['src/commands/issue.ts', '@aws-sdk/client-acm'],
  ['src/commands/issue.ts', '@peculiar/x509'],
  ['src/commands/issue.ts', 'chalk'],
  ['src/commands/issue.ts', 'ora'],
  ['src/commands/issue.ts', '../../test/support/cli.ts'],

  ['src/pki/lifecycle/issue.ts', '../../commands/context.ts'],
  ['src/pki/lifecycle/config.ts', 'yaml'],
  ['src/pki/config/config.ts', 'yaml'],
  ['src/pki/config/config.ts', '../lifecycle/issue.ts'],
  ['src/pki/store/request.ts', '../config/config.ts'],
  ['src/pki/lifecycle/issue.ts', 'commander'],
  ['src/pki/lifecycle/issue.ts', 'chalk'],
  ['src/pki/lifecycle/issue.ts', '@peculiar/x509'],
  ['src/pki/lifecycle/issue.ts', 'node:process'],
  ['src/pki/lifecycle/issue.ts', 'console'],

  ['src/pki/authorities/authority.ts', './open.ts'],
  ['src/pki/authorities/authority.ts', './local/open.ts'],
  ['src/pki/authorities/local/open.ts', '../open.ts'],
  ['src/pki/authorities/local/open.ts', '../acm/client.ts'],
  ['src/pki/authorities/acm-pca/client.ts', '../local/open.ts'],
  ['src/pki/authorities/acm-pca/client.ts', '../acm/client.ts'],
  ['src/pki/authorities/local/open.ts', '../../store/store.ts'],
  ['src/pki/authorities/open.ts', '../lifecycle/issue.ts'],

  ['src/pki/store/store.ts', '../authorities/open.ts'],
  ['src/pki/store/store.ts', '../authorities/local/open.ts'],
  ['src/pki/store/store.ts', '../deploy/hook.ts'],
  ['src/pki/store/store.ts', '../tls/probe.ts'],
  ['src/pki/deploy/hook.ts', '../authorities/authority.ts'],
  ['src/pki/deploy/hook.ts', '../store/store.ts'],
  ['src/pki/tls/probe.ts', '../deploy/hook.ts'],

  ['src/pki/x509/key.ts', '../store/store.ts'],
  ['src/pki/x509/key.ts', '../authorities/authority.ts'],
  ['src/pki/x509/key.ts', '@peculiar/x509'],
  ['src/pki/x509/key.ts', 'reflect-metadata'],
  ['src/pki/x509/request.ts', 'commander'],
  ['src/pki/errors.ts', './x509/key.ts'],
];

describe('an import that climbs or crosses is refused, in every form', () => {
  for (const [file, to] of forbidden) {
    it(`${file} -> ${to}`, async () => {
      for (const [form, write] of Object.entries(formsFor(file))) {
        expect(await refusals(file, write(to)), form).toEqual(['certwright/layers']);
      }
    });
  }
});

const allowed: readonly (readonly [file: string, to: string])[] = [
  ['bin/certwright.js', '../dist/main.js'],
  ['src/commands/issue.ts', './output.ts'],
  ['src/commands/issue.ts', '../pki/lifecycle/issue.ts'],
  ['src/commands/issue.ts', '../pki/x509/duration.ts'],
  ['src/commands/issue.ts', '../pki/errors.ts'],
  ['src/commands/main.ts', 'commander'],
  ['src/commands/context.ts', 'node:process'],
  ['src/commands/output.ts', 'chalk'],
  ['src/commands/output.ts', 'ora'],
  ['src/pki/lifecycle/issue.ts', '../authorities/open.ts'],
  ['src/pki/lifecycle/ca.ts', '../authorities/local/init.ts'],
  ['src/pki/lifecycle/issue.ts', '../store/store.ts'],
  ['src/pki/authorities/open.ts', './local/open.ts'],
  ['src/pki/authorities/local/open.ts', '../authority.ts'],
  // ACM's private certificates are made by a CA of AWS Private CA.
  ['src/pki/authorities/acm/client.ts', '../acm-pca/client.ts'],
  ['src/pki/store/store.ts', '../x509/key.ts'],
  ['src/pki/store/store.ts', '../durable.ts'],
  ['src/pki/store/store.ts', 'node:fs/promises'],
  ['src/pki/x509/validation/search.ts', '../certificate.ts'],
  ['src/pki/x509/request.ts', '@peculiar/x509'],
  ['src/pki/x509/request.ts', 'reflect-metadata'],
];

it.each(allowed)('%s may import %s', async (file, to) => {
  for (const [form, write] of Object.entries(formsFor(file))) {
    expect(await refusals(file, write(to)), form).toEqual([]);
  }
});

it('the store may take types from the contract, and nothing else', async () => {
  const file = 'src/pki/store/generation.ts';
  for (const [form, write] of Object.entries(forms)) {
    const expected = form.includes('type') ? [] : ['certwright/layers'];
    expect(await refusals(file, write('../authorities/authority.ts')), form).toEqual(expected);
  }
  const mixed = `import { type A, b } from '../authorities/authority.ts'; export const a: A = b;`;
  expect(await refusals(file, mixed)).toEqual(['certwright/layers']);
});

it.each([
  ['process.exit(1);', 'no-restricted-globals'],
  ['console.log(1);', 'no-restricted-globals'],
  ['export const env = globalThis.process.env;', 'no-restricted-properties'],
])('src/pki knows no process and no console: %s', async (code, rule) => {
  expect(await refusals('src/pki/x509/key.ts', code)).toEqual([rule]);
  expect(await refusals('src/commands/context.ts', code)).toEqual([]);
});

it.each([
  ['src/utils/strings.ts', 'export const a = 1;'],
  ['src/commands/main.ts', 'export const load = (name: string) => import(name);'],
])('a file outside the rooms and an import that cannot be judged are refused: %s', async (file, code) => {
  expect(await refusals(file, code)).toEqual(['certwright/layers']);
});
