import { tag } from './der-reader.ts';

/*
 * Tells what DER is by its outline, before anything is decoded: the first tags of the outermost SEQUENCE and of what it
 * holds. It never throws and follows truncated data to its end, so that the right reader gets to say what is wrong.
 */

/** Each kind in a sentence. */
export const kindWords = {
  certificate: 'a certificate',
  request: 'a certificate request',
  crl: 'a CRL',
  pkcs7: 'PKCS#7',
  pkcs12: 'PKCS#12',
  pkcs8: 'a private key',
  'encrypted-pkcs8': 'an encrypted private key',
  sec1: 'an EC private key',
  'rsa-private': 'an RSA private key',
  'dsa-private': 'a DSA private key',
  'public-key': 'a public key',
  'rsa-public': 'an RSA public key',
  'ocsp-response': 'an OCSP response',
  'other-cms': 'an encrypted or signed CMS message',
} as const;
export type DerKind = keyof typeof kindWords;

interface Outline {
  tag: number;
  start: number;
  end: number;
}

/** `undefined`: nothing that this program knows. */
export function kindOf(der: Buffer): DerKind | undefined {
  const outer = outline(der, 0, der.length, 1)[0];
  if (outer?.tag !== tag.sequence) return undefined;
  const parts = outline(der, outer.start, outer.end, 10);
  const inner = (index: number): Outline[] => {
    const part = parts[index];
    return part ? outline(der, part.start, part.end, 5) : [];
  };
  switch (parts[0]?.tag) {
    case tag.sequence:
      return kindOfSigned(der, parts, inner(0));
    case tag.oid:
      return kindOfContent(der, parts[0]);
    case tag.integer:
      return kindOfVersioned(der, parts, inner(1));
    case tag.enumerated:
      return 'ocsp-response';
    default:
      return undefined;
  }
}

/** SEQUENCE of a SEQUENCE: something signed, an encrypted key or a public key. */
function kindOfSigned(der: Buffer, parts: readonly Outline[], body: readonly Outline[]): DerKind | undefined {
  const [first, second, , fourth] = body;
  if (first?.tag === tag.oid) {
    if (parts[1]?.tag === tag.octetString) return 'encrypted-pkcs8';
    return parts[1]?.tag === tag.bitString ? 'public-key' : undefined;
  }
  if (first?.tag === 0xa0) return 'certificate';
  // A version 1 CRL begins with its algorithm; a version 2 one, a request and a version 1 certificate with a number.
  if (first?.tag === tag.sequence) return 'crl';
  if (first?.tag !== tag.integer || second?.tag !== tag.sequence) return undefined;
  const beginsWithOid = outline(der, second.start, second.end, 1)[0]?.tag === tag.oid;
  if (!beginsWithOid) return 'request';
  return fourth?.tag === tag.utcTime || fourth?.tag === tag.generalizedTime ? 'crl' : 'certificate';
}

const pkcs7 = Buffer.from('2a864886f70d0107', 'hex');

function kindOfContent(der: Buffer, type: Outline): DerKind | undefined {
  const content = der.subarray(type.start, type.end);
  if (!content.subarray(0, pkcs7.length).equals(pkcs7)) return undefined;
  return content[pkcs7.length] === 2 ? 'pkcs7' : 'other-cms';
}

/** SEQUENCE that begins with a number. */
function kindOfVersioned(
  der: Buffer,
  parts: readonly Outline[],
  second: readonly Outline[],
): DerKind | undefined {
  switch (parts[1]?.tag) {
    case tag.octetString:
      return 'sec1';
    case tag.sequence: {
      const type = second[0];
      if (type?.tag !== tag.oid) return undefined;
      if (der.subarray(type.start, type.end).subarray(0, pkcs7.length).equals(pkcs7)) return 'pkcs12';
      return parts[2]?.tag === tag.octetString ? 'pkcs8' : undefined;
    }
    case tag.integer: {
      const integers = parts.filter((part) => part.tag === tag.integer).length;
      if (integers >= 9) return 'rsa-private';
      if (integers === 6) return 'dsa-private';
      return integers === 2 ? 'rsa-public' : undefined;
    }
    default:
      return undefined;
  }
}

/** At most `limit` elements from `start` on, BER lengths too; one that is cut off reaches to `end`. */
function outline(der: Buffer, start: number, end: number, limit: number): Outline[] {
  const found: Outline[] = [];
  let at = start;
  while (found.length < limit && at + 1 < end) {
    const elementTag = der[at] ?? 0;
    const first = der[at + 1] ?? 0;
    const octets = first > 0x80 && first <= 0x84 ? first & 0x7f : 0;
    const contentStart = at + 2 + octets;
    if (contentStart > end || first > 0x84) break;
    const length = octets > 0 ? der.readUIntBE(at + 2, octets) : first === 0x80 ? end : first;
    const contentEnd = Math.min(end, contentStart + length);
    found.push({ tag: elementTag, start: contentStart, end: contentEnd });
    at = contentEnd;
  }
  return found;
}
