import { dirname, resolve } from 'node:path';
import { PkiError } from '../errors.ts';
import type { TrustSource } from '../store/trust-source.ts';
import type { AuthorityReader } from './authorities.ts';
import { deployReader } from './deploy-reader.ts';
import { list, text, type Reader } from './readers.ts';
import { quoted, type Reading } from './reading.ts';
import type { Entry, Tree } from './tree.ts';
import { unknownKey } from './unknown-key.ts';

const keys = ['authorities', 'roots', 'crls', 'deploy'];

/** Shared with docs/schema/config.v1.json; folders are called by it. */
const nameForm = /^[a-z0-9][a-z0-9.-]{0,99}$/;

/** Of a plan, what makes sense without a certificate to show. */
const certificatesOnly = ['confirm', 'rehearse', 'onFailure', 'group'] as const;

/** Reads the section `trust`: names of bundles, and whom each trusts. */
export function readTrust(
  entries: readonly Entry[],
  authority: AuthorityReader,
  file: string,
  reading: Reading,
): Map<string, TrustSource> {
  const found = new Map<string, TrustSource>();
  for (const { key, at, value } of entries) {
    if (!nameForm.test(key)) {
      const hint = 'small letters, digits, dot and hyphen, at most 100, beginning with a letter or digit';
      reading.fault(at, 'bad-name', `trust ${quoted(key)} cannot be the name of a bundle`, hint);
    } else if (found.has(key)) {
      reading.fault(at, 'usage', `trust ${key} is declared twice`, 'give each bundle a name of its own');
    } else {
      const source = readSource(key, { value, at }, authority, file, reading);
      if (source) found.set(key, source);
    }
  }
  return found;
}

function readSource(
  name: string,
  { value, at }: { value: Tree; at: Entry['at'] },
  authority: AuthorityReader,
  file: string,
  reading: Reading,
): TrustSource | null {
  const label = `trust ${name}`;
  if (value.kind !== 'map') return reading.wrongKind(value, label, 'a mapping', 'authorities: [corp]');
  const read = <T>(key: string, reader: Reader<T>): T | undefined => {
    const entry = value.entries.find((one) => one.key === key);
    return (entry && reader(entry.value, `${label}: ${key}`, reading)) ?? undefined;
  };
  for (const { key, at: place } of value.entries)
    if (!keys.includes(key)) unknownKey(key, place, keys, reading);
  const paths = list(text((path, what) => pathOf(path, what, file)));
  const source: TrustSource = {
    authorities: read('authorities', list(authority)),
    roots: read('roots', paths) ?? [],
    crls: read('crls', paths) ?? [],
    deploy: read('deploy', deployReader(file)),
  };
  for (const reference of source.authorities ?? []) {
    if (/^acm(:|$)/.test(reference)) {
      reading.fault(
        at,
        'unsupported',
        `${label}: ACM has no roots to give`,
        'name the private CA behind it by its ARN',
      );
    }
  }
  for (const key of certificatesOnly) {
    if (source.deploy?.[key] === undefined) continue;
    reading.fault(
      at,
      'usage',
      `${label}: deploy.${key} is for certificates`,
      'a bundle has run, signal, systemd and timeout',
    );
  }
  // The default one has the store's own CA, whatever is declared.
  if (name === 'default' || value.entries.some(({ key }) => key === 'authorities' || key === 'roots'))
    return source;
  return reading.fault(at, 'bad-input', `${label} trusts nobody`, 'give it authorities, roots or both');
}

function pathOf(path: string, label: string, file: string): string {
  if (path !== '' && !path.startsWith('~')) return resolve(dirname(file), path);
  throw new PkiError('bad-input', `${label} ${JSON.stringify(path)} names no file`, {
    hint: 'relative to this file, or absolute; ~ is not expanded',
  });
}
