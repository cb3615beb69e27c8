import { join } from 'node:path';
import { jsonText, readJson, replace } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { sweepDrafts } from '../sweep.ts';
import { fingerprint } from '../x509/certificate.ts';
import type { CertificateFolder } from './generation.ts';

/*
 * outputs.json: encrypted outputs differ each time they are written. Opening one costs a tenth of a second; so what was
 * written is recorded, and of what: a code that only the private key itself allows to compute, for a plain digest of a
 * passphrase could be tried out.
 */

interface Written {
  /** HMAC of all that the file was made of, under the private key. */
  of: string;
  /** SHA-256 of the file. */
  sha256: string;
}

const fileOf = (folder: CertificateFolder): string => join(folder.path, 'outputs.json');

/** Whether a file is the one that was written last of the same. */
export function isAsWritten(folder: CertificateFolder, path: string, of: string, bytes: Uint8Array): boolean {
  const written = read(folder)[path];
  return written?.of === of && written.sha256 === fingerprint(bytes);
}

/** Under the lock; best effort, since the files themselves are right. @param gone whether an output with this path is not asked for any more. */
export function recordWritten(
  folder: CertificateFolder,
  written: ReadonlyMap<string, { of: string; bytes: Uint8Array }>,
  gone: (path: string) => boolean,
): void {
  const before = Object.entries(read(folder)).filter(([path]) => !gone(path));
  const now = [...written].map(([path, { of, bytes }]) => [path, { of, sha256: fingerprint(bytes) }]);
  const sealed: object = Object.fromEntries([...before, ...now]) as object;
  try {
    sweepDrafts(folder.path, 'outputs.json');
    replace(fileOf(folder), { data: jsonText({ schema: 1, sealed }), mode: 0o600 }, 'later');
  } catch {
    // Then the next run writes the files once more.
  }
}

/** A record that is damaged, or not ours to read, is none: then the files are written once more. */
function read(folder: CertificateFolder): Record<string, Written> {
  try {
    const sealed = readJson(fileOf(folder))?.['sealed'];
    return typeof sealed === 'object' && sealed !== null ? (sealed as Record<string, Written>) : {};
  } catch (error) {
    if (error instanceof PkiError) return {};
    throw error;
  }
}
