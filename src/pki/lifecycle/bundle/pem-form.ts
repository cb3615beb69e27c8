import { fault, type BundleFinding, type BundleRule } from './finding.ts';

/** What stands in a file beside its blocks, by kind, with the first place of each. */
interface Stray {
  rule: BundleRule;
  line: number;
  count: number;
}

/**
 * Whether a file is PEM as the target reads it: nothing that its parser stumbles over.
 * @param label that every block must have.
 */
export function judgePem(file: Buffer, name: string, label: string, strict: boolean): BundleFinding[] {
  if (!file.includes('-----BEGIN ')) {
    return [fault('not-pem', `${name} is not PEM`, 'without --check, --out writes it as PEM')];
  }
  const strays = new Map<BundleRule, Stray>();
  const stray = (rule: BundleRule, line: number): void => {
    const known = strays.get(rule) ?? { rule, line, count: 0 };
    strays.set(rule, { ...known, count: known.count + 1 });
  };
  const marked = file[0] === 0xef && file[1] === 0xbb && file[2] === 0xbf;
  // OpenSSL looks for BEGIN at the beginning of a line, and so passes over the block behind a mark.
  if (marked) stray('byte-order-mark', 1);
  let inside = false;
  eachLine(file, marked ? 3 : 0, (line, number, returns) => {
    if (returns && strict) stray('line-ending', number);
    if (line.startsWith('-----BEGIN ')) {
      inside = true;
      // A key is said to be one by whoever has read it.
      if (line !== `-----BEGIN ${label}-----` && !line.includes('PRIVATE KEY')) stray('label', number);
    } else if (line.startsWith('-----END ')) inside = false;
    else if (strict && line.trim() === '') stray('blank-line', number);
    else if (strict && !inside && !/^#[^-]*$/.test(line)) stray('text-outside', number);
  });
  return [...strays.values()].map((one) => wordsOf(one, name, label));
}

/** There may be a million lines. */
function eachLine(
  file: Buffer,
  start: number,
  see: (line: string, number: number, returns: boolean) => void,
): void {
  let number = 0;
  for (let at = start; at < file.length;) {
    const newline = file.indexOf(0x0a, at);
    const end = newline === -1 ? file.length : newline;
    const returns = end > at && file[end - 1] === 0x0d;
    see(file.toString('latin1', at, returns ? end - 1 : end), ++number, returns);
    at = end + 1;
  }
}

const words: Partial<Record<BundleRule, string>> = {
  'byte-order-mark': 'a byte order mark',
  'line-ending': 'a line that ends with a carriage return',
  'blank-line': 'a blank line',
  'text-outside': 'text outside the blocks that is no comment (# without a hyphen)',
};

function wordsOf({ rule, line, count }: Stray, name: string, label: string): BundleFinding {
  const what = words[rule] ?? `a block that is not labelled ${label}`;
  const more = count > 1 ? `, and ${count - 1} more` : '';
  return fault(rule, `${name}:${line} holds ${what}${more}`, 'without --check, --out writes it without');
}
