import type { DerReader } from './der-reader.ts';
import { context, contextConstructed, objectIdentifier, type Element } from './der-reader.ts';
import * as write from './der-writer.ts';
import { formatName, readRdns, type DistinguishedName } from './distinguished-name.ts';

/** A GeneralName (RFC 5280 4.2.1.6). */
export type GeneralName =
  | { kind: 'dns' | 'email' | 'uri'; value: string }
  /** 4 or 16 octets; 8 or 32 (address and mask) in name constraints. */
  | { kind: 'ip'; bytes: Buffer }
  | { kind: 'directory'; name: DistinguishedName; der: Buffer }
  | { kind: 'registeredId'; value: string }
  | { kind: 'other'; type: string; der: Buffer }
  | { kind: 'x400' | 'ediParty'; der: Buffer };

export function readGeneralNames(names: DerReader, what: string): GeneralName[] {
  const list: GeneralName[] = [];
  for (const element of names.all(what)) list.push(readGeneralName(element, what));
  return list;
}

export function readGeneralName(element: Element, what: string): GeneralName {
  switch (element.tag) {
    case contextConstructed(0):
      return readOtherName(element, what);
    case context(1):
      return { kind: 'email', value: ia5(element, `an rfc822Name in ${what}`) };
    case context(2):
      return { kind: 'dns', value: ia5(element, `a dNSName in ${what}`) };
    case contextConstructed(3):
      return { kind: 'x400', der: element.raw };
    case contextConstructed(4): {
      const inner = element.reader();
      const der = inner.expect(0x30, `a directoryName in ${what}`);
      inner.finish(`a directoryName in ${what}`);
      return { kind: 'directory', name: readRdns(der.reader(), `a directoryName in ${what}`), der: der.raw };
    }
    case contextConstructed(5): {
      const inner = element.reader();
      inner.optional(contextConstructed(0), `the nameAssigner of an ediPartyName in ${what}`);
      inner.expect(contextConstructed(1), `the partyName of an ediPartyName in ${what}`);
      inner.finish(`an ediPartyName in ${what}`);
      return { kind: 'ediParty', der: element.raw };
    }
    case context(6):
      return { kind: 'uri', value: ia5(element, `a URI in ${what}`) };
    case context(7):
      return { kind: 'ip', bytes: element.content };
    case context(8):
      return { kind: 'registeredId', value: objectIdentifier(element, `a registeredID in ${what}`) };
    default:
      throw element.fail(`a general name in ${what}`, `tag 0x${element.tag.toString(16)}`);
  }
}

function readOtherName(element: Element, what: string): GeneralName {
  const inner = element.reader();
  const type = objectIdentifier(
    inner.expect(0x06, `an otherName's type in ${what}`),
    `an otherName's type in ${what}`,
  );
  const value = inner.expect(contextConstructed(0), `an otherName's value in ${what}`);
  inner.finish(`an otherName in ${what}`);
  return { kind: 'other', type, der: value.content };
}

function ia5(element: Element, what: string): string {
  const { content } = element;
  if (content.some((byte) => byte >= 0x80)) throw element.fail(`${what} in ASCII`, 'another octet');
  return content.toString('latin1');
}

/** The tag number of each kind that this program writes. */
const tagNumber = { email: 1, dns: 2, uri: 6, ip: 7 } as const;

export function encodeGeneralName(name: GeneralName): Buffer {
  switch (name.kind) {
    case 'ip':
      return write.implicit(tagNumber.ip, name.bytes);
    case 'dns':
    case 'email':
    case 'uri':
      return write.implicit(tagNumber[name.kind], Buffer.from(name.value, 'latin1'));
    case 'directory':
      return write.explicit(4, name.der);
    default:
      throw new TypeError(`a ${name.kind} name is never written`);
  }
}

/** `dns:orders.internal`, `ip:10.0.0.7`, `uri:spiffe://…`: how a name is shown and compared. */
export function formatGeneralName(name: GeneralName): string {
  switch (name.kind) {
    case 'ip':
      return `ip:${formatIp(name.bytes)}`;
    case 'directory':
      return `directory:${formatName(name.name)}`;
    case 'other':
      return `other:${name.type}:${name.der.toString('hex')}`;
    case 'x400':
    case 'ediParty':
      return `${name.kind}:${name.der.toString('hex')}`;
    default:
      return `${name.kind}:${name.value}`;
  }
}

/** Dotted or RFC 5952 text; `address/prefix` or `address/mask` for the doubled form; hex for a wrong length. */
export function formatIp(bytes: Buffer): string {
  if (bytes.length === 4 || bytes.length === 16) return formatAddress(bytes);
  if (bytes.length === 8 || bytes.length === 32) {
    const half = bytes.length / 2;
    const mask = bytes.subarray(half);
    const bits = [...mask].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    const suffix = /^1*0*$/.test(bits) ? String(bits.replace(/0+$/, '').length) : formatAddress(mask);
    return `${formatAddress(bytes.subarray(0, half))}/${suffix}`;
  }
  return `#${bytes.toString('hex')}`;
}

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join('.');
  const groups: number[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(bytes.readUInt16BE(at));
  const text = groups.map((group) => group.toString(16)).join(':');
  const longest = (text.match(/\b0(:0)+\b/g) ?? []).reduce(
    (best, run) => (run.length > best.length ? run : best),
    '',
  );
  if (longest === '') return text;
  const at = text.search(new RegExp(`\\b${longest}\\b`));
  return `${text.slice(0, at).replace(/:$/, '')}::${text.slice(at + longest.length).replace(/^:/, '')}`;
}

/**
 * Octets of an IPv4 address (dotted decimal) or an IPv6 one (RFC 4291 2.2, no zone) in text; `undefined` where it is
 * neither. By hand, since node:net is a tenth of what a command takes to start.
 */
export function parseIp(input: string): Buffer | undefined {
  return input.includes(':') ? parseIpv6(input) : parseIpv4(input);
}

function parseIpv4(input: string): Buffer | undefined {
  const parts = input.split('.');
  const decimal = parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
  return decimal && parts.length === 4 ? Buffer.from(parts.map(Number)) : undefined;
}

function parseIpv6(input: string): Buffer | undefined {
  const halves = input.split('::').map(groupsOf);
  const [left, right] = halves;
  if (left === undefined || halves.length > 2 || halves.includes(undefined)) return undefined;
  // An IPv4 address may stand at the end only.
  if (right !== undefined && /\..*::/.test(input)) return undefined;
  const missing = 16 - left.length - (right?.length ?? 0);
  if (right === undefined ? missing !== 0 : missing < 2) return undefined;
  return Buffer.from([...left, ...Array<number>(missing).fill(0), ...(right ?? [])]);
}

/** Octets of `fe80:1:2` or `ffff:10.0.0.1`; `undefined` where a group is none. */
function groupsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const octets = groups.map((group, index) => {
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }
    return index === groups.length - 1 ? [...(parseIpv4(group) ?? [])] : [];
  });
  return octets.some(({ length }) => length === 0) ? undefined : octets.flat();
}
