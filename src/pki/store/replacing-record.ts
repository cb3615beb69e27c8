import { jsonText, readJson, replace, unlinkIfThere } from '../durable.ts';
import type { CertificateFolder } from './generation.ts';

/** `revoking.json` beside request.json: a successor comes first, and then this generation is revoked. */
const fileOf = (folder: CertificateFolder): string => `${folder.path}/revoking.json`;

/** The generation that a run was to revoke which did not live to do it. */
export function readReplacing(folder: CertificateFolder): number | undefined {
  const generation = readJson(fileOf(folder))?.['generation'];
  return typeof generation === 'number' ? generation : undefined;
}

export function writeReplacing(folder: CertificateFolder, generation: number): void {
  replace(fileOf(folder), { data: jsonText({ schema: 1, generation }), mode: 0o644 }, 'now');
}

export function forgetReplacing(folder: CertificateFolder): void {
  unlinkIfThere(fileOf(folder));
}
