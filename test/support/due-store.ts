import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { run } from './cli.ts';
import { problemsIn } from './invariants.ts';

/*
 * A working folder whose certificates are due: issued 25 days ago for 30, each with copies at fixed places and one hook
 * that serves the copy and notes of which generation it was told.
 */

const day = 86_400_000;
/** CERTWRIGHT_INSTANCE of every run. */
export const instance = 'here';

const contents = { key: 'key.pem', fullchain: 'fullchain.pem', pair: 'pair.pem', p12: 'store.p12' };

/** It may run beside one that a killed run has left. */
const hook = `#!/bin/sh
set -e
cd "$CERTWRIGHT_STORE/.."
for name in $CERTWRIGHT_NAMES; do
  cp "tls/$name.pair.pem" ".served.$name.$$"
  mv ".served.$name.$$" "tls/$name.served.pem"
  echo "$name $CERTWRIGHT_GENERATION" >> told
done
`;

interface Equipment {
  /** PKCS#12 takes its time. */
  copies?: readonly (keyof typeof contents)[];
  hook?: boolean;
}

export async function makeDueStore(
  cwd: string,
  names: readonly string[],
  { copies = ['key', 'fullchain', 'pair', 'p12'], hook: withHook = true }: Equipment = {},
): Promise<void> {
  mkdirSync(join(cwd, 'tls'));
  writeFileSync(join(cwd, 'passphrase'), 'correct horse\n', { mode: 0o600 });
  writeFileSync(join(cwd, 'hook'), hook, { mode: 0o755 });
  const outputsOf = (name: string): object[] =>
    copies.map((content) => ({
      path: `tls/${name}.${contents[content]}`,
      content,
      ...(content === 'p12' ? { passphrase: 'file:passphrase' } : {}),
    }));
  const certificates = Object.fromEntries(names.map((name) => [name, { outputs: outputsOf(name) }]));
  const defaults = { formats: ['pair'], ...(withHook ? { deploy: { run: ['./hook'] } } : {}) };
  writeFileSync(join(cwd, 'certwright.yaml'), JSON.stringify({ defaults, certificates }));
  const lent = { cwd, env: { CERTWRIGHT_INSTANCE: instance }, now: () => new Date(Date.now() - 25 * day) };
  for (const argv of [
    ['ca', 'init', '--name', 'Campaign'],
    ['issue', '--all', '--quiet'],
  ]) {
    expect(await run(argv, lent)).toMatchObject({ code: 0 });
  }
}

const text = (...path: string[]): string => readFileSync(join(...path), 'utf8');
export const currentOf = (cwd: string, name: string): number =>
  Number(readlinkSync(join(cwd, 'certs', name, 'current')).slice(-6));

/** The key and the certificates of a file that holds both belong together. */
function pairProblems(file: string): string[] {
  if (!existsSync(file)) return [];
  const certificate = new X509Certificate(readFileSync(file));
  return certificate.checkPrivateKey(createPrivateKey(readFileSync(file))) ? [] : [`${file} is torn`];
}

/** What must hold at every moment: in the store, and of each copy that holds a whole pair. */
export function brokenIn(cwd: string, names: readonly string[]): string[] {
  const copies = names.flatMap((name) => [`${name}.pair.pem`, `${name}.served.pem`]);
  return [...problemsIn(cwd), ...copies.flatMap((copy) => pairProblems(join(cwd, 'tls', copy)))];
}

/** What is not as it should be once a run has ended well: copies, what the service took, and what is remembered of it. */
export function unfinishedIn(cwd: string, name: string, generation: number): string[] {
  const folder = join(cwd, 'certs', name);
  const record = JSON.parse(text(folder, 'deploy', `${instance}.json`)) as Record<string, unknown>;
  const same = (copy: string, file: string): string[] =>
    text(cwd, 'tls', `${name}.${copy}`) === text(folder, 'current', file) ? [] : [`${copy} is not ${file}`];
  return [
    ...(currentOf(cwd, name) === generation ? [] : [`generation ${currentOf(cwd, name)} is in use`]),
    ...(record['generation'] === generation && record['failed'] === null ? [] : [JSON.stringify(record)]),
    ...same('key.pem', 'key.pem'),
    ...same('fullchain.pem', 'fullchain.pem'),
    ...same('pair.pem', 'pair.pem'),
    ...same('served.pem', 'pair.pem'),
    ...(told(cwd, name).some((one) => one === generation || one === 0)
      ? []
      : [`told of ${told(cwd, name).join(', ')}`]),
  ];
}

/** Of which generations a service was told. One that shares its run with others is told of no number: that is 0. */
export function told(cwd: string, name: string): number[] {
  const file = join(cwd, 'told');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  return lines.filter((line) => line.startsWith(`${name} `)).map((line) => Number(line.split(' ')[1]));
}
