import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { isThere, readIfThere } from '../durable.ts';
import type { CertificateFolder } from '../store/generation.ts';
import {
  changesBetween,
  keyIsElsewhere,
  readRequest,
  type Change,
  type Format,
  type StoredRequest,
} from '../store/request.ts';
import { readCertificate, type Certificate } from '../x509/certificate.ts';
import { dueAt } from './due.ts';

export interface Standing {
  generation: number;
  certificate: Certificate;
  /** When its successor is due. */
  due: Date;
  chain: readonly Buffer[];
}

/** Why a certificate is to be issued: it is not there, does not answer what is asked for, is torn, or is due. */
export type Reason = 'missing' | 'changed' | 'broken' | 'due';

/** By whose clock, and on which of several hosts, something is due. */
export interface Moment {
  now: Date;
  instance: string;
}

/** What stands in the store, judged by a request; `reason` where it does not do. */
export type Assessment =
  | { reason: undefined; standing: Standing }
  | {
      reason: Reason;
      generation: number | undefined;
      changes: readonly Change[];
      /** What stands there all the same, where it could be read. */
      standing: Standing | undefined;
    };

/** The generation in use, if its pair is whole, it answers the request and it is not due yet. */
export function standing(
  folder: CertificateFolder,
  request: StoredRequest,
  moment: Moment,
): Standing | undefined {
  const assessment = assess(folder, request, moment);
  return assessment.reason === undefined ? assessment.standing : undefined;
}

/**
 * Looks at what is in the store without touching it.
 * @param known what stands there, and whether its files are as they were left.
 */
export function assess(
  folder: CertificateFolder,
  request: StoredRequest,
  { now, instance }: Moment,
  known?: { generation: number; stored: StoredRequest; isSealed: boolean },
): Assessment {
  const generation = known?.generation ?? folder.current();
  const because = (reason: Reason, changes: readonly Change[] = [], there?: Standing): Assessment => ({
    reason,
    generation,
    changes,
    standing: there,
  });
  if (generation === undefined) return because('missing');
  const asked = known?.stored ?? readRequest(folder.requestFile)?.request;
  if (!asked) return because('broken');
  const changes = changesBetween(asked, request);
  const stored = { ...asked, renewAt: request.renewAt, spread: request.spread };
  const found = readGeneration(folder.currentPath, generation, stored, instance, known?.isSealed);
  if (changes.length > 0) return because('changed', changes, found);
  if (!found || lacksFormat(folder.currentPath, stored)) return because('broken');
  return now >= found.due ? because('due', [], found) : { reason: undefined, standing: found };
}

/** Files that were asked for beside the usual ones. */
const filesOf: Readonly<Record<Format, readonly string[]>> = {
  pair: ['pair.pem'],
  der: ['cert.der', 'key.der'],
};

const lacksFormat = (path: string, request: StoredRequest): boolean =>
  !keyIsElsewhere(request) &&
  request.formats.flatMap((format) => filesOf[format]).some((name) => !isThere(join(path, name)));

/**
 * What stands in a folder, or `undefined` where key, certificate and chain do not belong together, in whichever of its
 * files a reader looks for them.
 * @param isSealed whether that is known: then OpenSSL is not asked.
 */
export function readGeneration(
  path: string,
  generation: number,
  request: StoredRequest | undefined,
  instance: string,
  isSealed = false,
): Standing | undefined {
  const file = (name: string): Buffer | undefined => readIfThere(join(path, name));
  const chain = pemCertificates(file('fullchain.pem'));
  const [leaf] = chain;
  const withoutKey = request !== undefined && keyIsElsewhere(request);
  if (!leaf) return undefined;
  const isWhole = (): boolean =>
    belongTogether(file('key.pem'), leaf, withoutKey) && linked(chain) && areTheSame(file, leaf, chain);
  if (!isSealed && !isWhole()) return undefined;
  const certificate = readCertificate(leaf);
  return { generation, certificate, chain, due: dueAt(certificate, request, instance) };
}

/** The certificate of a generation, whatever else stands there. */
export function certificateIn(path: string): Certificate | undefined {
  const [leaf] = pemCertificates(readIfThere(join(path, 'cert.pem')));
  return leaf && readCertificate(leaf);
}

export function pemCertificates(pem: Buffer | undefined): Buffer[] {
  const blocks =
    pem?.toString('latin1').matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g) ?? [];
  return [...blocks].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
}

/** Whether the files that hold the same once more do. */
function areTheSame(
  file: (name: string) => Buffer | undefined,
  leaf: Buffer,
  chain: readonly Buffer[],
): boolean {
  const [below, pair, der, key] = [file('chain.pem'), file('pair.pem'), file('cert.der'), file('key.der')];
  // It may be empty, where the authority does not tell its root.
  if (!file('ca.pem')) return false;
  const equals = (some: readonly Buffer[], others: readonly Buffer[]): boolean =>
    some.length === others.length && some.every((one, index) => others[index]?.equals(one));
  return (
    below !== undefined &&
    equals(pemCertificates(file('cert.pem')), [leaf]) &&
    equals(pemCertificates(below), chain.slice(1)) &&
    (pair === undefined || (equals(pemCertificates(pair), chain) && belongTogether(pair, leaf, false))) &&
    (der === undefined || der.equals(leaf)) &&
    (key === undefined || belongTogether(key, leaf, false, 'der'))
  );
}

function belongTogether(
  key: Buffer | undefined,
  leaf: Buffer,
  foreignKey: boolean,
  format: 'pem' | 'der' = 'pem',
): boolean {
  if (foreignKey) return true;
  if (!key) return false;
  try {
    return new X509Certificate(leaf).publicKey.equals(
      createPublicKey(createPrivateKey({ key, format, type: 'pkcs8' })),
    );
  } catch {
    // A damaged key or certificate is a reason to issue anew, not to fail.
    return false;
  }
}

function linked(chain: readonly Buffer[]): boolean {
  try {
    const certificates = chain.map((der) => new X509Certificate(der));
    return certificates.every((one, index) => {
      const issuer = certificates[index + 1];
      return !issuer || one.verify(issuer.publicKey);
    });
  } catch {
    return false;
  }
}
