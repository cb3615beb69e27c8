import { existsSync, readdirSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { readIfThere } from '../../durable.ts';
import { PkiError } from '../../errors.ts';
import { orUnreadable, refuseNoFolder, requireFolder } from '../../given-path.ts';

export const sourceKinds = ['openssl', 'easy-rsa', 'step'] as const;
export type SourceKind = (typeof sourceKinds)[number];

/** Where another program keeps its CA. */
export interface AdoptSource {
  kind: SourceKind;
  certificate: string;
  key: string;
  /** Certificates above it. */
  above: string[];
  index: string | undefined;
  /** Folders of what was issued. */
  issued: string[];
  crl: string | undefined;
  crlNumber: string | undefined;
}

/** What a caller names itself, as absolute paths. */
export interface SourceFlags {
  kind: SourceKind | undefined;
  certificate: string | undefined;
  key: string | undefined;
  issued: readonly string[];
}

/** @throws PkiError `not-found` that names what was looked for */
export function findSource(folder: string, flags: SourceFlags): AdoptSource {
  if (!existsSync(folder)) {
    throw new PkiError('not-found', `${folder} is not there`, { hint: 'name the folder of the CA' });
  }
  refuseNoFolder(folder);
  const kind = flags.kind ?? guess(folder);
  const found = { openssl, 'easy-rsa': easyRsa, step }[kind](folder);
  const certificate = flags.certificate ?? found.certificate;
  const key = flags.key ?? found.key;
  if (certificate === undefined || key === undefined) {
    const what = certificate === undefined ? 'certificate' : 'key';
    throw new PkiError('not-found', `no ${what} of a CA is in ${folder}`, {
      hint: `name it with --${what === 'key' ? 'key' : 'cert'} FILE, or the program with --from`,
    });
  }
  for (const named of flags.issued) requireFolder(named, '--certs', 'name a folder of certificates');
  // Of the usual places, few have all.
  const issued = [...found.issued.filter(existsSync), ...flags.issued];
  return { ...found, kind, certificate, key, issued };
}

function guess(folder: string): SourceKind {
  if (existsSync(join(folder, 'config', 'ca.json'))) return 'step';
  const isEasy = [join(folder, 'pki'), folder].some(
    (one) => existsSync(join(one, 'ca.crt')) && existsSync(join(one, 'private', 'ca.key')),
  );
  return isEasy ? 'easy-rsa' : 'openssl';
}

type Found = Omit<AdoptSource, 'kind' | 'certificate' | 'key'> &
  Partial<Pick<AdoptSource, 'certificate' | 'key'>>;

const firstOf = (...paths: string[]): string | undefined => paths.find((path) => existsSync(path));

/** As in openssl.cnf, or as in the guides that are followed most. */
function openssl(folder: string): Found {
  const within = (...names: string[]): string[] => names.map((name) => join(folder, name));
  const certificate = firstOf(
    ...within(
      'cacert.pem',
      'certs/ca.cert.pem',
      'certs/intermediate.cert.pem',
      'ca.crt',
      'ca.pem',
      'certs/ca.crt',
    ),
  );
  const key = firstOf(
    ...within(
      'private/cakey.pem',
      'private/ca.key.pem',
      'private/intermediate.key.pem',
      'private/ca.key',
      'ca.key',
      'cakey.pem',
    ),
  );
  const chain = firstOf(...within('certs/ca-chain.cert.pem', 'certs/ca-chain.pem'));
  return {
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    above: chain === undefined ? [] : [chain],
    index: firstOf(...within('index.txt')),
    issued: within('newcerts', 'certs'),
    crl: firstOf(...within('crl.pem', 'crl/ca.crl.pem', 'crl/intermediate.crl.pem', 'crl/crl.pem')),
    crlNumber: firstOf(...within('crlnumber')),
  };
}

function easyRsa(folder: string): Found {
  const pki = existsSync(join(folder, 'pki')) ? join(folder, 'pki') : folder;
  const within = (name: string): string => join(pki, name);
  const certificate = firstOf(within('ca.crt'));
  const key = firstOf(within('private/ca.key'));
  return {
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    above: [],
    index: firstOf(within('index.txt')),
    issued: ['certs_by_serial', 'issued', 'revoked/certs_by_serial', 'renewed/certs_by_serial'].map(within),
    crl: firstOf(within('crl.pem')),
    crlNumber: firstOf(within('crlnumber')),
  };
}

/** Paths in its ca.json may be those of another machine. */
function step(folder: string): Found {
  const file = join(folder, 'config', 'ca.json');
  const json = readStep(file);
  const named = (key: string, place: string, usual: string): string | undefined => {
    const [path = ''] = [json[key]].flat().filter((one): one is string => typeof one === 'string');
    return firstOf(
      isAbsolute(path) ? path : join(folder, path),
      join(folder, place, basename(path)),
      join(folder, place, usual),
    );
  };
  const certificate = named('crt', 'certs', 'intermediate_ca.crt');
  const key = named('key', 'secrets', 'intermediate_ca_key');
  const root = named('root', 'certs', 'root_ca.crt');
  return {
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    above: root === undefined ? [] : [root],
    index: undefined,
    issued: [],
    crl: undefined,
    crlNumber: undefined,
  };
}

function readStep(file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(readIfThere(file)?.toString('utf8') ?? '');
    if (typeof value === 'object' && value !== null) return { ...value };
  } catch (error) {
    if (error instanceof PkiError) throw error;
  }
  throw new PkiError('malformed', `${file} is no configuration of step-ca`, {
    hint: 'name the folder that holds config/, certs/ and secrets/ (step path)',
  });
}

/** Files that may hold certificates, in the folder itself. */
export const filesIn = (folder: string): string[] =>
  orUnreadable('read', folder, () => readdirSync(folder, { withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.(pem|crt|cer)$/i.test(entry.name))
    .map(({ name }) => join(folder, name));
