import { PkiError } from '../pki/errors.ts';
import type { Config, Declaration } from '../pki/lifecycle/config.ts';
import { deployInStore, over, requestFor, withDefaults, type Settings } from '../pki/lifecycle/declared.ts';
import type { ForeignRequest } from '../pki/lifecycle/foreign-request.ts';
import { checkStoreName, formats, type StoredRequest } from '../pki/lifecycle/request.ts';
import { nameText, parseName } from '../pki/x509/subject-alternative-name.ts';
import { checkUrls } from './ca-input.ts';
import { authorityNamed, loadConfig } from './config-file.ts';
import type { Context } from './context.ts';
import type { IssueFlags } from './issue.ts';
import { nonEmpty, oneOf, storePath } from './options.ts';

export interface Order {
  request: StoredRequest;
  /** Of the authority: an absolute path, an ARN, `acm` or `acm:ARN`. */
  reference: string;
  /** The file that declares it, where one does. */
  source: string | undefined;
  /** Somebody else's request, where there is one. */
  foreign: ForeignRequest | undefined;
  /** What the command line says, without the config file. */
  given: Settings;
  /** Where the command line and the config file, or the config file and the store, differ. */
  remarks: string[];
}

/**
 * Turns names and flags into a request: the command line over what certwright.yaml declares, its defaults, and the
 * built-in ones.
 * @throws PkiError `bad-name`, `usage`, `bad-config`, or whatever is wrong with a CSR.
 */
export async function readOrder(
  names: readonly string[],
  flags: IssueFlags,
  context: Context,
): Promise<Order> {
  const config = await loadConfig(flags, context);
  const given = settingsOf(flags, config, context);
  const declaration = config && declarationOf(config, flags.as ?? names[0]);
  // Whoever names a declared certificate means it; further names are the command line's own word.
  const own =
    declaration && (flags.as === undefined ? names.length < 2 : names.length === 0) ? [] : canonical(names);
  const foreign = flags.csr === undefined ? undefined : await readForeign(flags.csr, context);
  const asked = flags.namesFromCsr === true && foreign ? canonical([...own, ...foreign.names]) : own;
  const all = declaration && asked.length === 0 ? declaration.names : asked;
  const [first] = all;
  if (first === undefined) throw noName(foreign);
  const name = declaration?.name ?? (flags.as === undefined ? first : checkStoreName(flags.as));
  const settings = declaration
    ? over(declaration.settings, given)
    : withDefaults(config?.defaults ?? {}, given);
  const reference = settings.ca ?? defaultAuthority(context, config);
  const store = storePath(flags, context);
  // No flag says it: without a file it stays as it was.
  const deploy = declaration || settings.deploy ? settings.deploy : deployInStore(store, name);
  if (foreign && settings.formats?.includes('pair') === true)
    throw pairWithoutKey(given.formats ? '--format pair' : 'formats: [pair] in certwright.yaml');
  const whole = deploy ? { ...settings, deploy } : settings;
  const request = requestFor({ name, names: all }, whole, store, reference);
  const order = {
    request: { ...request, csr: foreign?.fingerprint },
    reference,
    source: declaration && config.file,
    foreign,
    given,
    remarks: [],
  };
  if (!config || !declaration) return order;
  const { remarksOn } = await import('./issue-remarks.ts');
  return { ...order, remarks: remarksOn(order, config, declaration, flags, context) };
}

async function readForeign(file: string, context: Context): Promise<ForeignRequest> {
  const { readForeignRequest } = await import('../pki/lifecycle/foreign-request.ts');
  return readForeignRequest(file, context);
}

const pairWithoutKey = (where: string): PkiError =>
  new PkiError('usage', `${where} needs the key, which is not here with --csr`, {
    hint: 'leave it out: who made the request can join the key and fullchain.pem',
  });

function noName(foreign: ForeignRequest | undefined): PkiError {
  return new PkiError('usage', 'no name is given', {
    hint: foreign
      ? `name what it is for, or take what it asks for with --names-from-csr (${foreign.names.join(', ') || 'it asks for none'})`
      : 'for example: certwright issue orders.internal',
  });
}

/** By its key in the file or the name's canonical text. */
function declarationOf(config: Config, name: string | undefined): Declaration | undefined {
  if (name === undefined) return undefined;
  const declared = config.certificates.get(name);
  if (declared) return declared;
  try {
    return config.certificates.get(nameText(parseName(name)));
  } catch {
    // Whatever is wrong with it is said where names are read.
    return undefined;
  }
}

/** The authority that CERTWRIGHT_CA names, else ./ca; for whoever names none. */
export const defaultAuthority = (context: Context, config: Config | undefined): string =>
  authorityNamed(nonEmpty(context.env['CERTWRIGHT_CA']) ?? './ca', config, context);

/** What flags say about the certificate. */
function settingsOf(flags: IssueFlags, config: Config | undefined, context: Context): Settings {
  const { usage, keyType, reuseKey, lifetime, notBefore, notAfter, clamp, subject, owner, group, mode } =
    flags;
  const { template, signingAlgorithm, exportable, validation, renewAt } = flags;
  const given = {
    ...{ usage, keyType, reuseKey, lifetime, notBefore, notAfter, clamp, subject, owner, group, mode },
    ...{ template, signingAlgorithm, exportable, validation, renewAt },
    ca: flags.ca === undefined ? undefined : authorityNamed(flags.ca, config, context),
    crlUrls: flags.crlUrl && checkUrls('--crl-url', flags.crlUrl),
    ocspUrls: flags.ocspUrl && checkUrls('--ocsp-url', flags.ocspUrl),
    issuerUrls: flags.aiaUrl && checkUrls('--aia-url', flags.aiaUrl),
    formats: flags.format?.map(oneOf('--format', formats)),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Canonical text of each name, without repeats. */
const canonical = (names: readonly string[]): string[] => [
  ...new Set(names.map((name) => nameText(parseName(name)))),
];

/** What the run says beside its result, for JSON: remarks, and what somebody's request asked for in vain. */
export const warningsOf = (order: Order): string[] => [...order.remarks, ...ignoredOf(order)];

/** What somebody's request asked for beyond names is said, never copied in silence. */
export const ignoredOf = ({ foreign }: Order): string[] =>
  (foreign?.ignored ?? []).map((what) => `the request's ${what} is not taken over`);
