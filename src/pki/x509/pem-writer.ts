/** From here on a regular expression takes seconds. */
const large = 1024 * 1024;

/** One PEM block (RFC 7468) with its trailing newline. */
export function encodePem(label: string, der: Buffer): string {
  if (der.length > large) {
    let text = '';
    for (const piece of pemPieces(label, [der])) text += piece.toString('latin1');
    return text;
  }
  const base64 = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`;
}

/** Every certificate is written to several files, and the few above it to those of thousands. */
const written = new WeakMap<Buffer, string>();

export function certificatePem(der: Buffer): string {
  const pem = written.get(der) ?? encodePem('CERTIFICATE', der);
  written.set(der, pem);
  return pem;
}

/** One block after the other. */
export const certificatesPem = (certificates: readonly { der: Buffer }[]): string =>
  certificates.map(({ der }) => certificatePem(der)).join('');

/** A line of 64 characters holds 48 octets. */
const octetsOfLine = 48;
const linesAtOnce = 1024;

/**
 * The same bytes as `encodePem`, for a CRL that comes in pieces: nothing is joined, and nothing is a string.
 * A piece is good until the next one is asked for, which is written into the same memory.
 */
export function* pemPieces(label: string, pieces: Iterable<Buffer>): Generator<Buffer> {
  yield Buffer.from(`-----BEGIN ${label}-----\n`);
  const octets = Buffer.allocUnsafe(octetsOfLine * linesAtOnce);
  const text = Buffer.allocUnsafe((octets.length / 3) * 4 + linesAtOnce);
  let length = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const copied = piece.copy(octets, length, at);
      at += copied;
      length += copied;
      if (length < octets.length) break;
      yield encodeLines(octets, text);
      length = 0;
    }
  }
  if (length > 0) yield encodeLines(octets.subarray(0, length), text);
  yield Buffer.from(`-----END ${label}-----\n`);
}

const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', 'latin1');

/** Base64 in lines (RFC 7468 section 2), each with its newline, written to the beginning of `text`. */
function encodeLines(octets: Buffer, text: Buffer): Buffer {
  let to = 0;
  for (let from = 0; from < octets.length;) {
    const end = Math.min(from + octetsOfLine, octets.length);
    for (; from + 2 < end; from += 3) {
      const group = ((octets[from] ?? 0) << 16) | ((octets[from + 1] ?? 0) << 8) | (octets[from + 2] ?? 0);
      text[to++] = alphabet[group >> 18] ?? 0;
      text[to++] = alphabet[(group >> 12) & 63] ?? 0;
      text[to++] = alphabet[(group >> 6) & 63] ?? 0;
      text[to++] = alphabet[group & 63] ?? 0;
    }
    // One or two octets are left at the very end alone, with their padding.
    if (from < end) to += text.write(octets.toString('base64', from, end), to, 'latin1');
    from = end;
    text[to++] = 0x0a;
  }
  return text.subarray(0, to);
}
