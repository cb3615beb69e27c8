import { join } from 'node:path';
import { checkAcmArn } from '../deploy/plan.ts';
import { jsonText, makeFolder, readJson, replace } from '../durable.ts';
import { namesIn } from '../names-in.ts';
import type { CertificateFolder } from './generation.ts';

/** Where a certificate of the store went in ACM, one record for each region. */
export interface ImportRecord {
  region: string;
  /** `undefined` from the moment before the first import until its answer came. */
  arn: string | undefined;
  /** What ACM is known to hold; `undefined` while that is not known. */
  generation: number | undefined;
  /** SHA-256 of the certificate, lower-case hex. */
  sha256: string | undefined;
  /** What was about to be imported anew, while there is no ARN. */
  asked?: AskedImport | undefined;
  at: string;
}

/** An import whose answer may be lost, so that what it made can be told from what was there. */
export interface AskedImport {
  /** SHA-256 of the certificate, lower-case hex. */
  sha256: string;
  /** ARNs that had the same certificate before. */
  before: readonly string[];
}

export type KnownImport = Pick<ImportRecord, 'arn' | 'asked'>;

const importsOf = (folder: CertificateFolder): string => join(folder.path, 'imports');
const recordFile = (folder: CertificateFolder, region: string): string =>
  join(importsOf(folder), `acm-${region}.json`);

export function readImportRecord(folder: CertificateFolder, region: string): KnownImport | undefined {
  const json = readJson(recordFile(folder, region));
  if (!json) return undefined;
  const { arn, asked } = json;
  return { arn: typeof arn === 'string' ? arn : undefined, asked: asked as AskedImport | undefined };
}

/** Where it stands in ACM, and which generation it is known to be there. */
export function readImports(folder: CertificateFolder): { arn: string; generation: number | undefined }[] {
  const all = importsOf(folder);
  const regions = namesIn(all).flatMap((name) => /^acm-([a-z0-9-]+)\.json$/.exec(name)?.[1] ?? []);
  return regions.sort().flatMap((region) => {
    const file = recordFile(folder, region);
    const { arn, generation } = readJson(file) ?? {};
    if (typeof arn !== 'string') return [];
    checkAcmArn(arn, `${file}: arn`);
    return [{ arn, generation: typeof generation === 'number' ? generation : undefined }];
  });
}

export function writeImportRecord(folder: CertificateFolder, record: ImportRecord): void {
  makeFolder(importsOf(folder));
  replace(
    recordFile(folder, record.region),
    { data: jsonText({ schema: 1, ...record }), mode: 0o644 },
    'now',
  );
}

/**
 * Keeps what a replacement will take away: ACM has no way back. It holds no key, since ACM does not give one out.
 * @returns its path
 */
export function keepReplaced(
  folder: CertificateFolder,
  replaced: { arn: string; serial: string; certificate: string; chain: string; facts: object },
): string {
  makeFolder(importsOf(folder));
  const file = join(importsOf(folder), `${replaced.arn.split('/').at(-1) ?? ''}-${replaced.serial}.json`);
  replace(file, { data: jsonText({ schema: 1, ...replaced }), mode: 0o644 }, 'now');
  return file;
}
