import { join } from 'node:path';
import { isThere, readIfThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { readRequest } from '../store/request.ts';
import { certificateFolder, storedNames } from '../store/store.ts';
import { readCertificate, serialHex } from '../x509/certificate.ts';
import { referenceOf } from './authority-reference.ts';
import { dueAt } from './due.ts';
import { KnownRevocations, type KnownRevocation } from './known-revocations.ts';

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
  /** When it should be replaced. */
  due: Date;
  /** What is on record here of its revocation. */
  revoked: KnownRevocation | undefined;
}

/** One that cannot be told. */
export interface BrokenRow {
  name: string;
  error: PkiError;
}

/**
 * Every certificate of a store, what ends first first.
 * @throws PkiError `not-found` where there is no store: "nothing to see" would hide a mistyped path
 */
export function listStored(store: string, instance: string): { rows: StoredRow[]; broken: BrokenRow[] } {
  if (!isThere(store)) {
    throw new PkiError('not-found', `there is no store in ${store}`, {
      hint: 'name its folder with --store; "certwright issue" makes one',
    });
  }
  const rows: StoredRow[] = [];
  const broken: BrokenRow[] = [];
  const revocations = new KnownRevocations();
  for (const name of storedNames(store)) {
    try {
      rows.push(rowOf(store, name, instance, revocations));
    } catch (error) {
      if (!(error instanceof PkiError)) throw error;
      broken.push({ name, error });
    }
  }
  return { rows: rows.sort((a, b) => a.notAfter.getTime() - b.notAfter.getTime()), broken };
}

function rowOf(store: string, name: string, instance: string, revocations: KnownRevocations): StoredRow {
  const folder = certificateFolder(store, name);
  const file = join(folder.currentPath, 'cert.pem');
  const [, base64] =
    /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/.exec(
      readIfThere(file)?.toString('latin1') ?? '',
    ) ?? [];
  if (base64 === undefined) {
    throw new PkiError('malformed', `${file} holds no certificate`, {
      hint: 'restore it from a backup, or issue the certificate anew with --force',
    });
  }
  const certificate = readCertificate(Buffer.from(base64, 'base64'));
  const request = readRequest(folder.requestFile)?.request;
  return {
    name,
    generation: folder.current() ?? 0,
    authority: request?.authority,
    names: request?.names ?? [],
    serial: serialHex(certificate.serial),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    due: dueAt(certificate, request, instance),
    revoked: request && revocations.of(folder, referenceOf(store, request), certificate),
  };
}
