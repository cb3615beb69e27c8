import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../pki/lifecycle/config.ts';
import { PkiError } from '../pki/errors.ts';
import { isArn, nonEmpty } from './options.ts';
import type { Context } from './context.ts';

export interface ConfigFlags {
  config?: string;
}

export const addConfigOption = (command: Command): Command =>
  command.option(
    '--config <file>',
    'declared certificates (CERTWRIGHT_CONFIG; ./certwright.yaml where it exists)',
  );

/**
 * What `--config`, CERTWRIGHT_CONFIG or the folder declares; `undefined` where there is nothing of the kind, and then
 * no code that reads YAML is loaded.
 * @throws PkiError `bad-config`, `not-found`, `unreadable`, `lax-permissions`
 */
export async function loadConfig(flags: ConfigFlags, context: Context): Promise<Config | undefined> {
  const named = flags.config ?? nonEmpty(context.env['CERTWRIGHT_CONFIG']);
  const shown = named ?? 'certwright.yaml';
  const file = resolve(context.cwd, shown);
  // A link that leads nowhere is a file that is meant to be there.
  if (named === undefined && !lstatSync(file, { throwIfNoEntry: false })) return undefined;
  const { readConfig } = await import('../pki/lifecycle/config.ts');
  const config = readConfig(file, shown);
  await refuseLaxConfig(config, context.uid);
  return config;
}

/** What it says is kept in request.json, and run from there: another user's word must not get so far. */
async function refuseLaxConfig({ file, defaults, certificates }: Config, uid: number): Promise<void> {
  const all = [defaults, ...[...certificates.values()].map(({ settings }) => settings)];
  if (!all.some(({ deploy }) => deploy !== undefined)) return;
  const { refuseLaxSource } = await import('../pki/lifecycle/config.ts');
  refuseLaxSource(file, uid);
}

/**
 * The same where nothing can be done without it.
 * @throws PkiError `not-found` where there is none
 */
export async function requireConfig(flags: ConfigFlags, context: Context): Promise<Config> {
  const config = await loadConfig(flags, context);
  if (config) return config;
  throw new PkiError('not-found', `there is no certwright.yaml in ${context.cwd}`, {
    hint: 'name the file with --config FILE or CERTWRIGHT_CONFIG; docs/config.md shows one',
  });
}

/**
 * An alias of the config file, an ARN as it stands, or a folder as an absolute path.
 * @throws PkiError `usage`: a variable of a script that is not set is no authority
 */
export function authorityNamed(text: string, config: Config | undefined, context: Context): string {
  if (text === '') throw new PkiError('usage', '--ca is empty', { hint: 'name a CA, or leave it out' });
  const declared = config?.authorities.get(text);
  return declared ?? (isArn(text) ? text : resolve(context.cwd, text));
}
