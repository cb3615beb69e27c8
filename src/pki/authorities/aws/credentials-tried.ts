import { profileName, settingsOf, type Environment } from './profile.ts';

/**
 * Where credentials were looked for, in the SDK's order, and what was found there: the SDK itself only says that there were
 * none. No value of a secret is said.
 */
export function credentialsTried(env: Environment): string {
  return [keys(env), profile(env), webIdentity(env), container(env), instance(env)].join('; ');
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== '';

function keys(env: Environment): string {
  const [id, secret] = [isSet(env['AWS_ACCESS_KEY_ID']), isSet(env['AWS_SECRET_ACCESS_KEY'])];
  if (id && secret) return 'AWS_ACCESS_KEY_ID: set, but a profile is named and comes before it';
  if (id || secret) {
    const [there, missing] = id ? ['ID', 'SECRET_ACCESS_KEY'] : ['SECRET', 'ACCESS_KEY_ID'];
    return `AWS_ACCESS_KEY_ID: the ${there.toLowerCase()} is set, AWS_${missing} is not`;
  }
  return 'AWS_ACCESS_KEY_ID: not set';
}

function profile(env: Environment): string {
  const name = JSON.stringify(profileName(env));
  const { files, found, text } = settingsOf(env);
  if (found.length === 0) return `profile ${name}: not in ${files.join(', nor in ')}`;
  const why = reasons.find(([setting]) => new RegExp(`^\\s*${setting}\\s*=`, 'm').test(text))?.[1];
  return `profile ${name} of ${found.join(' and ')}: gives none (${why ?? 'it has no keys, no role and no SSO'})`;
}

/** What keeps a profile from giving any, by the setting that it has. */
const reasons = [
  ['sso_\\w+', 'it is of SSO: "aws sso login"; the SDK asks SSO past any proxy'],
  ['role_arn', 'it is of a role: look at its source_profile or credential_source'],
  ['aws_access_key_id', 'its aws_secret_access_key is missing'],
] as const;

function webIdentity(env: Environment): string {
  const file = env['AWS_WEB_IDENTITY_TOKEN_FILE'];
  if (!isSet(file)) return 'web identity (AWS_WEB_IDENTITY_TOKEN_FILE): not set';
  return `web identity ${JSON.stringify(file)}: ${isSet(env['AWS_ROLE_ARN']) ? 'gives none' : 'AWS_ROLE_ARN is not set'}`;
}

const container = (env: Environment): string =>
  isSet(env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI']) || isSet(env['AWS_CONTAINER_CREDENTIALS_FULL_URI'])
    ? 'container: gives none'
    : 'container: not in one';

const instance = (env: Environment): string =>
  env['AWS_EC2_METADATA_DISABLED'] === 'true'
    ? 'instance: switched off by AWS_EC2_METADATA_DISABLED'
    : 'instance: does not answer, or has no role';
