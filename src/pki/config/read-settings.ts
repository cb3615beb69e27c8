import { PkiError } from '../errors.ts';
import { keyFileMode } from '../store/ownership.ts';
import { formats, validations } from '../store/request.ts';
import { parseSubject } from '../x509/distinguished-name.ts';
import { parseDuration, parseTime } from '../x509/duration.ts';
import { keyTypes } from '../x509/key.ts';
import { usages } from '../x509/profile.ts';
import { parseRenewalPoint } from '../x509/renewal-point.ts';
import { parseSpread } from '../x509/spread.ts';
import { checkUrl } from '../x509/url.ts';
import type { AuthorityReader } from './authorities.ts';
import { account } from './account.ts';
import { deployReader } from './deploy-reader.ts';
import { choice, flag, list, text, wholeNumber, type Reader } from './readers.ts';
import { windowReader } from './read-window.ts';
import type { Reading } from './reading.ts';
import type { Settings } from './settings.ts';
import type { Entry } from './tree.ts';
import { unknownKey } from './unknown-key.ts';

/** `outputs` are read by whoever sees all certificates of the file. */
type Readers = {
  readonly [Key in Exclude<keyof Settings, 'outputs'>]-?: Reader<NonNullable<Settings[Key]>>;
};

/** Text that is kept as it was written once a parser has taken it. */
const checked = (check: (value: string, label: string) => unknown): Reader<string> =>
  text((value, label) => {
    check(value, label);
    return value;
  });

const present = (value: string, label: string): void => {
  if (value !== '') return;
  throw new PkiError('bad-input', `${label} is empty`, { hint: 'leave it out for the one that fits' });
};

/** The keys of a certificate, each with the parser of the flag that it stands for. */
const readers = (authority: AuthorityReader, file: string): Readers => ({
  usage: choice(usages),
  keyType: choice(keyTypes),
  reuseKey: flag,
  lifetime: checked(parseDuration),
  notBefore: checked(parseTime),
  notAfter: checked(parseTime),
  clamp: flag,
  subject: checked((value) => parseSubject(value)),
  ca: authority,
  crlUrls: list(text(checkUrl)),
  ocspUrls: list(text(checkUrl)),
  issuerUrls: list(text(checkUrl)),
  formats: list(choice(formats)),
  owner: account,
  group: account,
  template: checked(present),
  signingAlgorithm: checked(present),
  exportable: flag,
  validation: choice(validations),
  mode: checked((value, label) => keyFileMode(value, undefined, label)),
  renewAt: checked(parseRenewalPoint),
  spread: checked(parseSpread),
  window: windowReader,
  keep: wholeNumber,
  reissueOnExposure: flag,
  deploy: deployReader(file),
});

/**
 * Reads the keys of one certificate, or of `defaults`.
 * @param others keys that the caller reads itself.
 * @param file absolute: paths in it are relative to its folder.
 */
export function readSettings(
  entries: readonly Entry[],
  others: readonly string[],
  authority: AuthorityReader,
  file: string,
  reading: Reading,
): Settings {
  const table = readers(authority, file);
  const known = [...others, ...Object.keys(table)];
  const settings: Record<string, unknown> = {};
  for (const { key, at, value } of entries) {
    if (others.includes(key)) continue;
    const reader = Object.hasOwn(table, key) ? table[key as keyof Readers] : undefined;
    if (!reader) unknownKey(key, at, known, reading);
    else {
      const found = reader(value, key, reading);
      if (found !== null) settings[key] = found;
    }
  }
  const [first, ...more] = entries.filter(({ key }) => key === 'lifetime' || key === 'notAfter');
  // What is given twice is another fault.
  const second = more.find(({ key }) => key !== first?.key);
  if (second) {
    reading.fault(second.at, 'usage', 'lifetime and notAfter exclude each other', 'give only one of them');
  }
  return settings;
}
