import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Entity } from './chains.ts';
import { pairOf, pemOf } from './tls-server.ts';

/** Writes a pair as a folder that `verify-mtls` takes: fullchain.pem, key.pem, and ca.pem where a root is given. */
export function writePair(
  folder: string,
  name: string,
  leaf: Entity,
  others: readonly Entity[] = [],
  root?: Entity,
): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  const { cert, key } = pemOf(pairOf(leaf, ...others));
  writeFileSync(join(path, 'fullchain.pem'), cert);
  writeFileSync(join(path, 'key.pem'), key, { mode: 0o600 });
  if (root) writeFileSync(join(path, 'ca.pem'), pemOf(pairOf(root)).cert);
  return path;
}
