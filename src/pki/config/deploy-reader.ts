import { dirname, resolve } from 'node:path';
import {
  checkAcmArn,
  checkArgument,
  checkGroup,
  checkProgram,
  checkServer,
  checkTimeout,
  checkUnit,
  checkWhole,
  onFailures,
  serviceSignals,
  startTlsProtocols,
  type Confirm,
  type Deploy,
} from '../deploy/plan.ts';
import { PkiError } from '../errors.ts';
import { checkStoreName } from '../store/folder-name.ts';
import { nameText, parseName } from '../x509/subject-alternative-name.ts';
import { choice, text, type Reader } from './readers.ts';
import { isPlain, type Reading } from './reading.ts';
import { unknownKey } from './unknown-key.ts';
import type { Tree } from './tree.ts';

type Table<T> = { readonly [Key in keyof T]-?: Reader<NonNullable<T[Key]>> };

/** Reads `deploy:`; paths in it are relative to the file. */
export function deployReader(file: string): Reader<Deploy> {
  const table = deployTable(file);
  return (tree, label, reading) => {
    const plan = readTable(tree, label, table, reading);
    if (!plan) return null;
    return reading.attempt(tree.at, () => {
      checkWhole(plan, label);
      return plan;
    });
  };
}

const deployTable = (file: string): Table<Deploy> => ({
  run: commandReader(file),
  signal: choice(serviceSignals),
  pidfile: text((value) => resolve(dirname(file), value)),
  systemd: checked(checkUnit),
  timeout: checked(checkTimeout),
  acm: oneOrMore(checked(checkAcmArn), 'acm: arn:aws:acm:…'),
  confirm: confirmReader(file),
  onFailure: choice(onFailures),
  rehearse: pairReader(file),
  group: checked(checkGroup),
});

const confirmTable = (file: string): Table<Confirm> => ({
  servers: oneOrMore(checked(checkServer), 'for example 127.0.0.1:8443'),
  name: text((value) => nameText(parseName(value))),
  startTls: choice(startTlsProtocols),
  client: pairReader(file),
  key: text((value) => resolve(dirname(file), value)),
  timeout: checked(checkTimeout),
});

const checked = (check: (value: string, label: string) => void): Reader<string> =>
  text((value, label) => {
    check(value, label);
    return value;
  });

/** `HOST:PORT`, a list of them, or a mapping that says more. */
function confirmReader(file: string): Reader<Confirm> {
  const table = confirmTable(file);
  return (tree, label, reading) => {
    if (tree.kind === 'map') {
      const isWhole = tree.entries.some(({ key }) => key === 'servers');
      const confirm = readTable(tree, label, table, reading);
      if (isWhole) return confirm;
      return reading.fault(tree.at, 'bad-input', `${label} has no servers`, 'servers: [127.0.0.1:8443]');
    }
    const servers = table.servers(tree, label, reading);
    return servers && { servers };
  };
}

/** Arguments are kept as they stand, repeats and empty ones too. */
function commandReader(file: string): Reader<string[]> {
  const argument = checked(checkArgument);
  return (tree, label, reading) => {
    const isShown = tree.kind === 'scalar' && isPlain(tree.source);
    const words = isShown ? tree.source.split(/\s+/).join(', ') : 'systemctl, reload, nginx';
    const hint = `a program and its arguments, without a shell: ${label}: [${words}]`;
    if (tree.kind !== 'list') return reading.wrongKind(tree, label, 'a list', hint);
    if (tree.items.length === 0) return reading.fault(tree.at, 'bad-input', `${label} is empty`, hint);
    const items = tree.items.map((item) => argument(item, label, reading));
    const argv = items.filter((item) => item !== null);
    const [program] = argv;
    if (program === undefined || argv.length < items.length) return null;
    const at = tree.items[0]?.at ?? tree.at;
    return reading.attempt(at, () => {
      const found = /^\.{1,2}\//.test(program) ? resolve(dirname(file), program) : program;
      checkProgram(found, label);
      return [found, ...argv.slice(1)];
    });
  };
}

/** A name in the store; or a folder or file, told by its slash or its dot in front. */
const pairReader = (file: string): Reader<string> =>
  text((value, label) => {
    if (/^\.{0,2}\//.test(value)) return resolve(dirname(file), value);
    try {
      return nameText(parseName(value));
    } catch {
      return checkStoreNameFor(value, label);
    }
  });

function checkStoreNameFor(value: string, label: string): string {
  try {
    return checkStoreName(value);
  } catch (cause) {
    throw new PkiError('bad-input', `${label} ${JSON.stringify(value)} is no certificate`, {
      hint: 'a name in the store, or a folder or file with a slash: ./peer',
      cause,
    });
  }
}

const oneOrMore =
  (item: Reader<string>, hint: string): Reader<string[]> =>
  (tree, label, reading) => {
    const items = tree.kind === 'list' ? tree.items : [tree];
    if (items.length === 0) return reading.fault(tree.at, 'bad-input', `${label} is empty`, hint);
    const read = items.map((one) => item(one, label, reading));
    const good = read.filter((one) => one !== null);
    return good.length === items.length ? [...new Set(good)] : null;
  };

/** The keys that are there, in the order of the table: equal plans are equal as JSON. */
function readTable<T>(tree: Tree, label: string, table: Table<T>, reading: Reading): T | null {
  if (tree.kind !== 'map') {
    return reading.wrongKind(tree, label, 'a mapping', 'write it as lines of "key: value"');
  }
  const known = Object.keys(table);
  const found: Record<string, unknown> = {};
  let isWhole = true;
  for (const { key, at, value } of tree.entries) {
    const reader = Object.hasOwn(table, key) ? table[key as keyof T] : undefined;
    if (!reader) unknownKey(key, at, known, reading);
    else found[key] = reader(value, `${label}.${key}`, reading);
    if (found[key] === undefined || found[key] === null) isWhole = false;
  }
  if (!isWhole) return null;
  return Object.fromEntries(known.filter((key) => key in found).map((key) => [key, found[key]])) as T;
}
