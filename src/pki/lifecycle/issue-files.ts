import { mkdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Authority, Journal, Pending, RequestKey } from '../authorities/authority.ts';
import { createOnce } from '../create-once.ts';
import {
  discard,
  ioError,
  isThere,
  makeFolder,
  orIoError,
  syncFolder,
  temporaryBeside,
  writeNew,
} from '../durable.ts';
import { foreignCode, PkiError } from '../errors.ts';
import { CertificateFolder, type Access } from '../store/generation.ts';
import type { PendingGeneration } from '../store/pending-generation.ts';
import { withLock } from '../store/lock.ts';
import { sweepDrafts } from '../sweep.ts';
import { writeTogether } from '../store/output-file.ts';
import { keyFileMode, resolveOwnership } from '../store/ownership.ts';
import { keyIsElsewhere, type StoredRequest } from '../store/request.ts';
import { readCertificate, serialHex, type Certificate } from '../x509/certificate.ts';
import { encryptedPrivateKeyPem, generateKey, privateKeyPem } from '../x509/key.ts';
import { keptKey, resumeOrBegin, type Discarding } from './begin.ts';
import { refuseFastOrder } from './clock-check.ts';
import { checkPlaces, pathsOf, type Destination } from './destination.ts';
import type { World } from './issue.ts';
import { pemSet, type PemSet } from './generation-files.ts';
import { checkWithAuthority, obtain, record } from './obtain.ts';

export interface FilesOrder extends Discarding {
  request: StoredRequest;
  destination: Destination;
  /** Overwrite what is there. */
  force: boolean;
  /** Milliseconds to wait for another run to the same place, where the certificate is paid for. */
  lockTimeout: number;
  /** Encrypts the key. */
  keyPassphrase: Buffer | undefined;
  /** Somebody else's signed request (DER). */
  foreign: Buffer | undefined;
}

export interface FilesResult {
  state: 'issued';
  certificate: Certificate;
  pem: PemSet;
  /** Absolute paths of what was written. */
  files: string[];
}

/** Nothing is kept between runs: what was not paid for need not be resumed. */
const noJournal: Journal = { read: () => undefined, write: () => undefined, forget: () => undefined };

/**
 * Certifies somebody else's request without writing anything anywhere.
 * @throws PkiError whatever the authority refuses; `usage` where a run that dies would lose what was paid for.
 */
export async function issueOnly(
  request: StoredRequest,
  foreign: Buffer,
  authority: Authority,
  now: Date,
): Promise<{ certificate: Certificate; pem: PemSet }> {
  if (authority.sells) {
    throw new PkiError(
      'usage',
      `what ${authority.reference} issues is paid for, and standard output keeps nothing`,
      {
        hint: 'name where it goes, so that a run that died can be resumed: --cert-out FILE, --out DIR or --as NAME',
      },
    );
  }
  const key: RequestKey = { kind: 'foreign', request: foreign };
  checkWithAuthority(request, key, authority, now);
  const issuance = await obtain(request, key, authority, noJournal, now);
  if (issuance.state === 'pending')
    throw new PkiError('internal', 'an unpaid certificate is not there at once');
  record(issuance);
  return { certificate: readCertificate(issuance.certificate), pem: pemSet(issuance) };
}

/**
 * Issues into plain files, each written by rename. Where the certificate is paid for, what a run has begun is kept in
 * a hidden folder beside them until they are written, and the same order goes on with it.
 * @throws PkiError `exists` before the authority is asked where a file is there and `force` is not.
 */
export async function issueIntoFiles(
  order: FilesOrder,
  authority: Authority,
  world: World,
): Promise<FilesResult | Pending> {
  const { request } = order;
  const access = {
    ownership: await resolveOwnership(request.owner, request.group),
    keyMode: keyFileMode(request.mode, request.group),
  };
  const { destination } = order;
  if (destination.kind === 'files' && destination.key !== undefined && keyIsElsewhere(request)) {
    throw new PkiError(
      'usage',
      `${authority.reference} keeps the key, and ${destination.key} would get none`,
      {
        hint: 'add --exportable, which is billed, or name a folder for the certificate: --out DIR',
      },
    );
  }
  const keeper = refusePlace(order, authority.sells);
  const foreign: RequestKey | undefined = order.foreign && { kind: 'foreign', request: order.foreign };
  checkWithAuthority(request, foreign, authority, world.now());
  const work = (): Promise<FilesResult | Pending> =>
    make(order, foreign, keeper, access, authority, world.now());
  if (!keeper) return work();
  makeFolder(dirname(keeper.path));
  const lock = { pid: world.pid, timeout: order.lockTimeout, signal: world.signal };
  // Beside the folder, which goes with the run that is done.
  return withLock(`${keeper.path}.lock`, lock, work);
}

/**
 * What `issueIntoFiles` refuses before it asks an authority.
 * @returns where it keeps what is paid for
 * @throws PkiError `exists`, `not-found`, `usage`
 */
export function refusePlace(
  order: Pick<FilesOrder, 'destination' | 'force' | 'foreign'>,
  sells: boolean,
): CertificateFolder | undefined {
  const { destination } = order;
  checkPlaces(destination);
  const keeper = sells ? keeperOf(destination) : undefined;
  refuseExisting(order, keeper);
  return keeper;
}

async function make(
  order: FilesOrder,
  foreign: RequestKey | undefined,
  keeper: CertificateFolder | undefined,
  access: Access,
  authority: Authority,
  now: Date,
): Promise<FilesResult | Pending> {
  const { destination, request, keyPassphrase } = order;
  const force = refuseExisting(order, keeper);
  if (keeper) sweepDrafts(dirname(keeper.path), basename(keeper.path));
  if (order.discardPending || keeper?.pending()?.read() === undefined) refuseFastOrder(request, authority);
  const pending = keeper && resumeOrBegin(keeper, request, order);
  const requestKey = foreign ?? (await ownKey(pending, order, access, authority));
  const issuance = await obtain(request, requestKey, authority, pending ?? noJournal, now).catch(
    (error: unknown) => {
      // Nothing at the authority is left to come back to.
      if (keeper && pending?.read() === undefined) dismiss(keeper);
      throw error;
    },
  );
  if (issuance.state === 'pending') return issuance;
  record(issuance);
  const key = issuance.key ?? (requestKey?.kind === 'own' ? requestKey.key : undefined);
  const certificate = readCertificate(issuance.certificate);
  const pem = pemSet(issuance);
  const keyText =
    key && (keyPassphrase ? await encryptedPrivateKeyPem(key, keyPassphrase) : privateKeyPem(key));
  const targets = pathsOf(destination, keyText !== undefined);
  const contents = targets.map(({ path, what }) => ({
    path,
    content: {
      data: what === 'key' ? (keyText ?? '') : pem[what],
      mode: what === 'key' ? access.keyMode : 0o644,
      ownership: access.ownership,
    },
  }));
  writeAll(contents, destination, force, certificate);
  if (keeper) dismiss(keeper);
  return { state: 'issued', certificate, pem, files: targets.map(({ path }) => path) };
}

function writeAll(
  contents: readonly Content[],
  destination: Destination,
  force: boolean,
  certificate: Certificate,
): void {
  try {
    const whole = destination.kind === 'folder' && writeAsNewFolder(destination, contents);
    if (!whole) writeEach(contents, force);
  } catch (error) {
    const failure = ioError(error, 'write', contents[0]?.path ?? '');
    throw new PkiError(
      failure.code,
      `${failure.message}; the certificate with serial ${serialHex(certificate.serial)} was issued for it`,
      { hint: failure.hint, cause: error },
    );
  }
}

/** `.NAME.certwright/` beside the folder or the certificate's file. */
function keeperOf(destination: Destination): CertificateFolder {
  const path = destination.kind === 'folder' ? destination.path : destination.cert;
  const keeper = join(dirname(path), `.${basename(path)}.certwright`);
  return new CertificateFolder(keeper);
}

/** Goes by one rename: half removed, it would look like a request that was never sent, and be sent again. */
function dismiss({ path }: CertificateFolder): void {
  const draft = temporaryBeside(path);
  orIoError('remove', path, () => {
    renameSync(path, draft);
  });
  discard(draft);
}

async function ownKey(
  pending: PendingGeneration | undefined,
  { request, keyPassphrase }: FilesOrder,
  access: Access,
  { makesKeys, sells }: Authority,
): Promise<RequestKey | undefined> {
  if (makesKeys) return undefined;
  const wishes = { reuse: undefined, passphrase: keyPassphrase, isPaid: sells };
  if (pending) return keptKey(pending, request, access, wishes);
  return { kind: 'own', key: await generateKey(request.keyType) };
}

type Content = { path: string; content: Parameters<typeof writeNew>[1] };

/** @returns whether what is there may be overwritten: what a run that died has written already is its own. */
function refuseExisting(
  { destination, force, foreign }: Pick<FilesOrder, 'destination' | 'force' | 'foreign'>,
  keeper?: CertificateFolder,
): boolean {
  if (force || keeper?.pending() !== undefined) return true;
  for (const { path } of pathsOf(destination, foreign === undefined)) {
    if (!isThere(path)) continue;
    throw new PkiError('exists', `${path} is there already`, {
      hint: 'add --force to overwrite it, or write elsewhere',
    });
  }
  return false;
}

/** A folder that is new appears whole, by one rename; one that is there keeps its owner, its mode and what is mounted on it. */
function writeAsNewFolder({ path: folder }: { path: string }, contents: readonly Content[]): boolean {
  if (isThere(folder)) return false;
  makeFolder(dirname(folder));
  sweepDrafts(dirname(folder), basename(folder));
  const draft = temporaryBeside(folder);
  try {
    mkdirSync(draft, 0o755);
    for (const { path, content } of contents) writeNew(join(draft, basename(path)), content);
    syncFolder(draft);
    renameSync(draft, folder);
  } catch (error) {
    discard(draft);
    // Another run was first: its files are there, and are judged one by one.
    if (['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) return false;
    throw ioError(error, 'write', folder);
  }
  syncFolder(dirname(folder));
  return true;
}

function writeEach(contents: readonly Content[], force: boolean): void {
  if (force) {
    const { failed } = writeTogether(contents.map(({ path, content }) => ({ path, ...content })));
    if (failed) throw failed.error;
    return;
  }
  const made: string[] = [];
  try {
    for (const { path, content } of contents) {
      sweepDrafts(dirname(path), basename(path));
      if (createOnce(path, content)) made.push(path);
      else throw appeared(path);
    }
  } catch (error) {
    // A key without its certificate would only stand in the next run's way.
    made.forEach(discard);
    throw error;
  }
}

const appeared = (path: string): PkiError =>
  new PkiError('exists', `${path} appeared meanwhile`, { hint: 'add --force to overwrite it' });
