import { PkiError } from '../../errors.ts';
import { jsonText, readJson, replace } from '../../durable.ts';
import { refuseNoFolder } from '../../given-path.ts';
import { sweepDrafts } from '../../sweep.ts';
import { parseDuration } from '../../x509/duration.ts';
import { caFile } from './layout.ts';

/** ca.json: what the CA is called and what its certificates say where nobody says otherwise. */
export interface CaJson {
  name: string;
  /** RFC 3339. */
  created: string;
  defaults: { crlUrls: string[]; ocspUrls: string[]; issuerUrls: string[] };
  /** Of the issuing CAs' CRLs, in milliseconds. */
  crlLifetime: number;
  /** Its root signs certificates itself, as that of openssl's own CA does: then its CRL is renewed like any other. */
  rootIssues: boolean;
  /** Everything in the file, so that fields of a later version survive a rewrite. */
  fields: Readonly<Record<string, unknown>>;
}

/** Where ca.json says nothing else, in milliseconds. */
export const defaultCrlLifetime = 30 * 86_400_000;

/** @throws PkiError `not-found` where the folder is no CA. */
export function readCaJson(ca: string): CaJson {
  refuseNoFolder(ca);
  const fields = readJson(caFile(ca));
  if (!fields) {
    throw new PkiError('not-found', `there is no CA in ${ca}`, {
      hint: 'make one with "certwright ca init", or name the folder of one',
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
    crlLifetime:
      typeof fields['crlLifetime'] === 'string'
        ? parseDuration(fields['crlLifetime'], `crlLifetime in ${caFile(ca)}`)
        : defaultCrlLifetime,
    rootIssues: fields['rootIssues'] === true,
    fields,
  };
}

/** @param crlLifetime as it was asked for: `7d` */
export const caJsonText = (
  name: string,
  created: Date,
  defaults: CaJson['defaults'],
  crlLifetime: string | undefined,
  rootIssues = false,
): string =>
  jsonText({
    schema: 1,
    name,
    created: created.toISOString(),
    defaults,
    ...(crlLifetime === undefined ? {} : { crlLifetime }),
    ...(rootIssues ? { rootIssues } : {}),
  });

export function writeDefaults(ca: string, json: CaJson, defaults: CaJson['defaults']): void {
  rewrite(ca, { ...json.fields, defaults });
}

/** @param crlLifetime `7d` */
export function writeCrlLifetime(ca: string, json: CaJson, crlLifetime: string): void {
  if (json.fields['crlLifetime'] !== crlLifetime) rewrite(ca, { ...json.fields, crlLifetime });
}

function rewrite(ca: string, fields: Readonly<Record<string, unknown>>): void {
  sweepDrafts(ca);
  replace(caFile(ca), { data: jsonText(fields), mode: 0o600 });
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
