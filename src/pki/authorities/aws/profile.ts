import { homedir } from 'node:os';
import { join } from 'node:path';
import { readIfThere } from '../../durable.ts';
import { PkiError } from '../../errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const isNamed = ({ AWS_PROFILE: name = '' }: Environment): boolean => name !== '';

/** By `--profile`, AWS_PROFILE, or since nobody names another. */
export const profileName = (env: Environment): string =>
  isNamed(env) ? (env['AWS_PROFILE'] ?? '') : 'default';

/** Whether the profile counts: keys of the environment come before one that nobody has named. */
export const counts = (env: Environment): boolean =>
  isNamed(env) || !env['AWS_ACCESS_KEY_ID'] || !env['AWS_SECRET_ACCESS_KEY'];

/** What a profile says: the files where it could be, those where it is, and its lines in all of them. */
export function settingsOf(env: Environment): { files: string[]; found: string[]; text: string } {
  const named = (variable: string): string | undefined => (env[variable] === '' ? undefined : env[variable]);
  // A unit of systemd may have no HOME.
  const home = join(named('HOME') ?? homedir(), '.aws');
  const files = [
    named('AWS_CONFIG_FILE') ?? join(home, 'config'),
    named('AWS_SHARED_CREDENTIALS_FILE') ?? join(home, 'credentials'),
  ];
  const name = profileName(env);
  const found = files.filter((file) => sectionOf(file, name) !== undefined);
  return { files, found, text: found.map((file) => sectionOf(file, name)).join('\n') };
}

/**
 * Refuses a profile that is named and is nowhere: the SDK would go on with whatever the machine it runs on may do.
 * @throws PkiError `credentials`
 */
export function refuseNoProfile(env: Environment): void {
  if (!isNamed(env) || profileName(env) === 'default') return;
  const { files, found } = settingsOf(env);
  if (found.length > 0) return;
  const name = JSON.stringify(profileName(env));
  throw new PkiError('credentials', `there is no profile ${name} in ${files.join(' or ')}`, {
    hint: 'look at --profile, AWS_PROFILE, AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE; keys of the environment do not count beside a profile that is named',
  });
}

/** The lines of a profile; `undefined` where the file has no such one. */
function sectionOf(file: string, name: string): string | undefined {
  try {
    const [, ...sections] = (readIfThere(file)?.toString('utf8') ?? '').split(/^[^\S\n]*\[/m);
    const own = sections.find((section) => {
      const [, title = ''] = /^\s*(?:profile\s+)?([^\]\n]+?)\s*\]/.exec(section) ?? [];
      return title.replace(/^["']|["']$/g, '') === name;
    });
    return own?.slice(own.indexOf(']') + 1);
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}
