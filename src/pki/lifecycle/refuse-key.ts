import { readIfThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { kindOf, type DerKind } from '../x509/der-kind.ts';

const keys: readonly (DerKind | undefined)[] = [
  'pkcs8',
  'encrypted-pkcs8',
  'sec1',
  'rsa-private',
  'dsa-private',
  'pkcs12',
];

/** Whoever mistypes where a report or a copy is to go must not lose a key. @throws PkiError `exists` */
export function refuseKey(path: string): void {
  const there = readIfThere(path);
  if (!there || !(there.includes('PRIVATE KEY-----') || keys.includes(kindOf(there)))) return;
  throw new PkiError('exists', `${path} holds a private key`, { hint: 'name another file to write' });
}
