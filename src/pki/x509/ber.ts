import { DerError, tag } from './der-reader.ts';
import { encodeHeader } from './der-writer.ts';

/*
 * PKCS#7 and PKCS#12 come in BER (X.690 chapter 8): indefinite lengths, strings in pieces, lengths with leading zeros.
 * Turned into DER once, everything above reads one form only. What is DER already, certificates above all,
 * keeps its bytes.
 */

/** Deeper than any real file, shallow enough for the stack. */
const deepest = 48;
/** A real file has some thousands; each costs a little memory. */
const most = 500_000;

/**
 * The first element of `source` in DER. Data that may follow it is not looked at.
 * @throws DerError with the offset into `source`.
 */
export function toDer(source: Buffer): Buffer {
  const run: Run = { source, elements: 0 };
  const parts: Buffer[] = [];
  const { length } = convert(run, 0, source.length, 0, parts);
  return parts.length === 1 ? (parts[0] ?? source) : Buffer.concat(parts, length);
}

interface Run {
  source: Buffer;
  elements: number;
}

interface Converted {
  /** Where the next element begins. */
  next: number;
  /** Octets in DER. */
  length: number;
}

interface Header {
  tag: number;
  contentStart: number;
  /** `undefined`: indefinite. */
  contentEnd: number | undefined;
}

const stringInPieces = tag.octetString | 0x20;

function count(run: Run, at: number, depth: number): void {
  run.elements += 1;
  if (run.elements > most) throw new DerError(at, `at most ${most} elements`, 'more');
  if (depth > deepest) throw new DerError(at, `at most ${deepest} levels`, 'deeper nesting');
}

/** Appends the element at `at` in DER to `out`. */
function convert(run: Run, at: number, end: number, depth: number, out: Buffer[]): Converted {
  const { source } = run;
  count(run, at, depth);
  const header = readHeader(source, at, end);
  const constructed = (header.tag & 0x20) !== 0;
  if (!constructed) {
    const contentEnd = header.contentEnd;
    if (contentEnd === undefined)
      throw new DerError(at, 'a definite length', 'a primitive element without one');
    return { next: contentEnd, length: append(out, source, at, header.tag, header.contentStart, contentEnd) };
  }
  if (header.tag === stringInPieces) return joinPieces(run, header, end, depth, out);
  const { parts, length, next } = convertContent(run, header, end, depth);
  const head = encodeHeader(header.tag, length);
  const own = source.subarray(at, header.contentStart);
  const [only] = parts;
  const untouched =
    head.equals(own) && parts.length === 1 && only?.byteOffset === source.byteOffset + header.contentStart;
  if (untouched) out.push(source.subarray(at, next));
  else {
    out.push(head);
    for (const part of parts) out.push(part);
  }
  return { next, length: head.length + length };
}

function convertContent(
  run: Run,
  header: Header,
  end: number,
  depth: number,
): { parts: Buffer[]; length: number; next: number } {
  const { source } = run;
  const parts: Buffer[] = [];
  let at = header.contentStart;
  let length = 0;
  const limit = header.contentEnd ?? end;
  while (header.contentEnd === undefined ? !isEndOfContents(source, at, limit) : at < limit) {
    const pieces: Buffer[] = [];
    const inner = convert(run, at, limit, depth + 1, pieces);
    length += inner.length;
    at = inner.next;
    for (const piece of pieces) joinOrPush(parts, piece);
  }
  return { parts, length, next: header.contentEnd ?? at + 2 };
}

/** Neighbours in memory become one view, so that what is DER stays one piece. */
function joinOrPush(parts: Buffer[], piece: Buffer): void {
  const last = parts.at(-1);
  const adjacent = last?.buffer === piece.buffer && last.byteOffset + last.length === piece.byteOffset;
  if (last && adjacent)
    parts[parts.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + piece.length);
  else parts.push(piece);
}

function isEndOfContents(source: Buffer, at: number, end: number): boolean {
  if (at + 2 > end) throw new DerError(at, 'the end-of-contents octets', 'the end of the data');
  return source[at] === 0 && source[at + 1] === 0;
}

/** A primitive element: as it stands where its length is minimal. */
function append(out: Buffer[], source: Buffer, at: number, id: number, start: number, end: number): number {
  const head = encodeHeader(id, end - start);
  if (head.equals(source.subarray(at, start))) {
    out.push(source.subarray(at, end));
  } else {
    out.push(head, source.subarray(start, end));
  }
  return head.length + end - start;
}

/** An OCTET STRING in pieces (X.690 8.7.3) becomes one, of views: however deep the pieces lie, nothing is copied. */
function joinPieces(run: Run, header: Header, end: number, depth: number, out: Buffer[]): Converted {
  const contents: Buffer[] = [];
  const next = collectPieces(run, header, end, depth, contents);
  const length = contents.reduce((sum, piece) => sum + piece.length, 0);
  const head = encodeHeader(tag.octetString, length);
  out.push(head);
  for (const piece of contents) out.push(piece);
  return { next, length: head.length + length };
}

/** Appends the octets of every piece to `contents`. @returns where the next element begins */
function collectPieces(
  run: Run,
  { contentStart, contentEnd }: Header,
  end: number,
  depth: number,
  contents: Buffer[],
): number {
  const { source } = run;
  const limit = contentEnd ?? end;
  let at = contentStart;
  while (contentEnd === undefined ? !isEndOfContents(source, at, limit) : at < limit) {
    count(run, at, depth + 1);
    const piece = readHeader(source, at, limit);
    if (piece.tag === stringInPieces) at = collectPieces(run, piece, limit, depth + 1, contents);
    else if (piece.tag === tag.octetString && piece.contentEnd !== undefined) {
      joinOrPush(contents, source.subarray(piece.contentStart, piece.contentEnd));
      at = piece.contentEnd;
    } else throw new DerError(at, 'pieces of an octet string', 'something else');
  }
  return contentEnd ?? at + 2;
}

/** The octets of a run of OCTET STRINGs in DER. */
export function joinOctets(pieces: Buffer, offset = 0): Buffer {
  const contents: Buffer[] = [];
  for (let at = 0; at < pieces.length;) {
    const header = readHeader(pieces, at, pieces.length);
    if (header.tag !== tag.octetString)
      throw new DerError(offset, 'pieces of an octet string', 'something else');
    const end = header.contentEnd ?? pieces.length;
    contents.push(pieces.subarray(header.contentStart, end));
    at = end;
  }
  return Buffer.concat(contents);
}

function readHeader(source: Buffer, at: number, end: number): Header {
  const elementTag = source[at];
  const first = source[at + 1];
  if (elementTag === undefined || first === undefined || at + 2 > end) {
    throw new DerError(at, 'an element', 'the end of the data');
  }
  if ((elementTag & 0x1f) === 0x1f) throw new DerError(at, 'a low tag number', 'a high one');
  if (first === 0x80) return { tag: elementTag, contentStart: at + 2, contentEnd: undefined };
  const octets = first > 0x80 ? first & 0x7f : 0;
  const contentStart = at + 2 + octets;
  if (octets > 6 || contentStart > end) throw new DerError(at + 1, 'a length', 'one of too many octets');
  const length = octets > 0 ? source.readUIntBE(at + 2, octets) : first;
  if (contentStart + length > end) {
    throw new DerError(at, `an element of ${length} bytes`, `only ${end - contentStart} bytes`);
  }
  return { tag: elementTag, contentStart, contentEnd: contentStart + length };
}
