import { createPrivateKey, type KeyObject } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PkiError } from '../errors.ts';
import { isThere, orIoError, readIfThere, replace } from '../durable.ts';
import { sweepDrafts } from '../sweep.ts';
import { encryptedPrivateKeyPem, privateKeyPem, type AskPassphrase } from '../x509/key.ts';
import { allIssuers, openCa, openKeyFile, type Issuer } from '../authorities/local/open.ts';

export interface ProtectedKey {
  issuer: string;
  file: string;
  before: 'plain' | 'encrypted';
  after: 'plain' | 'encrypted';
  /** `false` where an earlier run had come so far. */
  changed: boolean;
}

interface OpenedKey {
  issuer: Issuer;
  file: string;
  /** `undefined` where it is as it shall be. */
  key: KeyObject | undefined;
  encrypted: boolean;
}

/**
 * Writes the CA's keys anew, under another passphrase or under none. All of them are opened before the first is written; each
 * is replaced by one rename. A run that died in between is gone on with by the same call: a key that the new passphrase opens
 * is done.
 * @param offlineRoot the file of a root's key that is not in the folder.
 * @param ask for the passphrase that opens them now; it is asked more than once.
 * @param askNew `undefined` takes the encryption away.
 * @throws PkiError `passphrase`, `key-mismatch`, `lax-permissions`: then no key was touched
 */
export async function protectKeys(
  folder: string,
  offlineRoot: string | undefined,
  ask: AskPassphrase,
  askNew: AskPassphrase | undefined,
): Promise<ProtectedKey[]> {
  openCa(folder);
  const files = keyFiles(folder, offlineRoot);
  // At a terminal, the old one is asked for first.
  if (files.some(({ file }) => isEncrypted(readIfThere(file)))) await ask();
  const passphrase = await askNew?.();
  const opened: OpenedKey[] = [];
  for (const { issuer, file } of files) {
    opened.push(await open(issuer, file, ask, passphrase));
  }
  const texts: (string | undefined)[] = [];
  for (const { key } of opened) texts.push(key && (await textOf(key, passphrase)));
  return opened.map(({ issuer, file, encrypted }, index) => {
    const text = texts[index];
    if (text !== undefined) write(file, text);
    const after = passphrase ? 'encrypted' : 'plain';
    return {
      issuer: issuer.id,
      file,
      before: encrypted ? 'encrypted' : 'plain',
      after,
      changed: text !== undefined,
    };
  });
}

function keyFiles(folder: string, offlineRoot: string | undefined): { issuer: Issuer; file: string }[] {
  const all = allIssuers(folder);
  const here = all
    .map((issuer) => ({ issuer, file: join(issuer.folder, 'key.pem') }))
    .filter(({ file }) => isThere(file));
  if (offlineRoot === undefined) {
    if (here.length > 0) return here;
    throw new PkiError('not-found', `no key is in ${folder}`, {
      hint: "name the file of the root's key with --offline-root",
    });
  }
  const root = all.find(({ chain }) => chain.length === 0);
  if (!root) throw new PkiError('not-found', `no root is in ${folder}`, { hint: 'leave out --offline-root' });
  return [...here.filter(({ issuer }) => issuer !== root), { issuer: root, file: offlineRoot }];
}

async function open(
  issuer: Issuer,
  file: string,
  ask: AskPassphrase,
  wanted: Buffer | undefined,
): Promise<OpenedKey> {
  const encrypted = isEncrypted(readIfThere(file));
  try {
    const key = await openKeyFile(issuer, file, ask);
    return { issuer, file, encrypted, key: encrypted || wanted ? key : undefined };
  } catch (error) {
    if (!wanted || !(error instanceof PkiError) || error.code !== 'passphrase') throw error;
    const isDone = await openKeyFile(issuer, file, () => Promise.resolve(wanted)).then(
      () => true,
      () => false,
    );
    if (!isDone) throw error;
    return { issuer, file, encrypted, key: undefined };
  }
}

const isEncrypted = (pem: Buffer | undefined): boolean => pem?.includes('ENCRYPTED') ?? false;

/** The old key is given up for this: it is opened once more first. */
async function textOf(key: KeyObject, passphrase: Buffer | undefined): Promise<string> {
  if (!passphrase) return privateKeyPem(key);
  const text = await encryptedPrivateKeyPem(key, passphrase);
  if (createPrivateKey({ key: text, passphrase }).equals(key)) return text;
  throw new PkiError('internal', 'a key that was encrypted is not opened by its passphrase', {
    hint: 'nothing was written',
  });
}

function write(file: string, text: string): void {
  // Of a run that died: it may be a key without a passphrase.
  sweepDrafts(dirname(file), 'key.pem');
  const { mode, uid, gid } = orIoError('look at', file, () => lstatSync(file));
  replace(file, { data: text, mode: mode & 0o600, ownership: { uid, gid } });
}
