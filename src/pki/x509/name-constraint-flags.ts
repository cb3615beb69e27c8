import { PkiError } from '../errors.ts';
import type { NameConstraints } from './extensions.ts';
import { formatIp, parseIp, type GeneralName } from './general-name.ts';
import { nameText, parseName } from './subject-alternative-name.ts';

type Bases = Partial<Record<'dns' | 'ip' | 'email' | 'uri', readonly string[] | undefined>>;

/**
 * Turns `--permit-…` and `--exclude-…` into name constraints (RFC 5280 4.2.1.10); `undefined` where none is given.
 * @throws PkiError `bad-name`
 */
export function parseNameConstraints(flags: {
  permitted: Bases;
  excluded: Bases;
}): NameConstraints | undefined {
  const permitted = parseBases('--permit', flags.permitted);
  const excluded = parseBases('--exclude', flags.excluded);
  return permitted.length + excluded.length === 0 ? undefined : { permitted, excluded };
}

const parsers = { dns: parseDnsBase, ip: parseNetwork, email: parseEmailBase, uri: parseUriBase } as const;

function parseBases(flag: string, bases: Bases): GeneralName[] {
  return (['dns', 'ip', 'email', 'uri'] as const).flatMap((kind) =>
    (bases[kind] ?? []).map((base) => parsers[kind](base, `${flag}-${kind}`)),
  );
}

const refuse = (flag: string, base: string, hint: string): PkiError =>
  new PkiError('bad-name', `${flag} ${JSON.stringify(base)} is no such constraint`, { hint });

function host(base: string, flag: string, hint: string): string {
  try {
    const name = parseName(base);
    if (name.kind === 'dns' && !base.includes('*')) return name.value;
  } catch {
    // The reason that parseName gives speaks of names, not of constraints.
  }
  throw refuse(flag, base, hint);
}

function parseDnsBase(base: string, flag: string): GeneralName {
  return {
    kind: 'dns',
    value: host(base, flag, 'a domain without a leading dot: "internal" allows internal and all below it'),
  };
}

/** `10.0.0.0/8`, `fd00::/8`, or one address. */
function parseNetwork(base: string, flag: string): GeneralName {
  const hint = 'a network such as 10.0.0.0/8 or fd00::/8, or one address';
  const [text = '', prefix] = base.split('/');
  const address = parseIp(text);
  const bits = address ? address.length * 8 : 0;
  const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1;
  if (!address || length < 0 || length > bits) throw refuse(flag, base, hint);
  const mask = Buffer.from(
    address.map((_, at) => 0xff & ~(0xff >> Math.max(0, Math.min(8, length - at * 8)))),
  );
  const network = Buffer.from(address.map((byte, at) => byte & (mask[at] ?? 0)));
  if (!network.equals(address))
    throw refuse(flag, base, `bits beyond the prefix are set; did you mean ${formatIp(network)}/${length}?`);
  return { kind: 'ip', bytes: Buffer.concat([network, mask]) };
}

/** A mailbox, a host, or `.domain` for all hosts below it. */
function parseEmailBase(base: string, flag: string): GeneralName {
  const hint =
    'a mailbox (ops@corp.example), a host (corp.example) or all hosts below a domain (.corp.example)';
  if (base.startsWith('.')) return { kind: 'email', value: `.${host(base.slice(1), flag, hint)}` };
  if (!base.includes('@')) return { kind: 'email', value: host(base, flag, hint) };
  const name = parseName(base);
  if (name.kind !== 'email') throw refuse(flag, base, hint);
  return { kind: 'email', value: nameText(name) };
}

/** A host, or `.domain`: constraints on URIs see the host alone. */
function parseUriBase(base: string, flag: string): GeneralName {
  const hint =
    'only the host of a URI can be constrained: "corp" for spiffe://corp/…, ".corp.example" for all hosts below it';
  const dot = base.startsWith('.') ? '.' : '';
  return { kind: 'uri', value: `${dot}${host(base.slice(dot.length), flag, hint)}` };
}
