import type { Element } from './der-reader.ts';
import {
  bitString,
  boolean,
  context,
  contextConstructed,
  DerReader,
  integerBytes,
  objectIdentifier,
  readSequence,
  smallInteger,
  tag,
  time,
} from './der-reader.ts';
import { readRdn, type Attribute } from './distinguished-name.ts';
import { readGeneralName, readGeneralNames, type GeneralName } from './general-name.ts';

/** An extension of a certificate, a CRL, a CRL entry or a request; `value` is the content of its OCTET STRING. */
export interface Extension {
  id: string;
  critical: boolean;
  value: Buffer;
}

/** Reads the list of a `SEQUENCE OF Extension` (RFC 5280 4.1). Duplicates are kept: the caller judges them. */
export function readExtensions(list: DerReader, what: string): Extension[] {
  const extensions: Extension[] = [];
  while (!list.done) {
    const one = list.sequence(`an extension of ${what}`);
    const id = objectIdentifier(
      one.expect(tag.oid, `an extension's OID in ${what}`),
      `an extension's OID in ${what}`,
    );
    const critical = one.optional(tag.boolean, 'critical');
    const value = one.expect(tag.octetString, `the value of extension ${id}`);
    one.finish(`extension ${id}`);
    extensions.push({
      id,
      critical: critical !== undefined && boolean(critical, 'critical'),
      value: value.content,
    });
  }
  return extensions;
}

export interface BasicConstraints {
  ca: boolean;
  pathLength: number | undefined;
}

export function readBasicConstraints(value: Buffer): BasicConstraints {
  const reader = readSequence(value, 'basic constraints');
  const ca = reader.optional(tag.boolean, 'cA');
  const pathLength = reader.optional(tag.integer, 'pathLenConstraint');
  reader.finish('basic constraints');
  return {
    ca: ca !== undefined && boolean(ca, 'cA'),
    pathLength: pathLength && smallInteger(pathLength, 'pathLenConstraint'),
  };
}

/** Names of the bits of keyUsage, bit 0 first (RFC 5280 4.2.1.3). */
export const keyUsageBits = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof keyUsageBits)[number];

export function readKeyUsage(value: Buffer): KeyUsage[] {
  return namedBits(onlyElement(value, tag.bitString, 'key usage'), keyUsageBits, 'key usage');
}

/** Names of the bits of ReasonFlags (RFC 5280 4.2.1.13). */
export const reasonBits = [
  'unused',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'privilegeWithdrawn',
  'aACompromise',
] as const;
export type ReasonFlag = (typeof reasonBits)[number];

function namedBits<T extends string>(element: Element, names: readonly T[], what: string): T[] {
  const { bytes } = bitString(element, what);
  return names.filter((_, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

/** RFC 5280 4.2.1.12: at least one key purpose. */
export function readExtendedKeyUsage(value: Buffer): string[] {
  const reader = readSequence(value, 'extended key usage');
  const purposes: string[] = [];
  do {
    purposes.push(objectIdentifier(reader.expect(tag.oid, 'a key purpose'), 'a key purpose'));
  } while (!reader.done);
  return purposes;
}

/** RFC 5280 4.2.1.6 (and 4.2.1.7): at least one name. */
export function readAlternativeNames(value: Buffer): GeneralName[] {
  const reader = readSequence(value, 'alternative names');
  const first = readGeneralName(reader.next('an alternative name'), 'alternative names');
  return [first, ...readGeneralNames(reader, 'alternative names')];
}

export function readSubjectKeyIdentifier(value: Buffer): Buffer {
  return onlyElement(value, tag.octetString, 'subject key identifier').content;
}

export interface AuthorityKeyIdentifier {
  keyIdentifier: Buffer | undefined;
  issuer: GeneralName[] | undefined;
  serial: Buffer | undefined;
}

/** RFC 5280 4.2.1.1 */
export function readAuthorityKeyIdentifier(value: Buffer): AuthorityKeyIdentifier {
  const what = 'authority key identifier';
  const reader = readSequence(value, what);
  const keyIdentifier = reader.optional(context(0), what)?.content;
  const issuer = reader.optional(contextConstructed(1), what);
  const serial = reader.optional(context(2), what);
  reader.finish(what);
  return {
    keyIdentifier,
    issuer: issuer && readGeneralNames(issuer.reader(), what),
    serial: serial && integerBytes(serial, `the serial number in ${what}`),
  };
}

export interface NameConstraints {
  permitted: GeneralName[];
  excluded: GeneralName[];
}

/** RFC 5280 4.2.1.10: `minimum` must be 0 and `maximum` absent. */
export function readNameConstraints(value: Buffer): NameConstraints {
  const what = 'name constraints';
  const reader = readSequence(value, what);
  const permitted = reader.optional(contextConstructed(0), what);
  const excluded = reader.optional(contextConstructed(1), what);
  reader.finish(what);
  return { permitted: subtrees(permitted), excluded: subtrees(excluded) };
}

function subtrees(list: Element | undefined): GeneralName[] {
  if (!list) return [];
  const names: GeneralName[] = [];
  const reader = list.reader();
  do {
    const subtree = reader.sequence('a subtree of name constraints');
    names.push(readGeneralName(subtree.next('the base of a subtree'), 'name constraints'));
    const minimum = subtree.optional(context(0), 'minimum');
    if (minimum && smallInteger(minimum, 'minimum') !== 0) throw minimum.fail('minimum 0', 'another');
    subtree.finish('a subtree of name constraints (RFC 5280 forbids a maximum)');
  } while (!reader.done);
  return names;
}

/** RFC 5280 4.2.1.5: pairs of issuer domain policy and subject domain policy. */
export function readPolicyMappings(value: Buffer): { issuer: string; subject: string }[] {
  const reader = readSequence(value, 'policy mappings');
  const mappings: { issuer: string; subject: string }[] = [];
  do {
    const pair = reader.sequence('a policy mapping');
    const issuer = objectIdentifier(pair.expect(tag.oid, 'issuerDomainPolicy'), 'issuerDomainPolicy');
    const subject = objectIdentifier(pair.expect(tag.oid, 'subjectDomainPolicy'), 'subjectDomainPolicy');
    pair.finish('a policy mapping');
    mappings.push({ issuer, subject });
  } while (!reader.done);
  return mappings;
}

export interface PolicyConstraints {
  requireExplicitPolicy: number | undefined;
  inhibitPolicyMapping: number | undefined;
}

export function readPolicyConstraints(value: Buffer): PolicyConstraints {
  const what = 'policy constraints';
  const reader = readSequence(value, what);
  const explicit = reader.optional(context(0), 'requireExplicitPolicy');
  const mapping = reader.optional(context(1), 'inhibitPolicyMapping');
  reader.finish(what);
  return {
    requireExplicitPolicy: explicit && smallInteger(explicit, 'requireExplicitPolicy'),
    inhibitPolicyMapping: mapping && smallInteger(mapping, 'inhibitPolicyMapping'),
  };
}

export function readInhibitAnyPolicy(value: Buffer): number {
  return smallInteger(onlyElement(value, tag.integer, 'inhibit anyPolicy'), 'inhibit anyPolicy');
}

export interface DistributionPoint {
  /** Full names; empty where there is none. */
  fullName: GeneralName[];
  relativeToIssuer: Attribute[] | undefined;
  reasons: ReasonFlag[] | undefined;
  crlIssuer: GeneralName[];
}

/** CRL distribution points and freshest CRL (RFC 5280 4.2.1.13, 4.2.1.15). */
export function readDistributionPoints(value: Buffer): DistributionPoint[] {
  const reader = readSequence(value, 'CRL distribution points');
  const points: DistributionPoint[] = [];
  do {
    const point = reader.sequence('a distribution point');
    const name = point.optional(contextConstructed(0), 'a distribution point name');
    const reasons = point.optional(context(1), 'reasons');
    const issuer = point.optional(contextConstructed(2), 'cRLIssuer');
    point.finish('a distribution point');
    points.push({
      ...distributionPointName(name),
      reasons: reasons && namedBits(reasons, reasonBits, 'reasons'),
      crlIssuer: issuer ? readGeneralNames(issuer.reader(), 'cRLIssuer') : [],
    });
  } while (!reader.done);
  return points;
}

function distributionPointName(
  element: Element | undefined,
): Pick<DistributionPoint, 'fullName' | 'relativeToIssuer'> {
  if (!element) return { fullName: [], relativeToIssuer: undefined };
  const reader = element.reader();
  const choice = reader.next('a distribution point name');
  reader.finish('a distribution point name');
  if (choice.tag === contextConstructed(0)) {
    return {
      fullName: readGeneralNames(choice.reader(), 'a distribution point'),
      relativeToIssuer: undefined,
    };
  }
  if (choice.tag === contextConstructed(1)) {
    return { fullName: [], relativeToIssuer: readRdn(choice.reader(), 'a distribution point') };
  }
  throw choice.fail('fullName or nameRelativeToCRLIssuer', `tag 0x${choice.tag.toString(16)}`);
}

export interface IssuingDistributionPoint extends Pick<DistributionPoint, 'fullName' | 'relativeToIssuer'> {
  onlyUserCerts: boolean;
  onlyCaCerts: boolean;
  onlySomeReasons: ReasonFlag[] | undefined;
  indirectCrl: boolean;
  onlyAttributeCerts: boolean;
}

export function readIssuingDistributionPoint(value: Buffer): IssuingDistributionPoint {
  const what = 'issuing distribution point';
  const reader = readSequence(value, what);
  const name = distributionPointName(reader.optional(contextConstructed(0), what));
  const flag = (number: number): boolean => {
    const element = reader.optional(context(number), what);
    return element !== undefined && boolean(element, what);
  };
  const onlyUserCerts = flag(1);
  const onlyCaCerts = flag(2);
  const reasons = reader.optional(context(3), what);
  const onlySomeReasons = reasons && namedBits(reasons, reasonBits, what);
  const indirectCrl = flag(4);
  const onlyAttributeCerts = flag(5);
  reader.finish(what);
  return { ...name, onlyUserCerts, onlyCaCerts, onlySomeReasons, indirectCrl, onlyAttributeCerts };
}

export interface AccessDescription {
  method: string;
  location: GeneralName;
}

/** RFC 5280 4.2.2.1 and 4.2.2.2; an empty list, which they forbid, is read as one: every other reader does. */
export function readAccessDescriptions(value: Buffer): AccessDescription[] {
  const reader = readSequence(value, 'information access');
  const list: AccessDescription[] = [];
  while (!reader.done) {
    const one = reader.sequence('an access description');
    const method = objectIdentifier(one.expect(tag.oid, 'an access method'), 'an access method');
    const location = readGeneralName(one.next('an access location'), 'an access location');
    one.finish('an access description');
    list.push({ method, location });
  }
  return list;
}

/** CRL number and delta CRL indicator (RFC 5280 5.2.3, 5.2.4): big-endian octets. */
export function readCrlNumber(value: Buffer): Buffer {
  return integerBytes(onlyElement(value, tag.integer, 'CRL number'), 'CRL number');
}

export function readReasonCode(value: Buffer): number {
  return smallInteger(onlyElement(value, tag.enumerated, 'reason code'), 'reason code');
}

export function readInvalidityDate(value: Buffer): Date {
  return time(onlyElement(value, tag.generalizedTime, 'invalidity date'), 'invalidity date');
}

/** The one element that an extension's value consists of. */
function onlyElement(value: Buffer, wanted: number, what: string): Element {
  const reader = new DerReader(value);
  const element = reader.expect(wanted, what);
  reader.finish(what);
  return element;
}
