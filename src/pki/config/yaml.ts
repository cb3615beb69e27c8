import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type Pair,
} from 'yaml';
import { isPlain, quoted, type Reading } from './reading.ts';
import type { Entry, Position, Tree } from './tree.ts';

/** Values that a file may stand for once its aliases are written out; a thousand certificates are some ten thousand. */
const mostValues = 1_000_000;
/** Deeper than anything that has a meaning here. */
const deepest = 32;

/**
 * Reads one YAML 1.2 document (core schema: `0600` is a number and `yes` is text).
 * @returns `null` where the document is empty, or where a fault leaves nothing to go on with.
 */
export function readYaml(text: string, reading: Reading): Tree | null {
  const lines = new LineCounter();
  const document = parse(text, lines, reading);
  if (!document) return null;
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    // A file without a single character has no line.
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const seen = new Set<number>();
  for (const { pos, code, message } of [...document.warnings, ...document.errors]) {
    const place = at(pos[0]);
    // What follows in the same line is mostly its echo, and an error often that of a warning: an alias `*.a.internal:`.
    if (seen.has(place.line)) continue;
    seen.add(place.line);
    // The library reports its own overflow as if it were an error of the text.
    if (message.startsWith('Maximum call stack')) reading.fault(place, 'malformed', ...tooDeep);
    else {
      reading.fault(place, 'malformed', unquoted(code, message), advice[code] ?? 'this is not YAML 1.2');
    }
  }
  if (seen.size > 0 || !document.contents) return null;
  return new Conversion(at, reading).root(document.contents);
}

/** The library's words without what it quotes of the file, which may be a key or a passphrase. */
function unquoted(code: string, message: string): string {
  const plain = ownWords[code] ?? message.replace(/(?<=\w): .*/s, '');
  return plain.charAt(0).toLowerCase() + plain.slice(1);
}

const ownWords: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'a second YAML document begins here',
  TAG_RESOLVE_FAILED: 'the tag is not known here',
  BAD_DIRECTIVE: 'the directive is not known here',
  BAD_ALIAS: 'the name of an anchor or an alias ends here with a colon, or is empty',
};

const tooDeep = ['it is nested too deeply', 'three levels are enough'] as const;

const advice: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'keep one document in a file',
  TAB_AS_INDENT: 'indent with spaces',
  TAG_RESOLVE_FAILED: 'leave the tag out',
  BAD_ALIAS: 'put a wildcard, and whatever else begins with * or &, in quotes: "*.orders.internal":',
  BLOCK_AS_IMPLICIT_KEY: 'look at the indentation, and put text that holds ": " in quotes',
};

function parse(text: string, lineCounter: LineCounter, reading: Reading): Document.Parsed | null {
  try {
    // Its own search for keys given twice takes the square of their number.
    return parseDocument(text, {
      schema: 'core',
      version: '1.2',
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
      lineCounter,
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return reading.fault({ line: 1, column: 1 }, 'malformed', ...tooDeep);
  }
}

interface Weighed {
  tree: Tree;
  /** Values below it, with every alias written out. */
  weight: number;
}

/** Turns the library's nodes into ours. An alias becomes the very tree that it stands for: nothing is multiplied. */
class Conversion {
  readonly #at: (offset: number) => Position;
  readonly #reading: Reading;
  /** What anchors stand for, up to here; `undefined` while it is being read. */
  readonly #anchors = new Map<string, Weighed | undefined>();

  constructor(at: (offset: number) => Position, reading: Reading) {
    this.#at = at;
    this.#reading = reading;
  }

  root(contents: Node): Tree | null {
    // There is nothing that it could stand for.
    if (isAlias(contents)) return { kind: 'scalar', at: this.#at(0), value: '', source: '' };
    const { tree, weight } = this.#convert(contents, 0);
    if (weight <= mostValues) return tree;
    return this.#reading.fault(
      tree.at,
      'malformed',
      `it stands for more than ${mostValues} values, with its aliases written out`,
      'write less with aliases (*name), and what is shared under defaults',
    );
  }

  #convert(node: Node, depth: number): Weighed {
    const at = this.#at(node.range?.[0] ?? 0);
    if (depth > deepest) return this.#nothing(at, ...tooDeep);
    if (isAlias(node)) return this.#resolve(node.source, at);
    const anchor = isScalar(node) || isCollection(node) ? node.anchor : undefined;
    if (anchor !== undefined) this.#anchors.set(anchor, undefined);
    const found = this.#convertOwn(node, at, depth);
    if (anchor !== undefined) this.#anchors.set(anchor, found);
    return found;
  }

  #convertOwn(node: Node, at: Position, depth: number): Weighed {
    if (isSeq<Node>(node)) {
      const items = node.items.map((item) => this.#convert(item, depth + 1));
      return { tree: { kind: 'list', at, items: items.map(({ tree }) => tree) }, weight: sum(items) };
    }
    if (isMap<Node, Node | null>(node)) return this.#convertMap(node.items, at, depth);
    const value = isScalar(node) ? node.value : undefined;
    return { tree: { kind: 'scalar', at, value, source: (isScalar(node) && node.source) || '' }, weight: 1 };
  }

  #convertMap(pairs: readonly Pair<Node, Node | null>[], at: Position, depth: number): Weighed {
    const first = new Map<string, Position>();
    const entries: Entry[] = [];
    const values: Weighed[] = [];
    for (const { key, value } of pairs) {
      const place = this.#at(key.range?.[0] ?? 0);
      const name = isScalar(key) && typeof key.value === 'string' ? key.value : undefined;
      if (name === undefined) {
        this.#reading.fault(place, 'malformed', 'a key must be text', 'write it in quotes');
        continue;
      }
      const earlier = first.get(name);
      if (earlier)
        this.#reading.fault(
          place,
          'malformed',
          `${quoted(name)} is given twice`,
          `it stands in line ${earlier.line} already`,
        );
      first.set(name, earlier ?? place);
      const converted = value ? this.#convert(value, depth + 1) : nothing(place);
      values.push(converted);
      entries.push({ key: name, at: place, value: converted.tree });
    }
    return { tree: { kind: 'map', at, entries }, weight: sum(values) };
  }

  #resolve(name: string, at: Position): Weighed {
    if (!this.#anchors.has(name)) {
      const hint = name.startsWith('.')
        ? `put a wildcard in quotes: ${quoted(`*${name}`)}`
        : 'an alias stands for what was anchored further up';
      return this.#nothing(
        at,
        `there is no anchor ${isPlain(name) ? `&${name}` : 'of that name'} before it`,
        hint,
      );
    }
    return this.#anchors.get(name) ?? this.#nothing(at, `*${name} stands for itself`, 'leave the alias out');
  }

  #nothing(at: Position, message: string, hint: string): Weighed {
    this.#reading.fault(at, 'malformed', message, hint);
    return nothing(at);
  }
}

const nothing = (at: Position): Weighed => ({
  tree: { kind: 'scalar', at, value: null, source: '' },
  weight: 1,
});

const sum = (values: readonly Weighed[]): number => values.reduce((total, { weight }) => total + weight, 1);
