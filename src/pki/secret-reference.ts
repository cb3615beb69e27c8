import { join, resolve } from 'node:path';
import { readIfThere } from './durable.ts';
import { PkiError } from './errors.ts';

/*
 * Where a secret is, never the secret itself: `file:PATH`, `env:NAME`, or `credential:NAME`, which systemd hands to a
 * service (LoadCredential=, LoadCredentialEncrypted=; systemd.exec(5)).
 */

export type SecretReference =
  { kind: 'file'; path: string } | { kind: 'env'; name: string } | { kind: 'credential'; name: string };

/**
 * @param label of the key or flag, for messages; what is refused may be a secret, and is not quoted.
 * @throws PkiError `bad-input`
 */
export function parseSecretReference(text: string, label: string): SecretReference {
  const [, kind, rest = ''] = /^(file|env|credential):(.+)$/s.exec(text) ?? [];
  if (kind === 'file' && !rest.startsWith('~') && !rest.includes('\0')) return { kind, path: rest };
  if (kind === 'env' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(rest)) return { kind, name: rest };
  if (kind === 'credential' && /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(rest)) return { kind, name: rest };
  throw new PkiError('bad-input', `${label} does not say where the secret is`, {
    hint: 'file:PATH, env:NAME or credential:NAME (systemd): a place, never the secret itself; ~ is not expanded',
  });
}

/** The environment that a run is lent. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The secret itself; of a file its first line.
 * @param base what a relative path is relative to.
 * @throws PkiError `passphrase` that names the place, never what is there.
 */
export function readSecret(reference: string, base: string, env: Environment): Buffer {
  const place = parseSecretReference(reference, 'passphrase');
  if (place.kind === 'env') {
    const value = env[place.name];
    if (value !== undefined && value !== '') return Buffer.from(value, 'utf8');
    throw missing(`the environment has no ${place.name}`);
  }
  if (place.kind === 'file') return firstLine(resolve(base, place.path));
  const folder = env['CREDENTIALS_DIRECTORY'];
  if (folder === undefined || folder === '') {
    throw missing(`there is no credential ${place.name}: CREDENTIALS_DIRECTORY is not set`);
  }
  return firstLine(join(folder, place.name));
}

function firstLine(file: string): Buffer {
  const bytes = readIfThere(file);
  if (!bytes) throw missing(`${file} is not there`);
  const end = bytes.indexOf('\n');
  const line = end === -1 ? bytes : bytes.subarray(0, end);
  const secret = line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
  if (secret.length === 0) throw missing(`the first line of ${file} is empty`);
  return secret;
}

const missing = (what: string): PkiError =>
  new PkiError('passphrase', what, { hint: 'put the passphrase there, or name another place' });
