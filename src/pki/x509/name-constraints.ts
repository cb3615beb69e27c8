import type { DistinguishedName } from './distinguished-name.ts';
import type { NameConstraints } from './extensions.ts';
import { formatGeneralName, parseIp, type GeneralName } from './general-name.ts';
import { isWithin } from './name-comparison.ts';
import { oid } from './oid.ts';

/** The first name that constraints do not let pass. */
export interface NameViolation {
  name: GeneralName;
  why: 'excluded' | 'not-permitted' | 'malformed' | 'unsupported';
  /** The subtree that excludes the name, or that cannot be read; for `not-permitted` none matched. */
  constraint: GeneralName | undefined;
  /** Which of the constraints that were handed in. */
  index: number;
}

/**
 * Holds names against the constraints of every CA above them (RFC 5280 4.2.1.10, 6.1.3 (b) and (c)).
 * The subject counts as a directory name unless it is empty; its e-mail addresses count where there is no other name.
 */
export function checkNameConstraints(
  constraints: readonly NameConstraints[],
  names: readonly GeneralName[],
  subject: DistinguishedName,
): NameViolation | undefined {
  const all = [...names, ...namesInSubject(names, subject)];
  for (const [index, constraint] of constraints.entries()) {
    for (const name of all) {
      const violation = violationOf(name, constraint);
      if (violation) return { ...violation, index };
    }
  }
  return undefined;
}

/** How many comparisons `checkNameConstraints` may take: ask before a hostile chain is judged. */
export function nameConstraintCost(
  constraints: readonly NameConstraints[],
  names: readonly GeneralName[],
  subject: DistinguishedName,
): number {
  const subtrees = constraints.reduce(
    (sum, { permitted, excluded }) => sum + permitted.length + excluded.length,
    0,
  );
  return subtrees * (names.length + subject.length + 1);
}

/** `dns:www.example.org is excluded by dns:example.org`: for messages. */
export function describeViolation({ name, why, constraint }: NameViolation): string {
  const shown = formatGeneralName(name);
  const by = constraint === undefined ? '' : formatGeneralName(constraint);
  switch (why) {
    case 'excluded':
      return `${shown} is excluded by ${by}`;
    case 'not-permitted':
      return `${shown} lies in no permitted subtree`;
    case 'malformed':
      return `${shown} or the constraint ${by} is not well formed`;
    case 'unsupported':
      return `${shown} falls under a constraint of a kind that cannot be judged`;
  }
}

/**
 * Host names and addresses in the common names of a certificate without alternative names.
 * RFC 9525 gives them no meaning; clients that fall back to them exist, so a constrained CA must not hand them out.
 */
export function namesInCommonName(subject: DistinguishedName): GeneralName[] {
  return subject.flat().flatMap(({ type, value = '' }): GeneralName[] => {
    if (type !== oid.commonName) return [];
    const bytes = parseIp(value);
    if (bytes) return [{ kind: 'ip', bytes }];
    return /^(\*\.)?([a-z0-9_-]+\.)+[a-z0-9_-]+$/i.test(value) ? [{ kind: 'dns', value }] : [];
  });
}

/**
 * Common names that OpenSSL and GnuTLS take for host names where there is no DNS name: an IPv4 address looks like one, too.
 */
export const hostsInCommonName = (subject: DistinguishedName): GeneralName[] =>
  subject.flat().flatMap(({ type, value = '' }): GeneralName[] => {
    const isHost = type === oid.commonName && /^([a-z0-9_-]+\.)+[a-z0-9_-]+$/i.test(value);
    return isHost ? [{ kind: 'dns', value }] : [];
  });

function namesInSubject(names: readonly GeneralName[], subject: DistinguishedName): GeneralName[] {
  const found: GeneralName[] = [];
  if (subject.length > 0) found.push({ kind: 'directory', name: subject, der: Buffer.alloc(0) });
  if (names.length > 0) return found;
  for (const { type, value } of subject.flat()) {
    if (type === oid.emailAddress) found.push({ kind: 'email', value: value ?? '' });
  }
  return found;
}

type Violation = Omit<NameViolation, 'index'>;

function violationOf(name: GeneralName, { permitted, excluded }: NameConstraints): Violation | undefined {
  const matchOf = (subtree: GeneralName, side: Side): Match =>
    formOf(subtree) === formOf(name) ? matches(name, subtree, side) : 'other-form';

  for (const constraint of excluded) {
    const match = matchOf(constraint, 'excluded');
    if (match === 'inside') return { name, why: 'excluded', constraint };
    if (match === 'malformed' || match === 'unsupported') return { name, why: match, constraint };
  }
  let restricted = false;
  for (const constraint of permitted) {
    const match = matchOf(constraint, 'permitted');
    if (match === 'inside') return undefined;
    if (match === 'malformed' || match === 'unsupported') return { name, why: match, constraint };
    if (match === 'outside') restricted = true;
  }
  return restricted ? { name, why: 'not-permitted', constraint: undefined } : undefined;
}

type Side = 'permitted' | 'excluded';
type Match = 'inside' | 'outside' | 'other-form' | 'malformed' | 'unsupported';

/** SmtpUTF8Mailbox, which answers to constraints on e-mail addresses (RFC 9598 section 6). */
const smtpUtf8Mailbox = '1.3.6.1.5.5.7.8.9';

/** Names and subtrees meet only within one form; other names have one form for each type. */
function formOf(name: GeneralName): string {
  if (name.kind !== 'other') return name.kind;
  return name.type === smtpUtf8Mailbox ? 'email' : `other:${name.type}`;
}

function matches(name: GeneralName, subtree: GeneralName, side: Side): Match {
  if (name.kind === 'dns' && subtree.kind === 'dns') return matchDns(name.value, subtree.value, side);
  if (name.kind === 'ip' && subtree.kind === 'ip') return matchIp(name.bytes, subtree.bytes);
  if (name.kind === 'uri' && subtree.kind === 'uri') return matchUri(name.value, subtree.value);
  if (name.kind === 'email' && subtree.kind === 'email') return matchEmail(name.value, subtree.value);
  if (name.kind === 'directory' && subtree.kind === 'directory')
    return insideIf(isWithin(name.name, subtree.name));
  if (name.kind === 'other' && subtree.kind === 'email')
    return matchUtf8Mailbox(name.der, subtree.value, side);
  return 'unsupported';
}

const insideIf = (inside: boolean): Match => (inside ? 'inside' : 'outside');

/** Letters, digits, hyphens, and the underscores of the field, in labels of at most 63; no dot at either end. */
const hostPattern = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

const isHostName = (value: string): boolean => value.length <= 253 && hostPattern.test(value);

/**
 * A host matches its own subtree and what is below it. RFC 5280 knows no leading dot here;
 * with one, only what is below matches, as OpenSSL and Go read it.
 */
function matchDns(name: string, subtree: string, side: Side): Match {
  const base = subtree.toLowerCase();
  if (base === '') return 'inside';
  const host = name.toLowerCase();
  const wildcard = host.startsWith('*.');
  const own = wildcard ? host.slice(2) : host;
  if (!isHostName(own) || !isHostName(base.replace(/^\./, ''))) return 'malformed';
  if (liesBelow(own, base)) return 'inside';
  // `*.example.org` stands for every host one label below, so it also reaches into what is excluded there.
  const reachesInto = wildcard && side === 'excluded' && base.replace(/^[^.]+\./, '') === own;
  return insideIf(reachesInto || (wildcard && base === `.${own}`));
}

const liesBelow = (host: string, base: string): boolean =>
  base.startsWith('.') ? host.endsWith(base) : host === base || host.endsWith(`.${base}`);

function matchIp(address: Buffer, subtree: Buffer): Match {
  if ((address.length !== 4 && address.length !== 16) || (subtree.length !== 8 && subtree.length !== 32)) {
    return 'malformed';
  }
  // One form: where only IPv4 is permitted, no IPv6 address is.
  if (subtree.length !== address.length * 2) return 'outside';
  const mask = subtree.subarray(address.length);
  if (!isPrefix(mask)) return 'malformed';
  return insideIf(mask.every((bits, at) => ((address[at] ?? 0) & bits) === ((subtree[at] ?? 0) & bits)));
}

/** RFC 4632: ones, then zeros. */
function isPrefix(mask: Buffer): boolean {
  const partial = mask.findIndex((byte) => byte !== 0xff);
  if (partial < 0) return true;
  const zeros = ~(mask[partial] ?? 0) & 0xff;
  return (zeros & (zeros + 1)) === 0 && mask.subarray(partial + 1).every((byte) => byte === 0);
}

/** Only the host counts; a URI without one, or with an address, cannot satisfy a constraint (RFC 5280 4.2.1.10). */
function matchUri(name: string, subtree: string): Match {
  const host = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#:@[\]]+)(?::\d*)?(?:[/?#]|$)/i
    .exec(name)?.[1]
    ?.toLowerCase();
  const base = subtree.toLowerCase();
  if (host === undefined || !isHostName(host) || parseIp(host) || !isHostName(base.replace(/^\./, '')))
    return 'malformed';
  return insideIf(base.startsWith('.') ? host.endsWith(base) : host === base);
}

/** `user@host` means one mailbox, `host` all of that host, `.host` all below it. The local part keeps its case. */
function matchEmail(name: string, subtree: string): Match {
  const mailbox = splitMailbox(name);
  const base = splitConstraint(subtree);
  if (!mailbox || !base) return 'malformed';
  if (base.local !== undefined && base.local !== mailbox.local) return 'outside';
  return insideIf(isMailHostWithin(mailbox.host, base.host));
}

/** RFC 9598 6: a constraint on one mailbox never permits such a name; it excludes the whole host, to be safe. */
function matchUtf8Mailbox(der: Buffer, subtree: string, side: Side): Match {
  const length = der[1] ?? 0;
  const value = der[0] === 0x0c && length < 0x80 && der.length === 2 + length ? der.toString('utf8', 2) : '';
  const mailbox = splitMailbox(value);
  const base = splitConstraint(subtree);
  if (!mailbox || !base) return 'malformed';
  if (base.local !== undefined && side === 'permitted') return 'outside';
  return insideIf(isMailHostWithin(mailbox.host, base.host));
}

const isMailHostWithin = (host: string, base: string): boolean =>
  base.startsWith('.') ? host.endsWith(base) : host === base;

/** Mailbox of RFC 5321 4.1.2: a dot-string or a quoted string, then one `@` and a host or an address literal. */
const mailboxPattern = /^([^\s"(),:;<>@[\\\]]+|"(?:[^"\\]|\\.)*")@([^@\s]+)$/u;

function splitMailbox(value: string): { local: string; host: string } | undefined {
  const [, local, domain] = mailboxPattern.exec(value) ?? [];
  const host = domain?.toLowerCase();
  if (local === undefined || host === undefined) return undefined;
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(local) || local.startsWith('.') || local.endsWith('.')) return undefined;
  return isHostName(host) || /^\[[0-9a-f:.]+\]$/.test(host) ? { local, host } : undefined;
}

function splitConstraint(value: string): { local: string | undefined; host: string } | undefined {
  if (value.includes('@')) return splitMailbox(value);
  const host = value.toLowerCase();
  return isHostName(host.replace(/^\./, '')) ? { local: undefined, host } : undefined;
}
