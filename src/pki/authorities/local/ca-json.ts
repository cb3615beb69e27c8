import { PkiError } from '../../errors.ts';
import { jsonText, readJson, replace, refuseNoFolder } from '../../durable.ts';
import { sweepDrafts } from '../../sweep.ts';
import { caFile } from './layout.ts';

/** ca.json: what the CA is called and what its certificates say where nobody says otherwise. */
export interface CaJson {
  name: string;
  /** RFC 3339. */
  created: string;
  defaults: { crlUrls: string[]; ocspUrls: string[]; issuerUrls: string[] };
  /** Everything in the file, so that fields of a later version survive a rewrite. */
  fields: Readonly<Record<string, unknown>>;
}

/** @throws PkiError `not-found` where the folder is no CA. */
export function readCaJson(ca: string): CaJson {
  refuseNoFolder(ca);
  const fields = readJson(caFile(ca));
  if (!fields) {
    throw new PkiError('not-found', `there is no CA in ${ca}`, {
      hint: 'make one with "certwright ca init", or add --create-ca, or name another with --ca DIR',
    });
  }
  const defaults = isObject(fields['defaults']) ? fields['defaults'] : {};
  return {
    name: typeof fields['name'] === 'string' ? fields['name'] : '',
    created: typeof fields['created'] === 'string' ? fields['created'] : '',
    defaults: {
      crlUrls: strings(defaults['crlUrls']),
      ocspUrls: strings(defaults['ocspUrls']),
      issuerUrls: strings(defaults['issuerUrls']),
    },
    fields,
  };
}

export const caJsonText = (name: string, created: Date, defaults: CaJson['defaults']): string =>
  jsonText({ schema: 1, name, created: created.toISOString(), defaults });

export function writeDefaults(ca: string, json: CaJson, defaults: CaJson['defaults']): void {
  sweepDrafts(ca);
  replace(caFile(ca), { data: jsonText({ ...json.fields, defaults }), mode: 0o600 });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
