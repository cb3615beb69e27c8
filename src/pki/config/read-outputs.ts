import { dirname, isAbsolute, resolve } from 'node:path';
import { PkiError } from '../errors.ts';
import { placeOf } from '../place.ts';
import { parseSecretReference } from '../secret-reference.ts';
import {
  encryptions,
  fromTrust,
  holdsKey,
  openFileMode,
  outputContents,
  type OutputRequest,
} from '../store/output-request.ts';
import { keyFileMode } from '../store/ownership.ts';
import { nearest } from './nearest.ts';
import { account } from './account.ts';
import { choice, text, type Reader } from './readers.ts';
import { quoted, type Reading } from './reading.ts';
import type { Entry, Position, Tree } from './tree.ts';
import { unknownKey } from './unknown-key.ts';

/** An output as a file declares it: every path absolute. */
export interface DeclaredOutput extends OutputRequest {
  /** Whether its path, and that of its passphrase, was written as one relative to the file. */
  relative: { path: boolean; passphrase: boolean };
}

const plain = (form: RegExp, hint: string): Reader<string> =>
  text((value, label) => {
    if (form.test(value)) return value;
    throw new PkiError('bad-input', `${label} ${quoted(value)} is not accepted`, {
      hint,
    });
  });

/** RFC 1123, as Kubernetes takes the names of its objects. */
const objectName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const readers = {
  path: text((value, name) => {
    if (value !== '' && !/^~|\/$|\0/.test(value)) return value;
    throw new PkiError('bad-input', `${name} ${quoted(value)} names no file`, {
      hint: 'a file (relative to this file, or absolute); ~ is not expanded',
    });
  }),
  content: choice(outputContents),
  bundle: text((value) => value),
  owner: account,
  group: account,
  mode: text((value) => value),
  passphrase: text((value, name) => {
    parseSecretReference(value, name);
    return value;
  }),
  encryption: choice(encryptions),
  // eslint-disable-next-line no-control-regex
  alias: plain(/^[^\u0000-\u001f\u007f]{1,200}$/, 'a name without control characters, at most 200 long'),
  name: plain(objectName, 'lower-case letters, digits, hyphen and dot, as Kubernetes takes names'),
  namespace: plain(label, 'lower-case letters, digits and hyphen, at most 63'),
} satisfies { readonly [Key in keyof OutputRequest]: Reader<NonNullable<OutputRequest[Key]>> };

type Key = keyof typeof readers;

/** The keys that only some contents take. */
const only: Readonly<Partial<Record<Key, readonly OutputRequest['content'][]>>> = {
  bundle: fromTrust,
  passphrase: ['p12', 'key', 'pair'],
  encryption: ['p12'],
  alias: ['p12'],
  name: ['kubernetes-secret'],
  namespace: ['kubernetes-secret'],
};

/** Reads `outputs` of every certificate of a file, and finds what two of them would write. */
export class OutputsReader {
  readonly #file: string;
  readonly #bundles: readonly string[];
  readonly #taken = new Map<string, Position>();
  /** Places of passphrases. */
  readonly #secrets = new Set<string>();

  /**
   * @param file absolute: paths are relative to its folder.
   * @param bundles names of the trust bundles that there are.
   */
  constructor(file: string, bundles: readonly string[]) {
    this.#file = file;
    this.#bundles = bundles;
  }

  /** @param certificate its name in the store. */
  read(tree: Tree, certificate: string, reading: Reading): DeclaredOutput[] {
    if (tree.kind !== 'list') {
      reading.wrongKind(tree, 'outputs', 'a list', 'write it as lines of "- { path: …, content: … }"');
      return [];
    }
    return tree.items.flatMap((item) => this.#output(item, certificate, reading) ?? []);
  }

  #output(tree: Tree, certificate: string, reading: Reading): DeclaredOutput | null {
    if (tree.kind !== 'map') {
      return reading.wrongKind(tree, 'an output', 'a mapping', 'write it as { path: …, content: … }');
    }
    const fields = readFields(tree.entries, reading);
    this.#checkBundle(fields.bundle, tree.entries, reading);
    checkTogether(fields, certificate, tree, reading);
    const { path, content } = fields;
    if (path === undefined || content === undefined) return null;
    return this.#placed({ ...fields, path, content }, tree.at, reading);
  }

  #checkBundle(bundle: string | undefined, entries: readonly Entry[], reading: Reading): void {
    const entry = entries.find(({ key }) => key === 'bundle');
    if (!entry || bundle === undefined || this.#bundles.includes(bundle)) return;
    const meant = nearest(bundle, this.#bundles);
    const message = `bundle ${quoted(bundle)} is not declared under trust`;
    const hint =
      meant === undefined
        ? `there are: ${this.#bundles.join(', ')}`
        : `did you mean ${JSON.stringify(meant)}?`;
    reading.fault(entry.value.at, 'not-found', message, hint);
  }

  /** With absolute paths, where no other output has this one. */
  #placed(output: OutputRequest, at: Position, reading: Reading): DeclaredOutput | null {
    const folder = dirname(this.#file);
    const path = resolve(folder, output.path);
    const place = placeOf(path);
    const earlier = this.#taken.get(place);
    if (earlier) {
      const message = `two outputs have the path ${JSON.stringify(path)}`;
      return reading.fault(at, 'usage', message, `it stands in line ${earlier.line} already`);
    }
    this.#taken.set(place, at);
    if (place === placeOf(this.#file)) {
      const message = `the output ${JSON.stringify(path)} would replace this file`;
      return reading.fault(at, 'bad-input', message, 'name a place that nothing else is kept at');
    }
    const secret = output.passphrase?.startsWith('file:') === true ? output.passphrase.slice(5) : undefined;
    const opened = secret === undefined ? place : placeOf(resolve(folder, secret));
    if (secret !== undefined) this.#secrets.add(opened);
    const lost = [place, opened].find((one) => this.#taken.has(one) && this.#secrets.has(one));
    if (lost !== undefined) {
      const message = `the output ${JSON.stringify(lost)} would replace a passphrase`;
      return reading.fault(at, 'bad-input', message, 'name a place that nothing else is kept at');
    }
    return {
      ...output,
      path,
      passphrase: secret === undefined ? output.passphrase : `file:${resolve(folder, secret)}`,
      relative: {
        path: !isAbsolute(output.path),
        passphrase: secret !== undefined && !isAbsolute(secret),
      },
    };
  }
}

/** What is missing or faulty is `undefined`. */
type Fields = { [K in Key]: OutputRequest[K] | undefined };

function readFields(entries: readonly Entry[], reading: Reading): Fields {
  const keys = Object.keys(readers) as Key[];
  const found: Record<string, unknown> = Object.fromEntries(keys.map((key) => [key, undefined]));
  for (const { key, at, value } of entries) {
    const known = keys.find((one) => one === key);
    if (known === undefined) unknownKey(key, at, keys, reading);
    else found[known] = readers[known](value, known, reading) ?? undefined;
  }
  return found as Fields;
}

/** What no key says on its own. */
function checkTogether(
  { content, mode }: Fields,
  certificate: string,
  { entries, at }: Extract<Tree, { kind: 'map' }>,
  reading: Reading,
): void {
  const given = new Map(entries.map((entry) => [entry.key, entry]));
  for (const key of ['path', 'content']) {
    if (!given.has(key))
      reading.fault(at, 'bad-input', `an output has no ${key}`, 'write it as { path: …, content: … }');
  }
  if (content === undefined) return;
  for (const [key, those] of Object.entries(only)) {
    const stray = those.includes(content) ? undefined : given.get(key);
    if (stray)
      reading.fault(stray.at, 'usage', `${key} does not go with ${content}`, `it is for ${those.join(', ')}`);
  }
  if (content === 'p12' && !given.has('passphrase')) {
    const hint = 'say where it is: file:PATH, env:NAME or credential:NAME (systemd)';
    reading.fault(at, 'bad-input', 'an output with p12 has no passphrase', hint);
  }
  if (content === 'kubernetes-secret' && !given.has('name') && !objectName.test(certificate)) {
    const message = `${JSON.stringify(certificate)} is no name that Kubernetes takes`;
    reading.fault(at, 'bad-name', message, 'give the secret a name of its own: name: orders-tls');
  }
  const bits = given.get('mode');
  if (!bits || mode === undefined) return;
  const check = (): number =>
    holdsKey({ content }) ? keyFileMode(mode, undefined, 'mode') : openFileMode(mode);
  reading.attempt(bits.value.at, check);
}
