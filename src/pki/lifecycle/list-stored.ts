import { join } from 'node:path';
import { readIfThere, readJson } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { readDeployRecord } from '../store/deploy-record.ts';
import { readFailures, type FailureRecord } from '../store/failure-record.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { readReplacing } from '../store/replacing-record.ts';
import { readRequest, refuseCopied, type StoredRequest } from '../store/request.ts';
import { certificateFolder, requireStore, storedNames } from '../store/store.ts';
import { readLife, serialHex } from '../x509/certificate.ts';
import { unknownAuthority } from './authority-reference.ts';
import { followUp, isUntold } from './follow-up.ts';
import { earliestDue, IssuersAbove } from './issuers-above.ts';
import { KnownRevocations, type KnownRevocation } from './known-revocations.ts';
import { revocationOf } from './revocation-of.ts';
import { firstOrderIn, type UnfinishedOrder } from './unfinished-order.ts';

/** One certificate of the store, as it stands. */
export interface StoredRow {
  name: string;
  generation: number;
  /** As request.json names it: a path relative to the store, an ARN, `acm` or `acm:ARN`; `undefined` where it does not tell. */
  authority: string | undefined;
  names: string[];
  /** Lower-case hex. */
  serial: string;
  notBefore: Date;
  notAfter: Date;
  /** When it should be replaced: its own time, or that of the first above it that ends before it. */
  due: Date;
  /** When this generation was made, where its version.json tells. */
  made: Date | undefined;
  /** Whether an earlier run has begun its successor and not finished it. */
  begun: boolean;
  /** The generation that `revoke --replace` was to revoke, and did not live to; null where there is none. */
  toRevoke: number | null;
  /** What its successor was asked for in vain. */
  failed: FailureRecord | undefined;
  /** What is on record here of its revocation. */
  revoked: KnownRevocation | undefined;
  /** What this host's service made of it; `undefined` where nobody is told of a switch. */
  deploy: DeployState | undefined;
}

export interface DeployState {
  /** `candidate`: a newer generation that no server has shown was switched back from. */
  state: 'done' | 'pending' | 'candidate';
  /** That the service took last. */
  generation: number | undefined;
  /** How often in a row that has failed, and why last. */
  attempts: number;
  message: string | undefined;
}

/** One that cannot be told. */
export interface BrokenRow {
  name: string;
  error: PkiError;
}

export interface StoredList {
  rows: StoredRow[];
  broken: BrokenRow[];
  /** First orders, of names that have no certificate yet. */
  orders: UnfinishedOrder[];
  /** CAs in folders whose revocations cannot be read, by their absolute paths: whoever may see a store need not see its CA. */
  unread: ReadonlyMap<string, PkiError>;
}

/**
 * Every certificate of a store, what ends first first.
 * @throws PkiError as `requireStore`: "nothing to see" would hide a mistyped path
 */
export function listStored(store: string, instance: string): StoredList {
  requireStore(store);
  const unread = new Map<string, PkiError>();
  const seen: Seen = { issuers: new IssuersAbove(), revocations: new KnownRevocations(unread) };
  const rows: StoredRow[] = [];
  const broken: BrokenRow[] = [];
  const orders: UnfinishedOrder[] = [];
  const seeEmpty = (folder: CertificateFolder): void => {
    const order = firstOrderIn(folder);
    if (order) orders.push(order);
  };
  for (const name of storedNames(store, seeEmpty)) {
    try {
      rows.push(rowOf(store, name, instance, seen));
    } catch (error) {
      if (!(error instanceof PkiError)) throw error;
      broken.push({ name, error });
    }
  }
  return { rows: rows.sort((a, b) => a.notAfter.getTime() - b.notAfter.getTime()), broken, orders, unread };
}

/** What is read once for all. */
interface Seen {
  issuers: IssuersAbove;
  revocations: KnownRevocations;
}

function rowOf(store: string, name: string, instance: string, seen: Seen): StoredRow {
  const folder = certificateFolder(store, name);
  folder.refuseTorn();
  const text = (file: string): string =>
    readIfThere(join(folder.currentPath, file))?.toString('latin1') ?? '';
  const [, base64] =
    /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/.exec(text('cert.pem')) ?? [];
  if (base64 === undefined) {
    throw new PkiError('malformed', `${join(folder.currentPath, 'cert.pem')} holds no certificate`, {
      hint: 'restore it from a backup, or issue the certificate anew with --force',
    });
  }
  const life = readLife(Buffer.from(base64, 'base64'));
  const request = readRequest(folder.requestFile)?.request;
  if (request) refuseCopied(folder.requestFile, request, name);
  const generation = folder.current() ?? 0;
  // What is damaged above it is for rotate to say.
  const above = seen.issuers.of(text('chain.pem'), text('ca.pem')) ?? { issuer: undefined, end: Infinity };
  return {
    name,
    generation,
    authority: request?.authority === unknownAuthority ? undefined : request?.authority,
    names: request?.names ?? [],
    serial: serialHex(life.serial),
    notBefore: life.notBefore,
    notAfter: life.notAfter,
    due: earliestDue(life, above, request, instance),
    made: madeAt(folder),
    begun: !folder.isAtRest && folder.pending() !== undefined,
    toRevoke: readReplacing(folder) ?? null,
    failed: readFailures(folder, generation),
    revoked: request && revocationOf(folder, store, { certificate: life, generation }, seen.revocations),
    deploy: request && deployState(folder, request, generation, instance),
  };
}

function madeAt(folder: CertificateFolder): Date | undefined {
  const created = readJson(join(folder.currentPath, 'version.json'))?.['created'];
  const time = typeof created === 'string' ? new Date(created) : undefined;
  return time && !Number.isNaN(time.getTime()) ? time : undefined;
}

function deployState(
  folder: CertificateFolder,
  request: StoredRequest,
  current: number,
  instance: string,
): DeployState | undefined {
  if (!followUp(folder, request)) return undefined;
  const record = readDeployRecord(folder, instance);
  const { generation, failed, candidate } = record;
  if (candidate && candidate.generation > current) {
    return { state: 'candidate', generation, attempts: candidate.attempts, message: candidate.message };
  }
  if (!isUntold(folder, request, current, instance))
    return { state: 'done', generation, attempts: 0, message: undefined };
  return { state: 'pending', generation, attempts: failed?.attempts ?? 0, message: failed?.message };
}
