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
): { request: StoredRequest; unknown: Record<string, unknown> } | undefined {
  const json = readJson(path, schema);
  if (!json) return undefined;
  const text = (key: string): string | undefined => (typeof json[key] === 'string' ? json[key] : undefined);
  const list = (key: string): string[] =>
    Array.isArray(json[key]) ? json[key].filter((item): item is string => typeof item === 'string') : [];
  const name = text('name');
  const usage = usages.find((one) => one === json['usage']);
  const keyType = keyTypes.find((one) => one === json['keyType']);
  const authority = text('authority');
  if (name === undefined || !usage || !keyType || authority === undefined) {
    throw new PkiError('malformed', `${path} lacks name, usage, keyType or authority`, {
      hint: 'restore it from a backup, or issue the certificate anew with --force',
    });
  }
  const request: StoredRequest = {
    name,
    names: list('names'),
    usage,
    keyType,
    reuseKey: json['reuseKey'] === true,
    lifetime: text('lifetime'),
    notBefore: text('notBefore'),
    notAfter: text('notAfter'),
    clamp: json['clamp'] === true,
    subject: text('subject'),
    authority,
    crlUrls: list('crlUrls'),
    ocspUrls: list('ocspUrls'),
    issuerUrls: list('issuerUrls'),
    formats: formats.filter((format) => list('formats').includes(format)),
    owner: text('owner'),
    group: text('group'),
    mode: text('mode'),
    csr: text('csr'),
    template: text('template'),
    signingAlgorithm: text('signingAlgorithm'),
    exportable: json['exportable'] === true,
    validation: validations.find((one) => one === json['validation']),
    renewAt: text('renewAt'),
    spread: text('spread'),
    deploy: json['deploy'] === undefined ? undefined : readPlan(json['deploy'], path),
    window: readMaintenanceWindows(json['window']),
    reissueOnExposure: json['reissueOnExposure'] === true,
    outputs: readOutputRequests(json['outputs'], path),
  };
  const known = new Set(['schema', ...Object.keys(request)]);
  const unknown = Object.fromEntries(Object.entries(json).filter(([key]) => !known.has(key)));
  return { request, unknown };
}

/** What says nothing about the certificate, only about when there is another and what follows. */
const policy = {
  ...{ renewAt: undefined, spread: undefined, deploy: undefined, outputs: [] },
  ...{ window: [], reissueOnExposure: false },
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
