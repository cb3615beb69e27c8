import { lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Authority, Journal } from '../authorities/authority.ts';
import {
  createOnce,
  discard,
  ioError,
  makeFolder,
  orIoError,
  replace,
  syncFolder,
  temporaryBeside,
  writeNew,
} from '../durable.ts';
import { foreignCode, PkiError } from '../errors.ts';
import { keyFileMode, resolveOwnership } from '../store/ownership.ts';
import type { StoredRequest } from '../store/request.ts';
import { readCertificate, serialHex, type Certificate } from '../x509/certificate.ts';
import { encryptedPrivateKeyPem, generateKey, privateKeyPem, publicKeyDer } from '../x509/key.ts';
import { pemSet, type PemSet } from './generation-files.ts';
import { refuseDifferences } from './issue.ts';
import { profileFor } from './profile-for.ts';

/** Where a pipeline wants its files. */
export type Destination =
  { kind: 'folder'; path: string } | { kind: 'files'; key: string | undefined; cert: string };

export interface FilesOrder {
  request: StoredRequest;
  destination: Destination;
  /** Overwrite what is there. */
  force: boolean;
  /** Encrypts the key. */
  keyPassphrase: Buffer | undefined;
  /** Somebody else's public key. */
  publicKey: Buffer | undefined;
}

export interface FilesResult {
  certificate: Certificate;
  pem: PemSet;
  /** Absolute paths of what was written. */
  files: string[];
}

/** Nothing is kept between runs: without a store there is nowhere to resume from. */
const noJournal: Journal = { read: () => undefined, write: () => undefined };

/**
 * Makes a certificate without writing it anywhere.
 * @throws PkiError whatever the authority refuses.
 */
export async function issueOnly(
  request: StoredRequest,
  publicKey: Buffer,
  authority: Authority,
  now: Date,
): Promise<{ certificate: Certificate; pem: PemSet }> {
  const profile = profileFor(request, publicKey, authority, now);
  authority.check(profile);
  const issuance = await authority.issue(profile, noJournal);
  refuseDifferences(profile, request, issuance);
  return { certificate: readCertificate(issuance.certificate), pem: pemSet(issuance) };
}

/**
 * Issues into plain files, each written by rename.
 * @throws PkiError `exists` before the authority is asked where a file is there and `force` is not.
 */
export async function issueIntoFiles(
  order: FilesOrder,
  authority: Authority,
  now: Date,
): Promise<FilesResult> {
  const { destination, request, keyPassphrase } = order;
  const ownership = await resolveOwnership(request.owner, request.group);
  const keyMode = keyFileMode(request.mode, request.group);
  const targets = pathsOf(destination, order.publicKey === undefined);
  if (!order.force) refuseExisting(targets.map(({ path }) => path));
  authority.check(profileFor(request, order.publicKey ?? Buffer.alloc(0), authority, now));

  const key = order.publicKey ? undefined : await generateKey(request.keyType);
  const { certificate, pem } = await issueOnly(
    request,
    order.publicKey ?? publicKeyDer(notNull(key)),
    authority,
    now,
  );
  const keyText =
    key && (keyPassphrase ? await encryptedPrivateKeyPem(key, keyPassphrase) : privateKeyPem(key));
  const contents = targets.map(({ path, what }) => ({
    path,
    content: {
      data: what === 'key' ? (keyText ?? '') : pem[what],
      mode: what === 'key' ? keyMode : 0o644,
      ownership,
    },
  }));
  try {
    const whole = destination.kind === 'folder' && writeAsNewFolder(destination, contents);
    if (!whole) writeEach(contents, order.force);
  } catch (error) {
    const failure = ioError(error, 'write', targets[0]?.path ?? '');
    throw new PkiError(
      failure.code,
      `${failure.message}; the certificate with serial ${serialHex(certificate.serial)} was issued for it`,
      {
        hint: failure.hint,
        cause: error,
      },
    );
  }
  return { certificate, pem, files: targets.map(({ path }) => path) };
}

function notNull<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('a key is missing');
  return value;
}

type Target = { path: string; what: 'key' | keyof PemSet };
type Content = { path: string; content: Parameters<typeof writeNew>[1] };

/** The key first and the certificate last: a certificate that is there has its key. */
function pathsOf(destination: Destination, withKey: boolean): Target[] {
  if (destination.kind === 'files') {
    const key: Target[] =
      withKey && destination.key !== undefined ? [{ path: destination.key, what: 'key' }] : [];
    return [...key, { path: destination.cert, what: 'fullchain' }];
  }
  const names = ['key', 'chain', 'ca', 'fullchain', 'cert'] as const;
  return names
    .filter((what) => withKey || what !== 'key')
    .map((what) => ({ path: join(destination.path, `${what}.pem`), what }));
}

function refuseExisting(paths: readonly string[]): void {
  for (const path of paths) {
    if (!isThere(path)) continue;
    throw new PkiError('exists', `${path} is there already`, {
      hint: 'add --force to overwrite it, or write elsewhere',
    });
  }
}

function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return false;
    throw ioError(error, 'look at', path);
  }
}

/** A folder that is new or empty appears whole, by one rename. */
function writeAsNewFolder({ path: folder }: { path: string }, contents: readonly Content[]): boolean {
  if (isThere(folder) && orIoError('read', folder, () => readdirSync(folder)).length > 0) return false;
  makeFolder(dirname(folder));
  const draft = temporaryBeside(folder);
  try {
    mkdirSync(draft);
    for (const { path, content } of contents) writeNew(join(draft, basename(path)), content);
    syncFolder(draft);
    renameSync(draft, folder);
  } catch (error) {
    discard(draft);
    throw ioError(error, 'write', folder);
  }
  syncFolder(dirname(folder));
  return true;
}

function writeEach(contents: readonly Content[], force: boolean): void {
  for (const { path, content } of contents) {
    if (force) replace(path, content);
    else if (!createOnce(path, content)) {
      throw new PkiError('exists', `${path} appeared meanwhile`, { hint: 'add --force to overwrite it' });
    }
  }
}
