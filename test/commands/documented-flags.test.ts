import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run, temporaryFolder } from '../support/cli.ts';
import { top } from '../support/page.ts';

/** The page of each command, and the section of it where it shares the page with others. */
const pages: Readonly<Record<string, string>> = {
  issue: 'issue.md',
  rotate: 'rotate.md',
  revoke: 'revoke.md',
  adopt: 'store.md#adopt',
  remove: 'store.md#remove',
  inspect: 'inspect.md',
  import: 'aws.md#Into ACM',
  trust: 'trust.md',
  bundle: 'bundle.md',
  list: 'list.md',
  'verify-mtls': 'verify-mtls.md',
  'config check': 'config.md',
  'ca init': 'ca.md#ca init',
  'ca create': 'aws.md#A CA of AWS Private CA',
  'ca crl': 'ca.md#ca crl',
  'ca show': 'ca.md#ca show',
  'ca doctor': 'ca-life.md#ca doctor',
  'ca log': 'ca-life.md#ca log',
  'ca backup': 'ca-life.md#ca backup, ca restore',
  'ca restore': 'ca-life.md#ca backup, ca restore',
  'ca passwd': 'ca-life.md#ca passwd',
  'ca request': "ca-life.md#An issuing CA under somebody else's root",
  'ca install-cert': "ca-life.md#An issuing CA under somebody else's root",
  'ca adopt': 'ca-life.md#ca adopt',
};

/** What stands above all sections holds for each of them. */
function textOf(page: string): string {
  const [file = '', title] = page.split('#');
  const [above = '', ...sections] = readFileSync(join(top, 'docs', file), 'utf8').split(/^## /m);
  return title === undefined
    ? [above, ...sections].join('')
    : above + (sections.find((section) => section.startsWith(`${title}\n`)) ?? '');
}

async function help(...words: string[]): Promise<string> {
  const { code, stdout } = await run([...words, '--help'], { cwd: temporaryFolder() });
  expect(code).toBe(0);
  return stdout;
}

const listed = (text: string, form: RegExp): string[] =>
  [...text.matchAll(form)].map(([, word = '']) => word);

it.each(Object.entries(pages))('every flag of %s is named in %s', async (command, page) => {
  const flags = listed(await help(...command.split(' ')), /^ {2}(?:-\w, )?(--[a-z-]+)/gm);
  expect(flags.length).toBeGreaterThan(3);
  const text = textOf(page);
  const missing = flags.filter((flag) => !new RegExp(`${flag}(?![a-z-])`).test(text));
  // These mean the same everywhere.
  const general = ['--json', '--quiet', '--verbose', '--help'];
  expect(missing.filter((flag) => !general.includes(flag))).toEqual([]);
});

it('every command has a page', async () => {
  const form = /^ {2}([a-z][a-z-]*) /gm;
  const commandsIn = (text: string): string[] =>
    listed(text.slice(text.indexOf('\nCommands:')).split('\n\n')[0] ?? '', form).filter(
      (name) => name !== 'help',
    );
  const all = await Promise.all(
    commandsIn(await help()).map(async (name) => {
      const below = ['ca', 'config'].includes(name) ? commandsIn(await help(name)) : [];
      return below.length === 0 ? [name] : below.map((word) => `${name} ${word}`);
    }),
  );
  expect(all.flat().sort()).toEqual(Object.keys(pages).sort());
});
