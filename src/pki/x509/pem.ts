import { PkiError } from '../errors.ts';

/*
 * PEM as people have it (RFC 7468 section 2 and the lax grammar of section 3, RFC 1421 headers for old encrypted keys):
 * text between blocks, any line ending, UTF-16 with or without a mark, END and BEGIN glued on one line.
 */

/** A block that is not what RFC 7468 wants. `offset` counts bytes from the start of the file. */
export class PemError extends PkiError {
  readonly block: number;
  readonly offset: number;
  readonly expected: string;

  constructor(block: number, offset: number, expected: string, found: string) {
    super('malformed', `block ${block}, at byte ${offset}: expected ${expected}, found ${found}`);
    this.block = block;
    this.offset = offset;
    this.expected = expected;
  }
}

/** What stands between BEGIN and END, not decoded yet. */
export class PemBlock {
  /** 1 for the first block of the file. */
  readonly number: number;
  /** Of the BEGIN line, in bytes from the start of the file. */
  readonly offset: number;
  readonly label: string;
  /** RFC 1421 headers, names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly #text: PemText;
  readonly #start: number;
  readonly #end: number;

  constructor(number: number, label: string, text: PemText, begin: number, start: number, end: number) {
    this.number = number;
    this.offset = text.offsetOf(begin);
    this.label = label;
    this.#text = text;
    const { headers, bodyStart } = readHeaders(text.bytes, start, end);
    this.headers = headers;
    this.#start = bodyStart;
    this.#end = end;
  }

  /** @throws PemError at the first byte that is no base64. */
  decode(): Buffer {
    const { bytes } = this.#text;
    const fault = base64Fault(bytes, this.#start, this.#end);
    if (fault) throw new PemError(this.number, this.#text.offsetOf(fault.at), fault.expected, fault.found);
    return Buffer.from(bytes.toString('latin1', this.#start, this.#end), 'base64');
  }
}

/** A file's text as one byte a character, whatever its encoding was. */
export class PemText {
  readonly bytes: Buffer;
  readonly #width: number;
  readonly #mark: number;

  constructor(file: Buffer) {
    const encoding = encodingOf(file);
    this.#width = encoding.width;
    this.#mark = encoding.mark;
    const body = file.subarray(encoding.mark);
    this.bytes = encoding.width === 1 ? body : narrow(body, encoding.bigEndian);
  }

  /** From a place in `bytes` to the place in the file. */
  offsetOf(at: number): number {
    return this.#mark + at * this.#width;
  }
}

interface Encoding {
  width: 1 | 2;
  /** Bytes of the byte order mark. */
  mark: number;
  bigEndian: boolean;
}

function encodingOf(file: Buffer): Encoding {
  const [a = 0, b = 0, c = 0] = file;
  if (a === 0xef && b === 0xbb && c === 0xbf) return { width: 1, mark: 3, bigEndian: false };
  if (a === 0xff && b === 0xfe) return { width: 2, mark: 2, bigEndian: false };
  if (a === 0xfe && b === 0xff) return { width: 2, mark: 2, bigEndian: true };
  // ASCII in UTF-16 has a NUL in each pair.
  if (file.length >= 22 && file.indexOf('-----BEGIN ', 0, 'utf16le') !== -1) {
    return { width: 2, mark: 0, bigEndian: a === 0 };
  }
  return { width: 1, mark: 0, bigEndian: false };
}

function narrow(body: Buffer, bigEndian: boolean): Buffer {
  const out = Buffer.alloc(body.length >> 1);
  const high = bigEndian ? 0 : 1;
  for (let at = 0; at < out.length; at += 1) {
    const wide = body[2 * at + high] !== 0;
    out[at] = wide ? 0x3f : (body[2 * at + 1 - high] ?? 0x3f);
  }
  return out;
}

const begin = '-----BEGIN ';
const endMark = '-----END ';
const dashes = '-----';
const longestLabel = 64;

/** Every block of a file in order; a broken one comes as the error that says where, and reading goes on after it. */
export function* pemBlocks(text: PemText): Generator<PemBlock | PemError> {
  const { bytes } = text;
  let number = 0;
  let at = 0;
  for (;;) {
    const start = bytes.indexOf(begin, at, 'latin1');
    const orphan = orphanEnd(bytes, at, start);
    if (orphan !== -1) {
      yield new PemError(number + 1, text.offsetOf(orphan), '-----BEGIN before an -----END', 'none');
    }
    if (start === -1) return;
    number += 1;
    const result = readBlock(text, number, start);
    yield result.block;
    at = result.next;
  }
}

function orphanEnd(bytes: Buffer, from: number, to: number): number {
  const at = bytes.subarray(from, to === -1 ? bytes.length : to).indexOf(endMark, 0, 'latin1');
  return at === -1 ? -1 : from + at;
}

function readBlock(
  text: PemText,
  number: number,
  start: number,
): { block: PemBlock | PemError; next: number } {
  const { bytes } = text;
  const fail = (at: number, next: number, expected: string, found: string): ReturnType<typeof readBlock> => ({
    block: new PemError(number, text.offsetOf(at), expected, found),
    next,
  });
  const labelStart = start + begin.length;
  const label = labelAt(bytes, labelStart);
  if (label === undefined) return fail(labelStart, labelStart, 'a label and -----', 'none on this line');
  const bodyStart = labelStart + label.length + dashes.length;
  const end = bytes.indexOf(dashes, bodyStart, 'latin1');
  if (end === -1) return fail(bytes.length, bytes.length, `-----END ${label}-----`, 'the end of the file');
  if (!startsWith(bytes, end, endMark)) {
    const found = startsWith(bytes, end, begin) ? 'another -----BEGIN' : 'other dashes';
    return fail(end, found === 'other dashes' ? end + dashes.length : end, `-----END ${label}-----`, found);
  }
  const closing = labelAt(bytes, end + endMark.length);
  const next = end + endMark.length + (closing === undefined ? 0 : closing.length + dashes.length);
  if (closing !== label) {
    const found = closing === undefined ? 'an END line that breaks off' : `-----END ${closing}-----`;
    return fail(end, next, `-----END ${label}-----`, found);
  }
  return { block: new PemBlock(number, label, text, start, bodyStart, end), next };
}

const startsWith = (bytes: Buffer, at: number, mark: string): boolean =>
  bytes.toString('latin1', at, at + mark.length) === mark;

/** The label up to its dashes, all on one line (RFC 7468 section 3). */
function labelAt(bytes: Buffer, at: number): string | undefined {
  const line = bytes.toString('latin1', at, at + longestLabel + dashes.length);
  const end = line.indexOf(dashes);
  const label = line.slice(0, Math.max(end, 0));
  return end !== -1 && /^[\x20-\x7e]*$/.test(label) ? label : undefined;
}

/** RFC 1421 4.4: `Name: value` lines, continued by indented ones, up to an empty line. */
function readHeaders(
  bytes: Buffer,
  start: number,
  end: number,
): { headers: Map<string, string>; bodyStart: number } {
  const headers = new Map<string, string>();
  const head = bytes.toString('latin1', start, Math.min(end, start + 4096));
  const first = /^[ \t]*(?:\r\n|\r|\n)(?=[A-Za-z][A-Za-z0-9-]*:)/.exec(head);
  if (!first) return { headers, bodyStart: start };
  const body = /(?:\r\n|\r|\n)[ \t]*(?:\r\n|\r|\n)/.exec(head.slice(first[0].length));
  if (!body) return { headers, bodyStart: start };
  const lines = head
    .slice(first[0].length, first[0].length + body.index)
    .replace(/(?:\r\n|\r|\n)[ \t]+/g, ' ');
  for (const line of lines.split(/\r\n|\r|\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { headers, bodyStart: start + first[0].length + body.index + body[0].length };
}

const alphabet = new Uint8Array(256);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/') {
  alphabet[character.charCodeAt(0)] = 1;
}
for (const space of ' \t\r\n\v\f') alphabet[space.charCodeAt(0)] = 2;
alphabet[0x3d] = 3;

/** Where a text stops being padded base64 with white space; Node's own decoder skips what it does not know. */
function base64Fault(
  bytes: Buffer,
  start: number,
  end: number,
): { at: number; expected: string; found: string } | undefined {
  let digits = 0;
  let padding = 0;
  for (let at = start; at < end; at += 1) {
    // Line by line: there may be a million of them.
    const line = at;
    while (at < end && alphabet[bytes[at] ?? 0] === 1) at += 1;
    if (at > line && padding > 0) return { at: line, expected: 'base64', found: byteText(bytes[line] ?? 0) };
    digits += at - line;
    if (at === end) break;
    const kind = alphabet[bytes[at] ?? 0];
    if (kind === 3) padding += 1;
    else if (kind !== 2) return { at, expected: 'base64', found: byteText(bytes[at] ?? 0) };
  }
  if (digits === 0) return { at: start, expected: 'base64', found: 'nothing' };
  const whole = (digits + padding) % 4 === 0 && padding < 3;
  return whole
    ? undefined
    : { at: end, expected: 'base64 in groups of four', found: `${digits + padding} characters` };
}

const byteText = (byte: number): string =>
  byte > 0x20 && byte < 0x7f
    ? JSON.stringify(String.fromCharCode(byte))
    : `byte 0x${byte.toString(16).padStart(2, '0')}`;
