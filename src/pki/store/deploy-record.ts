import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ioError, isThere, jsonText, readJson, removeAll, replace, syncFolder } from '../durable.ts';
import { foreignCode, PkiError } from '../errors.ts';
import { namesIn } from '../names-in.ts';
import { sweepDrafts } from '../sweep.ts';
import { folderName } from './folder-name.ts';

/** One that has failed, and how often in a row. */
export interface Attempt {
  generation: number;
  attempts: number;
  /** When last. */
  last: Date;
  code: string;
  message: string;
}

/** deploy/<instance>.json: what one host's service made of a certificate. */
export interface DeployRecord {
  instance: string;
  /** The generation that its service took last. */
  generation: number | undefined;
  /** When. */
  at: Date | undefined;
  /** A hash of what its outputs said of peers then. */
  peers?: string | undefined;
  /** Why that is not all: what has to be tried again. */
  failed: Attempt | undefined;
  /** A newer generation that no server showed: it was switched back from, and is tried again later. */
  candidate: Attempt | undefined;
}

/** The folder of a certificate or of a trust bundle. */
type Place = Readonly<{ path: string }>;

const folderOf = (folder: Place): string => join(folder.path, 'deploy');
const fileOf = (folder: Place, instance: string): string =>
  join(folderOf(folder), `${folderName(instance)}.json`);

const nothing = (instance: string): DeployRecord => ({
  instance,
  generation: undefined,
  at: undefined,
  failed: undefined,
  candidate: undefined,
});

/** A damaged record is none: what it was about is done once more. */
export function readDeployRecord(folder: Place, instance: string): DeployRecord {
  return { ...nothing(instance), ...readRecord(fileOf(folder, instance)), instance };
}

/** Those of every host that shares the store. */
export function readDeployRecords(folder: Place): DeployRecord[] {
  const files = namesIn(folderOf(folder))
    .filter((name) => name.endsWith('.json'))
    .sort();
  return files.flatMap((name) => readRecord(join(folderOf(folder), name)) ?? []);
}

function readRecord(file: string): DeployRecord | undefined {
  let json: Record<string, unknown> | undefined;
  try {
    json = readJson(file);
  } catch (error) {
    // A newer version's is not ours to overwrite.
    if (!(error instanceof PkiError) || error.code !== 'malformed') throw error;
  }
  if (!json) return undefined;
  const { instance, generation, at } = json;
  return {
    instance: typeof instance === 'string' ? instance : '',
    generation: isCount(generation) ? generation : undefined,
    at: timeOf(at),
    peers: typeof json['peers'] === 'string' ? json['peers'] : undefined,
    failed: attemptOf(json['failed']),
    candidate: attemptOf(json['candidate']),
  };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function timeOf(value: unknown): Date | undefined {
  const time = typeof value === 'string' ? new Date(value) : undefined;
  return time && !Number.isNaN(time.getTime()) ? time : undefined;
}

function attemptOf(value: unknown): Attempt | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { generation, attempts, last, code, message } = value as Partial<Record<keyof Attempt, unknown>>;
  const time = timeOf(last);
  if (!isCount(generation) || !isCount(attempts) || !time) return undefined;
  return { generation, attempts, last: time, code: String(code), message: String(message) };
}

/** Of a name that begins anew: what is there was about a certificate that is gone. */
export const dropDeployRecords = (folder: Place): void => {
  removeAll(folderOf(folder));
};

/** @throws PkiError `io`, also where the folder itself is gone: it is not made anew */
export function writeDeployRecord(folder: Place, record: DeployRecord): void {
  const file = fileOf(folder, record.instance);
  const earlier = isThere(file) ? quietly(file) : {};
  makeRecords(folder);
  sweepDrafts(folderOf(folder), basename(file));
  const { instance, generation = null, at = null, peers, failed = null, candidate = null } = record;
  // Fields of another version survive.
  const text = jsonText({ ...earlier, schema: 1, instance, generation, at, peers, failed, candidate });
  replace(file, { data: text, mode: 0o644 }, 'now');
}

/** Not with those above it: what another run has removed meanwhile must not come back. */
function makeRecords(folder: Place): void {
  try {
    mkdirSync(folderOf(folder), { mode: 0o755 });
  } catch (error) {
    if (foreignCode(error) === 'EEXIST') return;
    throw ioError(error, 'create', folderOf(folder));
  }
  syncFolder(folder.path);
}

function quietly(file: string): Record<string, unknown> {
  try {
    return readJson(file) ?? {};
  } catch (error) {
    if (error instanceof PkiError && error.code === 'malformed') return {};
    throw error;
  }
}

/** Whether a host's service has something to be told of. @param peers a hash of what its outputs say of them now */
export const isPending = (record: DeployRecord, current: number, peers?: string): boolean =>
  record.generation !== current ||
  record.failed !== undefined ||
  (peers !== undefined && record.peers !== peers);

/** Generations that some host needs: none of them may be pruned. */
export function generationsInUse(folder: Place): Set<number> {
  const records = readDeployRecords(folder);
  const numbers = records.flatMap(({ generation, failed, candidate }) => [
    generation,
    failed?.generation,
    candidate?.generation,
  ]);
  return new Set(numbers.filter((one) => one !== undefined));
}
