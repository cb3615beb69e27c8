import { exec, type ExecException } from 'node:child_process';
import { promisify } from 'node:util';
import { PkiError } from '../../errors.ts';
import type { AwsConnection } from './options.ts';
import { counts, profileName, settingsOf } from './profile.ts';

const run = promisify(exec);

interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: Date;
}

/** Which of its settings come before the program of a profile. */
const earlier = /^\s*(aws_access_key_id|role_arn|sso_\w+|web_identity_token_file)\s*=/m;

/**
 * The credentials that the program of a profile hands out (credential_process, in the AWS CLI's config), as the SDK asks for
 * them. The SDK itself passes over a program that fails, with what it says of that, and goes on with whatever this machine may do.
 * @returns `undefined` where no such program counts
 */
export function credentialProcess({ env, signal }: AwsConnection): (() => Promise<Credentials>) | undefined {
  const { text } = settingsOf(env);
  // The file of credentials comes last, and wins.
  const [, line] = [...text.matchAll(/^\s*credential_process\s*=\s*(.+)$/gm)].at(-1) ?? [];
  const command = line?.split(/\s[;#]/)[0]?.trim();
  if (command === undefined || earlier.test(text) || !counts(env)) return undefined;
  const refuse = (why: string): PkiError =>
    new PkiError(
      'credentials',
      `the credential_process of profile ${JSON.stringify(profileName(env))} ${why}`,
      {
        hint: 'run it by hand; it stands in the config of the profile',
      },
    );
  return async () => {
    try {
      return parsed((await run(command, { signal })).stdout, refuse);
    } catch (error) {
      if (error instanceof PkiError) throw error;
      const { code, signal: killed, stderr = '' } = error as ExecException & { stderr?: string };
      // Not what it prints, nor how it is called: there are secrets in both.
      throw refuse(`ends with ${code ?? killed ?? 'an error'}: ${lastOf(stderr)}`);
    }
  };
}

const lastOf = (stderr: string): string =>
  stderr.trim().split('\n').slice(-3).join('; ') || 'it says nothing';

function parsed(stdout: string, refuse: (why: string) => PkiError): Credentials {
  let json: unknown;
  try {
    json = JSON.parse(stdout);
  } catch {
    throw refuse('prints no JSON');
  }
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration, Version } = Object(json) as Record<
    string,
    unknown
  >;
  if (Version !== 1) throw refuse('prints no Version 1');
  if (typeof AccessKeyId !== 'string' || typeof SecretAccessKey !== 'string') {
    throw refuse('prints no AccessKeyId, or no SecretAccessKey');
  }
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    ...(typeof SessionToken === 'string' ? { sessionToken: SessionToken } : {}),
    ...(typeof Expiration === 'string' ? { expiration: new Date(Expiration) } : {}),
  };
}
