import { isAws, meantForOthers, settingsOfAws } from '../authorities/reference.ts';
import { PkiError } from '../errors.ts';
import { liesIn, placeOf } from '../place.ts';
import { checkStoreName } from '../store/folder-name.ts';
import type { TrustSource } from '../store/trust-source.ts';
import { parseDuration } from '../x509/duration.ts';
import { backdating, refuseEndlessRenewal } from '../x509/renewal-point.ts';
import { nameText, parseName } from '../x509/subject-alternative-name.ts';
import { authorityReader, readAuthorities, type AuthorityReader } from './authorities.ts';
import { list, text } from './readers.ts';
import { OutputsReader } from './read-outputs.ts';
import { isEmpty, quoted, Reading } from './reading.ts';
import { readSettings } from './read-settings.ts';
import { readTrust } from './read-trust.ts';
import { withDefaults, type Settings } from './settings.ts';
import type { Entry, Position, Tree } from './tree.ts';
import { unknownKey } from './unknown-key.ts';
import { readYaml } from './yaml.ts';

/** certwright.yaml: which authorities there are, and which certificates there shall be. */
export interface Config {
  /** Absolute path. */
  file: string;
  /** As it is named in messages. */
  shown: string;
  /** Alias to reference: an absolute path, an ARN, `acm` or `acm:ARN`. */
  authorities: ReadonlyMap<string, string>;
  defaults: Settings;
  /** By their names in the store. */
  certificates: ReadonlyMap<string, Declaration>;
  /** Trust bundles of the store by their names. */
  trust: ReadonlyMap<string, TrustSource>;
}

export interface Declaration {
  /** In the store. */
  name: string;
  /** Canonical texts, the first one first. */
  names: string[];
  /** Its own, over the defaults. */
  settings: Settings;
  at: Position;
}

const sections = ['authorities', 'defaults', 'certificates', 'trust'];

/**
 * Reads a whole file and finds everything that is wrong with it.
 * @param file absolute: folders in it are relative to its own.
 * @throws PkiError `bad-config` with every fault and its place.
 */
export function parseConfig(bytes: Uint8Array, file: string, shown: string): Config {
  const reading = new Reading(shown);
  const root = readYaml(decode(bytes, reading), reading);
  const top = root ? topEntries(root, reading) : [];
  for (const { key, at } of top) {
    // A passphrase may hold a colon too.
    if (!sections.includes(key)) unknownKey(key, at, sections, reading, false);
  }
  const section = (name: string): readonly Entry[] => {
    const found = top.find(({ key }) => key === name);
    return found ? entriesOf(found.value, name, reading) : [];
  };
  const authorities = readAuthorities(section('authorities'), file, reading);
  const authority = authorityReader(authorities, file);
  const defaults = readSettings(section('defaults'), [], authority, file, reading);
  const trust = readTrust(section('trust'), authority, file, reading);
  const outputs = new OutputsReader(file, ['default', ...trust.keys()]);
  const certificates = new Map<string, Declaration>();
  for (const entry of section('certificates')) {
    const declaration = readCertificate(entry, { file, defaults, authority, outputs }, reading);
    const earlier = declaration && certificates.get(declaration.name);
    if (earlier) {
      const message = `certificate ${JSON.stringify(declaration.name)} is declared twice`;
      reading.fault(entry.at, 'usage', message, `it stands in line ${earlier.at.line} already`);
    } else if (declaration) certificates.set(declaration.name, declaration);
  }
  refuseInAuthorities(certificates, [...authorities.values(), defaults.ca], reading);
  reading.throwIfFaulty();
  return { file, shown, authorities, defaults, certificates, trust };
}

/** A copy in the folder of a CA could be its key. */
function refuseInAuthorities(
  certificates: ReadonlyMap<string, Declaration>,
  references: readonly (string | undefined)[],
  reading: Reading,
): void {
  const all = [...references, ...[...certificates.values()].map(({ settings }) => settings.ca)];
  const folders = [...new Set(all)].filter((one) => one !== undefined && one !== '' && !isAws(one));
  for (const { settings, at } of certificates.values()) {
    for (const { path } of settings.outputs ?? []) {
      const folder = folders.find((one) => liesIn(placeOf(path), one ?? ''));
      if (folder === undefined) continue;
      const message = `the output ${JSON.stringify(path)} lies in the folder of the CA ${folder}`;
      reading.fault(at, 'bad-input', message, 'name a place that nothing else is kept at');
    }
  }
}

function decode(bytes: Uint8Array, reading: Reading): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    reading.fault({ line: 1, column: 1 }, 'malformed', 'it is not UTF-8', 'save it as UTF-8');
    return '';
  }
}

/** Of a file that is no mapping nothing is shown, not even a word: it may be a key or a passphrase. */
function topEntries(root: Tree, reading: Reading): readonly Entry[] {
  if (root.kind !== 'scalar' || isEmpty(root)) return entriesOf(root, 'the file', reading);
  reading.fault(root.at, 'bad-input', 'the file must be a mapping, not text', mappingHint);
  return [];
}

const mappingHint = 'write it as lines of "key: value"';

/** A mapping's entries; nothing stands for an empty one. */
function entriesOf(tree: Tree, label: string, reading: Reading): readonly Entry[] {
  if (tree.kind === 'map') return tree.entries;
  if (!isEmpty(tree)) reading.wrongKind(tree, label, 'a mapping', mappingHint);
  return [];
}

/** What the certificates of a file have in common. */
interface Shared {
  /** Absolute path. */
  file: string;
  defaults: Settings;
  authority: AuthorityReader;
  outputs: OutputsReader;
}

const readNames = list(text((value) => nameText(parseName(value))));

function readCertificate(
  { key, at, value }: Entry,
  { file, defaults, authority, outputs }: Shared,
  reading: Reading,
): Declaration | null {
  const entries = entriesOf(value, `certificate ${quoted(key)}`, reading);
  const own = readSettings(entries, ['names', 'outputs'], authority, file, reading);
  const settings = withDefaults(defaults, own);
  refuseMisplaced(entries, own, settings.ca, reading);
  const point = entries.find((entry) => entry.key === 'renewAt');
  reading.attempt(point?.value.at ?? at, () => {
    refuseEndless(settings);
  });
  const copies = entries.find((entry) => entry.key === 'outputs');
  if (copies) settings.outputs = outputs.read(copies.value, key, reading);
  const given = entries.find((entry) => entry.key === 'names');
  if (!given) {
    const name = reading.attempt(at, () => nameOf(key));
    return name === null ? null : { name, names: [name], settings, at };
  }
  const names = readNames(given.value, 'names', reading);
  if (!names) return null;
  if (names.length === 0) {
    const hint = 'leave names out where the only one is the key itself';
    return reading.fault(given.value.at, 'bad-input', 'names holds no name', hint);
  }
  const name = reading.attempt(at, () => storeName(key, names));
  return name === null ? null : { name, names, settings, at };
}

/** What its authority would pass over in silence. Defaults are meant for whom they fit. */
function refuseMisplaced(
  entries: readonly Entry[],
  own: Settings,
  reference: string | undefined,
  reading: Reading,
): void {
  if (reference === undefined) return;
  for (const { key, at } of entries) {
    const setting = settingsOfAws.find((one) => one === key && own[one] !== undefined && own[one] !== false);
    const who = setting && meantForOthers(setting, reference);
    if (who === undefined) continue;
    const message = `${key} is for ${who}, and the authority is ${reference}`;
    reading.fault(at, 'usage', message, `leave out ${key}, or name an authority of ${who} with ca`);
  }
}

/** It would be found out in the night in which the certificate is due. What its authority cuts is not known here. */
function refuseEndless({ renewAt, lifetime, notBefore, clamp }: Settings): void {
  if (renewAt === undefined || lifetime === undefined || clamp === true) return;
  const life = parseDuration(lifetime, 'lifetime') + (notBefore === undefined ? backdating : 0);
  refuseEndlessRenewal(life, renewAt, 'renewAt');
}

/** @throws PkiError `bad-name` for a key that is no name by itself. */
function nameOf(key: string): string {
  try {
    return nameText(parseName(key));
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    const message = `${error.message}, and the certificate has no names`;
    throw new PkiError('bad-name', message, {
      hint: 'say what it is for: "names: [orders.internal, 10.0.0.7]"; the key alone does where it is such a name',
    });
  }
}

/** The key is one of the certificate's names, in whatever spelling, or a name that only the store knows it by. */
function storeName(key: string, names: readonly string[]): string {
  try {
    const name = nameText(parseName(key));
    if (names.includes(name)) return name;
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
  }
  return checkStoreName(key);
}
