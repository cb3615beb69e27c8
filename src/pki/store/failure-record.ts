import { join } from 'node:path';
import { isThere, jsonText, readJson, replace, unlinkIfThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import type { CertificateFolder } from './generation.ts';

/** failures.json: what became of the attempts to replace a generation. */
export interface FailureRecord {
  /** The one that was to be replaced. */
  generation: number;
  /** How often in a row. */
  failures: number;
  /** When last. */
  last: Date;
  code: string;
  message: string;
}

const fileOf = (folder: CertificateFolder): string => join(folder.path, 'failures.json');

/** `undefined` where none is recorded of this generation, or the record is damaged: it is only for patience. */
export function readFailures(folder: CertificateFolder, generation: number): FailureRecord | undefined {
  const { failures, last, code, message, ...rest } = quietly(fileOf(folder)) ?? {};
  const time = typeof last === 'string' ? new Date(last) : new Date(Number.NaN);
  if (rest['generation'] !== generation || Number.isNaN(time.getTime())) return undefined;
  if (typeof failures !== 'number' || !Number.isSafeInteger(failures) || failures < 1) return undefined;
  return { generation, failures, last: time, code: String(code), message: String(message) };
}

function quietly(file: string): Record<string, unknown> | undefined {
  try {
    return readJson(file);
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}

/** Best effort: what cannot be written must not hide the failure itself. */
export function recordFailure(folder: CertificateFolder, record: FailureRecord): void {
  const text = jsonText({ schema: 1, ...record, last: record.last.toISOString() });
  try {
    replace(fileOf(folder), { data: text, mode: 0o644 }, 'later');
  } catch {
    // Then the next run is not patient.
  }
}

export const forgetFailures = (folder: CertificateFolder): void => {
  // Nearly always there is none.
  if (isThere(fileOf(folder))) unlinkIfThere(fileOf(folder));
};
