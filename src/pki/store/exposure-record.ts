import { join } from 'node:path';
import { jsonText, readJson, replace } from '../durable.ts';
import { fingerprint } from '../x509/certificate.ts';
import type { CertificateFolder } from './generation.ts';

/*
 * exposed.json: keys that others could have read, by the SHA-256 of their public halves. It is written before a file is
 * mended, since a run that dies in between leaves nothing else that tells; and never forgotten, for going back to such
 * a key does not make it a secret again.
 */

const fileOf = (folder: CertificateFolder): string => join(folder.path, 'exposed.json');

/** @param publicKey SubjectPublicKeyInfo, DER. */
export const wasExposed = (folder: CertificateFolder, publicKey: Buffer): boolean =>
  keysOf(folder).includes(fingerprint(publicKey));

export function recordExposure(folder: CertificateFolder, publicKey: Buffer): void {
  const keys = [...new Set([...keysOf(folder), fingerprint(publicKey)])];
  replace(fileOf(folder), { data: jsonText({ schema: 1, keys }), mode: 0o644 }, 'now');
}

function keysOf(folder: CertificateFolder): unknown[] {
  const keys = readJson(fileOf(folder))?.['keys'];
  return Array.isArray(keys) ? (keys as unknown[]) : [];
}
