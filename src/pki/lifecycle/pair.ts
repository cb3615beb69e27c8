import type { KeyObject } from 'node:crypto';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readIfThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { certificateFolder } from '../store/store.ts';
import { defaultTrust } from '../store/trust-bundle.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { Crl } from '../x509/crl.ts';
import { kindOf } from '../x509/der-kind.ts';
import { openPrivateKey, publicKeyDer, type AskPassphrase } from '../x509/key.ts';
import { displayName } from '../x509/validation/verdict.ts';
import { readWhole } from './read-whole.ts';
import { storedName } from './stored-name.ts';
import { readCertificateFiles, readCertificates, readCrlFiles } from './trust.ts';

/** A certificate with its key, as a side of mutual TLS presents it. */
export interface Pair {
  /** Where it was found: a file, or a folder. */
  source: string;
  /** The certificate, then what is sent along. */
  chain: readonly [Certificate, ...Certificate[]];
  key: KeyObject;
  /** The roots that lie beside it in ca.pem; none where there is no such file. */
  anchors: readonly Certificate[];
  /** The CRLs that its store keeps for those roots. */
  crls: readonly Crl[];
}

export interface PairReference {
  /** A file or folder as an absolute path, or a name in the store. */
  reference: { kind: 'path'; path: string } | { kind: 'stored'; store: string; name: string };
  /** The key's file, where it lies elsewhere. */
  keyFile: string | undefined;
  /** The flag that named it, for messages. */
  flag: string;
  ask: AskPassphrase;
}

/**
 * Reads a pair: `fullchain.pem`, or `cert.pem` and `chain.pem`, with `key.pem`, of a folder or a stored certificate; or a
 * PEM file with the key in it, beside it as `key.pem`, or elsewhere.
 * @throws PkiError `not-found`, `malformed`, `key-mismatch`, `passphrase`, `unsupported`
 */
export async function readPair({ reference, keyFile, flag, ask }: PairReference): Promise<Pair> {
  const { source, files, folder, store } = locate(reference, flag);
  const [file = source, ...more] = files;
  const bytes = readWhole(file);
  refusePkcs12(bytes, file, flag);
  const own = await readCertificates(bytes, file, flag);
  const [leaf, ...others] = [...own, ...(await readCertificateFiles(more, flag))];
  if (!leaf) throw new PkiError('bad-input', `${flag} ${source} holds no certificate`);
  const key = await readKey(keyFile ?? keyBeside(bytes, file, folder), flag, ask);
  checkKey(key, [leaf, ...others], source);
  const anchors = await readAnchors(join(folder, 'ca.pem'));
  return { source, chain: [leaf, ...others], key, anchors, crls: await storedCrls(store, anchors) };
}

interface Location {
  source: string;
  /** Files with the certificate and what is sent along. */
  files: string[];
  folder: string;
  store: string | undefined;
}

function locate(reference: PairReference['reference'], flag: string): Location {
  if (reference.kind === 'stored') {
    const { store } = reference;
    const name = storedName(store, reference.name);
    const current = certificateFolder(store, name).currentPath;
    if (!existsSync(current)) {
      throw new PkiError(
        'not-found',
        `${flag} ${JSON.stringify(name)} is neither a file, nor a folder, nor a certificate in ${store}`,
        { hint: 'name one of them; --store DIR looks elsewhere' },
      );
    }
    return { ...inFolder(current, flag), source: name, store };
  }
  const { path } = reference;
  if (!existsSync(path)) {
    throw new PkiError('not-found', `${flag} ${path} is not there`, {
      hint: 'name the file of the certificate',
    });
  }
  if (!statSync(path).isDirectory()) {
    return { source: path, files: [path], folder: dirname(path), store: undefined };
  }
  const current = join(path, 'current');
  return existsSync(current)
    ? { ...inFolder(current, flag), source: path, store: dirname(path) }
    : { ...inFolder(path, flag), source: path, store: undefined };
}

function inFolder(path: string, flag: string): Omit<Location, 'source' | 'store'> {
  // Once: the link may move while its files are read.
  const folder = realpathSync(path);
  const at = (name: string): string => join(folder, name);
  if (existsSync(at('fullchain.pem'))) return { files: [at('fullchain.pem')], folder };
  if (!existsSync(at('cert.pem'))) {
    throw new PkiError('not-found', `${flag} ${path} has neither fullchain.pem nor cert.pem`, {
      hint: 'name the file of the certificate instead',
    });
  }
  const chain = readIfThere(at('chain.pem'));
  return { files: chain?.length ? [at('cert.pem'), at('chain.pem')] : [at('cert.pem')], folder };
}

const keyBlock = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;

/** It holds all that a pair needs, and may hold more than one: which of them is meant is for its owner to say. */
function refusePkcs12(bytes: Buffer, file: string, flag: string): void {
  if (kindOf(bytes) !== 'pkcs12') return;
  throw new PkiError('unsupported', `${flag}: ${file} is PKCS#12, and a pair is read from PEM`, {
    hint: 'openssl pkcs12 -in FILE -nodes -out FILE.pem makes PEM of it',
  });
}

function keyBeside(bytes: Buffer, file: string, folder: string): string {
  if (keyBlock.test(bytes.toString('latin1'))) return file;
  const beside = join(folder, 'key.pem');
  if (existsSync(beside)) return beside;
  throw new PkiError('not-found', `there is no key in ${file} and no key.pem beside it`, {
    hint: 'a pair needs both: name the key with --key FILE, or put both into one PEM file',
  });
}

async function readKey(file: string, flag: string, ask: AskPassphrase): Promise<KeyObject> {
  const pem = readWhole(file);
  refusePkcs12(pem, file, flag);
  if (!keyBlock.test(pem.toString('latin1'))) {
    throw new PkiError('unsupported', `${file} holds no private key in PEM`, {
      hint: 'of DER, openssl pkey -inform DER -in FILE -out FILE.pem makes PEM',
    });
  }
  try {
    return await openPrivateKey(pem, file, ask);
  } catch (error) {
    if (!(error instanceof PkiError) || error.code !== 'passphrase') throw error;
    throw new PkiError('passphrase', error.message, {
      hint: `give the right one ${passphraseFlag(flag)}`,
      cause: error,
    });
  }
}

/** Two pairs of one command have a flag each. */
function passphraseFlag(flag: string): string {
  if (!flag.startsWith('--')) return `for ${flag} in a file`;
  const own = flag === '--server' || flag === '--client' ? flag.slice(2).concat('-') : '';
  return `with --${own}passphrase-file FILE`;
}

function checkKey(key: KeyObject, chain: readonly Certificate[], source: string): void {
  const own = publicKeyDer(key);
  const at = chain.findIndex(({ publicKey }) => publicKey.equals(own));
  if (at === 0) return;
  const [first] = chain;
  const name = first ? displayName(first) : '';
  throw new PkiError(
    'key-mismatch',
    `the key of ${source} does not belong to its first certificate, ${name}`,
    {
      hint:
        at < 0
          ? 'give the key that the certificate was issued for'
          : `it belongs to the certificate at place ${at + 1}: that one must stand first`,
    },
  );
}

/** An empty ca.pem says that the root is not known. */
async function readAnchors(file: string): Promise<Certificate[]> {
  const there = readIfThere(file);
  return there?.length ? readCertificateFiles([file], 'the trust beside it,') : [];
}

/** The store's default trust keeps CRLs for its own roots only. */
async function storedCrls(store: string | undefined, anchors: readonly Certificate[]): Promise<Crl[]> {
  if (store === undefined) return [];
  const folder = join(defaultTrust(store), 'current');
  const roots = await readAnchors(join(folder, 'ca.pem'));
  if (!anchors.some(({ der }) => roots.some((root) => root.der.equals(der)))) return [];
  const crls = join(folder, 'crl.pem');
  return readIfThere(crls)?.length ? readCrlFiles([crls], 'the CRLs beside it,') : [];
}
