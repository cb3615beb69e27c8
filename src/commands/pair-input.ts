import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { readPair, type Pair } from '../pki/lifecycle/pair.ts';
import { readAnchorFiles, readCrlFiles, systemRootsFile } from '../pki/lifecycle/trust.ts';
import type { Certificate } from '../pki/x509/certificate.ts';
import type { Crl } from '../pki/x509/crl.ts';
import type { Context } from './context.ts';
import { nonEmpty, storePath, type StoreFlags } from './options.ts';
import { passphraseFile, prompt } from './passphrase.ts';

interface PairFlags {
  /** The flag that names the pair, and what it says. */
  flag: string;
  value: string;
  key: string | undefined;
  passphraseFile: string | undefined;
}

/** A pair by its path, where there is one, or else by its name in the store. */
export function readGivenPair(given: PairFlags, flags: StoreFlags, context: Context): Promise<Pair> {
  const path = resolve(context.cwd, given.value);
  return readPair({
    reference: existsSync(path)
      ? { kind: 'path', path }
      : { kind: 'stored', store: storePath(flags, context), name: given.value },
    keyFile: given.key === undefined ? undefined : resolve(context.cwd, given.key),
    flag: given.flag,
    ask: async () =>
      given.passphraseFile === undefined
        ? prompt(`passphrase of the key of ${given.value}`, context)
        : passphraseFile(given.passphraseFile, context),
  });
}

/** Roots of files, `system` for the system's; `undefined` where no file is given. */
export async function readTrust(
  flag: string,
  files: readonly string[] | undefined,
  context: Context,
): Promise<Certificate[] | undefined> {
  if (files === undefined) return undefined;
  const paths = files.map((file) =>
    resolve(
      context.cwd,
      file === 'system' ? systemRootsFile(nonEmpty(context.env['SSL_CERT_FILE']), existsSync) : file,
    ),
  );
  return readAnchorFiles(paths, flag);
}

export async function readCrls(
  files: readonly string[] | undefined,
  context: Context,
): Promise<Crl[] | undefined> {
  if (files === undefined) return undefined;
  return readCrlFiles(
    files.map((file) => resolve(context.cwd, file)),
    '--crl',
  );
}
