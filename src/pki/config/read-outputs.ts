import { dirname, isAbsolute, resolve } from 'node:path';
import { PkiError } from '../errors.ts';
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
import type { Reading } from './reading.ts';
import type { Entry, Position, Tree } from './tree.ts';

/** An output as a file declares it: every path absolute. */
export interface DeclaredOutput extends OutputRequest {
  /** Whether its path, and that of its passphrase, was written as one relative to the file. */
  relative: { path: boolean; passphrase: boolean };
}

const plain = (form: RegExp, hint: string): Reader<string> =>
  text((value, label) => {
    if (form.test(value)) return value;
    throw new PkiError('bad-input', `${label} ${JSON.stringify(value.slice(0, 80))} is not accepted`, {
      hint,
    });
  });

/** RFC 1123, as Kubernetes takes the names of its objects. */
const objectName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const readers = {
  path: text((value, name) => {
    if (value !== '' && !/^~|\/$|\0/.test(value)) return value;
    throw new PkiError('bad-input', `${name} ${JSON.stringify(value.slice(0, 80))} names no file`, {
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
    const found = readFields(tree.entries, reading);
    if (!found || !this.#isBundle(found.bundle, tree.entries, reading)) return null;
    const { path, content } = found;
    if (path === undefined || content === undefined) {
      const message = `an output has no ${path === undefined ? 'path' : 'content'}`;
      return reading.fault(tree.at, 'bad-input', message, 'write it as { path: …, content: … }');
    }
    const output = this.#placed({ ...found, path, content }, tree.at, reading);
    return output && isWhole(output, certificate, tree.entries, tree.at, reading) ? output : null;
  }

  #isBundle(bundle: string | undefined, entries: readonly Entry[], reading: Reading): boolean {
    const entry = entries.find(({ key }) => key === 'bundle');
    if (!entry || bundle === undefined || this.#bundles.includes(bundle)) return true;
    const meant = nearest(bundle, this.#bundles);
    const message = `bundle ${JSON.stringify(bundle.slice(0, 80))} is not declared under trust`;
    const hint =
      meant === undefined
        ? `there are: ${this.#bundles.join(', ')}`
        : `did you mean ${JSON.stringify(meant)}?`;
    reading.fault(entry.value.at, 'not-found', message, hint);
    return false;
  }

  /** With absolute paths, where no other output has this one. */
  #placed(output: OutputRequest, at: Position, reading: Reading): DeclaredOutput | null {
    const folder = dirname(this.#file);
    const path = resolve(folder, output.path);
    const earlier = this.#taken.get(path);
    if (earlier) {
      const message = `two outputs have the path ${JSON.stringify(path)}`;
      return reading.fault(at, 'usage', message, `it stands in line ${earlier.line} already`);
    }
    this.#taken.set(path, at);
    const secret = output.passphrase?.startsWith('file:') === true ? output.passphrase.slice(5) : undefined;
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

type Fields = { [K in Key]: OutputRequest[K] | undefined };

function readFields(entries: readonly Entry[], reading: Reading): Fields | null {
  const keys = Object.keys(readers) as Key[];
  const found: Record<string, unknown> = Object.fromEntries(keys.map((key) => [key, undefined]));
  let faulty = false;
  for (const { key, at, value } of entries) {
    const known = keys.find((one) => one === key);
    const meant = nearest(key, keys);
    const read =
      known === undefined
        ? reading.fault(
            at,
            'usage',
            `unknown key ${JSON.stringify(key.slice(0, 80))}`,
            meant === undefined ? `known here: ${keys.join(', ')}` : `did you mean ${JSON.stringify(meant)}?`,
          )
        : readers[known](value, known, reading);
    if (read === null) faulty = true;
    else found[key] = read;
  }
  return faulty ? null : (found as Fields);
}

/** What no key says on its own. */
function isWhole(
  output: OutputRequest,
  certificate: string,
  entries: readonly Entry[],
  at: Position,
  reading: Reading,
): boolean {
  const { content, mode } = output;
  const stray = entries.find(({ key }) => only[key as Key]?.includes(content) === false);
  if (stray) {
    const those = only[stray.key as Key]?.join(', ') ?? '';
    reading.fault(stray.at, 'usage', `${stray.key} does not go with ${content}`, `it is for ${those}`);
    return false;
  }
  if (content === 'p12' && output.passphrase === undefined) {
    const hint = 'say where it is: file:PATH, env:NAME or credential:NAME (systemd)';
    reading.fault(at, 'bad-input', 'an output with p12 has no passphrase', hint);
    return false;
  }
  if (content === 'kubernetes-secret' && output.name === undefined && !objectName.test(certificate)) {
    const message = `${JSON.stringify(certificate)} is no name that Kubernetes takes`;
    reading.fault(at, 'bad-name', message, 'give the secret a name of its own: name: orders-tls');
    return false;
  }
  const bits = entries.find(({ key }) => key === 'mode');
  if (!bits || mode === undefined) return true;
  const check = (): number => (holdsKey(output) ? keyFileMode(mode, undefined, 'mode') : openFileMode(mode));
  return reading.attempt(bits.value.at, check) !== null;
}
