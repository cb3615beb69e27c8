import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { jsonText, readJson, replace } from '../durable.ts';
import type { CertificateFolder } from './generation.ts';

/** `revoked.json` beside request.json: what was revoked at an authority that keeps its records elsewhere. */
export interface RevocationRecord {
  /** Lower-case hex. */
  serial: string;
  generation: number;
  authority: string;
  /** RFC 3339. */
  at: string;
  reason: string;
}

const fileOf = (folder: CertificateFolder): string => join(folder.path, 'revoked.json');

/** A sweep asks for each certificate, and nearly none was revoked. */
export function readRevocations(folder: CertificateFolder): RevocationRecord[] {
  const file = fileOf(folder);
  if (!lstatSync(file, { throwIfNoEntry: false })) return [];
  const list = readJson(file)?.['revocations'];
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

const isRecord = (value: unknown): value is RevocationRecord =>
  typeof value === 'object' &&
  value !== null &&
  'serial' in value &&
  typeof value.serial === 'string' &&
  'at' in value &&
  typeof value.at === 'string' &&
  'reason' in value &&
  typeof value.reason === 'string';

/** Under the lock of the name. What is there stays as it was first written. */
export function recordRevocation(folder: CertificateFolder, record: RevocationRecord): void {
  const known = readRevocations(folder);
  if (known.some(({ serial }) => serial === record.serial)) return;
  replace(
    fileOf(folder),
    { data: jsonText({ schema: 1, revocations: [...known, record] }), mode: 0o644 },
    'now',
  );
}
