import { isEmpty, isPlain, quoted, type Reading } from './reading.ts';
import type { Tree } from './tree.ts';

/** Takes one value of a file; `null` where it took down what is wrong with it. */
export type Reader<T> = (tree: Tree, label: string, reading: Reading) => T | null;

/** Folded or not: no parser gets it, as each quotes what it refuses. */
const wholePem = /^\s*-----BEGIN [A-Z0-9 ]+-----\s+\S/;

/** Text that a parser takes; the parser says what is wrong with it. */
export const text =
  <T>(parse: (value: string, label: string) => T): Reader<T> =>
  (tree, label, reading) => {
    if (tree.kind !== 'scalar' || tree.value === null) {
      return reading.wrongKind(
        tree,
        label,
        'text',
        'one value, in quotes where it could be read as something else',
      );
    }
    const { value, at, source } = tree;
    if (typeof value === 'string' && wholePem.test(value)) {
      const hint = 'name the file that holds it: what stands here is copied to other files';
      return reading.fault(at, 'bad-input', `${label} is the text of a PEM file`, hint);
    }
    const parsed = reading.attempt(at, () => parse(typeof value === 'string' ? value : source, label));
    if (parsed === null || typeof value === 'string') return parsed;
    return reading.wrongKind(tree, label, 'text', `write it in quotes: ${quoted(source)}`);
  };

/** The same where a plain number means something too: users and groups. */
export const textOrNumber =
  <T>(parse: (value: string, label: string) => T): Reader<T> =>
  (tree, label, reading) => {
    const isNumber = tree.kind === 'scalar' && Number.isSafeInteger(tree.value) && Number(tree.value) >= 0;
    return text(parse)(isNumber ? { ...tree, value: String(tree.value) } : tree, label, reading);
  };

/** A whole number from 1 to 999999, as flags take them. */
export const wholeNumber: Reader<number> = (tree, label, reading) => {
  const value = tree.kind === 'scalar' ? tree.value : undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 999_999) return value;
  return reading.wrongKind(tree, label, 'a whole number from 1 to 999999', 'without quotes');
};

export const choice =
  <T extends string>(choices: readonly T[]): Reader<T> =>
  (tree, label, reading) => {
    const found = tree.kind === 'scalar' ? choices.find((one) => one === tree.value) : undefined;
    if (found !== undefined) return found;
    if (tree.kind !== 'scalar' || typeof tree.value !== 'string') {
      return reading.wrongKind(tree, label, 'text', `one of: ${choices.join(', ')}`);
    }
    const message = `${label} ${quoted(tree.value)} is not known`;
    return reading.fault(tree.at, 'usage', message, `one of: ${choices.join(', ')}`);
  };

export const flag: Reader<boolean> = (tree, label, reading) =>
  tree.kind === 'scalar' && typeof tree.value === 'boolean'
    ? tree.value
    : reading.wrongKind(
        tree,
        label,
        'true or false',
        'YAML 1.2 knows true and false, and yes and no as text',
      );

/** A list without repeats. */
export const list =
  <T>(item: Reader<T>): Reader<T[]> =>
  (tree, label, reading) => {
    if (tree.kind !== 'list') {
      const isShown = tree.kind === 'scalar' && !isEmpty(tree) && isPlain(tree.source);
      const example = isShown ? `[${tree.source}]` : '[one, another]';
      return reading.wrongKind(tree, label, 'a list', `write it as a list: ${label}: ${example}`);
    }
    const items = tree.items.map((one) => item(one, label, reading));
    const good = items.filter((one): one is NonNullable<typeof one> => one !== null);
    return good.length === items.length ? [...new Set(good)] : null;
  };
