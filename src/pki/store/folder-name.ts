import { createHash } from 'node:crypto';
import { PkiError } from '../errors.ts';

/**
 * The folder of a name: the name itself where it is only `[a-z0-9.-]` and at most 100 long,
 * else a slug of it with `~` and eight hex digits of its SHA-256 (wildcards, URIs, `Web` beside `web` on a Mac).
 */
export function folderName(name: string): string {
  if (/^[a-z0-9][a-z0-9.-]{0,99}$/.test(name)) return name;
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '_')
    .replace(/^[._-]+/, '')
    .slice(0, 80);
  return `${slug}~${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

/**
 * A name that a person chose for the store (`--as`).
 * @throws PkiError `bad-name`
 */
export function checkStoreName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name) || name.includes('..')) {
    throw new PkiError('bad-name', `name ${JSON.stringify(name.slice(0, 80))} cannot stand in the store`, {
      hint: 'letters, digits, dot, hyphen and underscore, at most 100, beginning with a letter or digit',
    });
  }
  return name;
}

/** `000014` */
export const generationName = (generation: number): string => String(generation).padStart(6, '0');
