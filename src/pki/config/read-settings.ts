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
import { nearest } from './nearest.ts';
import { choice, flag, list, text, textOrNumber, type Reader } from './readers.ts';
import type { Reading } from './reading.ts';
import type { Settings } from './settings.ts';
import type { Entry } from './tree.ts';

type Readers = { readonly [Key in keyof Settings]-?: Reader<NonNullable<Settings[Key]>> };

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

const account = textOrNumber((value, label) => {
  // eslint-disable-next-line no-control-regex
  if (value !== '' && !/[\u0000-\u0020\u007f:]/.test(value)) return value;
  throw new PkiError('bad-input', `${label} ${JSON.stringify(value)} is no name of an account`, {
    hint: 'a name that the machine knows, or its number',
  });
});

/** The keys of a certificate, each with the parser of the flag that it stands for. */
const readers = (authority: AuthorityReader): Readers => ({
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
});

/**
 * Reads the keys of one certificate, or of `defaults`.
 * @param others keys that the caller reads itself.
 */
export function readSettings(
  entries: readonly Entry[],
  others: readonly string[],
  authority: AuthorityReader,
  reading: Reading,
): Settings {
  const table = readers(authority);
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
  const [, second] = entries.filter(({ key }) => key === 'lifetime' || key === 'notAfter');
  if (second) {
    reading.fault(second.at, 'usage', 'lifetime and notAfter exclude each other', 'give only one of them');
  }
  return settings;
}

export function unknownKey(key: string, at: Entry['at'], known: readonly string[], reading: Reading): void {
  const meant = nearest(key, known);
  const hint =
    key === '<<'
      ? 'YAML 1.2 has no merge keys: write what is shared under defaults'
      : meant === undefined
        ? `known here: ${known.join(', ')}`
        : `did you mean ${JSON.stringify(meant)}?`;
  reading.fault(at, 'usage', `unknown key ${JSON.stringify(key.slice(0, 80))}`, hint);
}
