import type { Attribute, DistinguishedName } from './distinguished-name.ts';

/** Keys are kept for as long as the decoded name lives: path building asks for the same ones again and again. */
const keys = new WeakMap<DistinguishedName, string[]>();

/**
 * One key for each RDN. Two names are the same under RFC 5280 7.1 exactly if their keys are:
 * case, insignificant spaces, string types and the order within a set make no difference.
 */
function rdnKeys(name: DistinguishedName): readonly string[] {
  let found = keys.get(name);
  if (!found) {
    found = name.map((rdn) => rdn.map(attributeKey).sort().join('\u0001'));
    keys.set(name, found);
  }
  return found;
}

const wholeKeys = new WeakMap<DistinguishedName, string>();

/** The key of a whole name, for maps. */
export function nameKey(name: DistinguishedName): string {
  const known = wholeKeys.get(name);
  if (known !== undefined) return known;
  const key = rdnKeys(name).join('\u0000');
  wholeKeys.set(name, key);
  return key;
}

export const sameName = (a: DistinguishedName, b: DistinguishedName): boolean => nameKey(a) === nameKey(b);

/** Whether `name` lies in the subtree that begins with `base` (RFC 5280 7.1, last paragraph). */
export function isWithin(name: DistinguishedName, base: DistinguishedName): boolean {
  const own = rdnKeys(name);
  return rdnKeys(base).every((key, index) => own[index] === key);
}

/** A value that is no text compares by its octets. The length keeps values that hold a separator apart. */
function attributeKey({ type, value, raw }: Attribute): string {
  if (value === undefined) return `${type}#${raw.toString('hex')}`;
  const prepared = prepare(value);
  return `${type}=${prepared.length}:${prepared}`;
}

/**
 * The steps of RFC 4518 section 2 that RFC 5280 7.1 asks for: map, normalise, fold the case, collapse the spaces.
 * NUL and other controls are kept as they are, never dropped: `good\0.evil` must not equal `good.evil`.
 */
function prepare(value: string): string {
  if (/^[!-~]+$/.test(value)) return value.toLowerCase();
  return (
    value
      // eslint-disable-next-line no-misleading-character-class -- each is meant alone
      .replace(/[\u00ad\u1806\u034f\u180b-\u180d\ufe00-\ufe0f\u200b-\u200f\u2060\ufeff]/g, '')
      .normalize('NFKC')
      .toUpperCase()
      .toLowerCase()
      .replace(/[\s\u0085]+/g, ' ')
      .replace(/^ | $/g, '')
  );
}
