import { readPlan } from '../deploy/stored-plan.ts';
import type { Deploy } from '../deploy/plan.ts';
import { jsonText, readJson } from '../durable.ts';
import { PkiError } from '../errors.ts';
import { readMaintenanceWindows, type MaintenanceWindow } from '../maintenance-window.ts';
import { readOutputRequests, type OutputRequest } from './output-request.ts';
import type { KeyType } from '../x509/key.ts';
import { keyTypes } from '../x509/key.ts';
import { usages, type Usage } from '../x509/profile.ts';

export const formats = ['pair', 'der'] as const;
export type Format = (typeof formats)[number];

/** request.json: all that is needed to make the next generation. No secret. */
export interface StoredRequest {
  name: string;
  names: string[];
  usage: Usage;
  keyType: KeyType;
  reuseKey: boolean;
  /** `30d`; or `undefined` where `notAfter` was named. */
  lifetime: string | undefined;
  notBefore: string | undefined;
  notAfter: string | undefined;
  clamp: boolean;
  /** RFC 4514 text, as it was asked for. */
  subject: string | undefined;
  /** A path relative to the store, or an ARN. */
  authority: string;
  crlUrls: string[];
  ocspUrls: string[];
  issuerUrls: string[];
  formats: Format[];
  owner: string | undefined;
  group: string | undefined;
  /** Octal text of the files that hold a key. */
  mode: string | undefined;
  /** Somebody else's request: the key is theirs. */
  csr: string | undefined;
  /** AWS Private CA: what to use instead of the usage's template and the CA's algorithm. */
  template: string | undefined;
  signingAlgorithm: string | undefined;
  /** ACM, public: whether the key comes with the certificate, and how the names are validated. */
  exportable: boolean;
  validation: Validation | undefined;
  /** When its successor is made: `66%`, `20d-before`; `undefined` for the built-in rule. */
  renewAt: string | undefined;
  /** Over how long a fleet's replacements are spread: `6h`, `5%`; `undefined` for not at all. */
  spread: string | undefined;
  /** What happens after each switch. */
  deploy: Deploy | undefined;
  /** When it may be replaced once it is due; at any time where there is none. */
  window: MaintenanceWindow[];
  /** How many generations stay, with that in use; `undefined` for what is built in. */
  keep: number | undefined;
  /** Whether a key that others could read makes it due at once. */
  reissueOnExposure: boolean;
  /** Copies at places of their own. */
  outputs: OutputRequest[];
}

export const validations = ['dns', 'email', 'http'] as const;
export type Validation = (typeof validations)[number];

/** Whether the key is somebody else's, or stays with ACM. */
export const keyIsElsewhere = ({ csr, authority, exportable }: StoredRequest): boolean =>
  csr !== undefined || (authority === 'acm' && !exportable);

const schema = 1;

export const requestText = (
  request: StoredRequest,
  unknown: Readonly<Record<string, unknown>> = {},
): string => jsonText({ ...unknown, schema, ...request });

/** Reads a request; fields that this version does not know are kept aside so that a rewrite does not lose them. */
export function readRequest(
  path: string,
): { request: StoredRequest; unknown: () => Record<string, unknown> } | undefined {
  const json = readJson(path, schema);
  if (!json) return undefined;
  // By their names, one by one: V8 is ten times slower where a field that is missing is looked up by a variable.
  const fields: Fields = json;
  const name = textOf(fields.name);
  const usage = usages.find((one) => one === fields.usage);
  const keyType = keyTypes.find((one) => one === fields.keyType);
  const authority = textOf(fields.authority);
  if (name === undefined || !usage || !keyType || authority === undefined) {
    throw new PkiError('malformed', `${path} lacks name, usage, keyType or authority`, {
      hint: 'restore it from a backup, or issue the certificate anew with --force',
    });
  }
  const asked = listOf(fields.formats);
  const request: StoredRequest = {
    name,
    names: listOf(fields.names),
    usage,
    keyType,
    reuseKey: fields.reuseKey === true,
    lifetime: textOf(fields.lifetime),
    notBefore: textOf(fields.notBefore),
    notAfter: textOf(fields.notAfter),
    clamp: fields.clamp === true,
    subject: textOf(fields.subject),
    authority,
    crlUrls: listOf(fields.crlUrls),
    ocspUrls: listOf(fields.ocspUrls),
    issuerUrls: listOf(fields.issuerUrls),
    formats: formats.filter((format) => asked.includes(format)),
    owner: textOf(fields.owner),
    group: textOf(fields.group),
    mode: textOf(fields.mode),
    csr: textOf(fields.csr),
    template: textOf(fields.template),
    signingAlgorithm: textOf(fields.signingAlgorithm),
    exportable: fields.exportable === true,
    validation: validations.find((one) => one === fields.validation),
    renewAt: textOf(fields.renewAt),
    spread: textOf(fields.spread),
    deploy: fields.deploy === undefined ? undefined : readPlan(fields.deploy, path),
    window: readMaintenanceWindows(fields.window, path),
    keep: numberOf(fields.keep),
    reissueOnExposure: fields.reissueOnExposure === true,
    outputs: readOutputRequests(fields.outputs, path),
  };
  // Only a rewrite asks, and a sweep reads thousands.
  return { request, unknown: () => without(json, ['schema', ...Object.keys(request)]) };
}

const without = (json: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(json).filter(([key]) => !keys.includes(key)));

type Fields = Partial<Record<keyof StoredRequest, unknown>>;

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Less than one would leave nothing in use: it counts as if nothing were said. */
const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 ? value : undefined;

const listOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];

/** What says nothing about the certificate, only about when there is another and what follows. */
const policy = {
  ...{ renewAt: undefined, spread: undefined, deploy: undefined, outputs: [] },
  ...{ window: [], keep: undefined, reissueOnExposure: false },
} satisfies Partial<StoredRequest>;

/** Whether two requests ask for the same certificate and files. */
export const sameRequest = (a: StoredRequest, b: StoredRequest): boolean =>
  saysTheSame({ ...a, ...policy }, { ...b, ...policy });

/** Whether two requests differ in nothing. One that was declared and one that was read may have their fields in another order. */
export const saysTheSame = (a: StoredRequest, b: StoredRequest): boolean => inOrder(a) === inOrder(b);

const inOrder = (request: StoredRequest): string =>
  JSON.stringify(Object.entries(request).sort(([a], [b]) => (a < b ? -1 : 1)));

/** One field in which a request differs from an earlier one. */
export interface Change {
  field: keyof StoredRequest;
  was: unknown;
  now: unknown;
}

/** What a request asks for otherwise than an earlier one; not what the certificate is no other for. */
export const changesBetween = (earlier: StoredRequest, request: StoredRequest): Change[] =>
  (Object.keys(request) as (keyof StoredRequest)[])
    .filter((field) => !(field in policy))
    .filter((field) => JSON.stringify(earlier[field]) !== JSON.stringify(request[field]))
    .map((field) => ({ field, was: earlier[field] ?? null, now: request[field] ?? null }));

/**
 * Refuses a folder that was copied or renamed: what it holds is another certificate's.
 * @throws PkiError `malformed`
 */
export function refuseCopied(file: string, request: StoredRequest, name: string): void {
  if (request.name === name) return;
  throw new PkiError(
    'malformed',
    `${file} is of ${JSON.stringify(request.name)}, not of ${JSON.stringify(name)}`,
    { hint: 'a copied or renamed folder is no certificate of its own: give it its name back, or remove it' },
  );
}
