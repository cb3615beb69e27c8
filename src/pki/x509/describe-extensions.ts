import { extensionName, purposeName } from './algorithm-names.ts';
import { DerError } from './der-reader.ts';
import { spendElements } from './file-budget.ts';
import { describeGeneralName, type GeneralNameDescription } from './describe-names.ts';
import { readCertificatePolicies } from './certificate-policies.ts';
import * as read from './extensions.ts';
import type { Extension } from './extensions.ts';
import type { GeneralName } from './general-name.ts';
import { oid } from './oid.ts';
import { readSignedCertificateTimestamps } from './signed-certificate-timestamps.ts';
import { readTlsFeature } from './tls-feature.ts';
import type { Budget } from './budget.ts';

/** An extension in the list of all; what is known of its content stands in the fields of `ExtensionFields`. */
export interface ExtensionDescription {
  oid: string;
  name: string | null;
  critical: boolean;
  /** Length of its value in bytes. */
  bytes: number;
  /** The value in hex, for one that this program does not decode, up to 256 bytes. */
  value: string | null;
}

interface Purpose {
  oid: string;
  name: string;
}

interface DistributionPointDescription {
  names: GeneralNameDescription[];
  reasons: string[] | null;
  crlIssuer: GeneralNameDescription[];
}

interface AccessDescription {
  method: 'ocsp' | 'caIssuers' | 'other';
  oid: string;
  location: GeneralNameDescription;
}

/** What the extensions say; `null` where the extension is absent or cannot be read. */
export interface ExtensionFields {
  names: GeneralNameDescription[] | null;
  issuerNames: GeneralNameDescription[] | null;
  basicConstraints: { ca: boolean; pathLength: number | null } | null;
  keyUsage: string[] | null;
  extendedKeyUsage: Purpose[] | null;
  nameConstraints: { permitted: GeneralNameDescription[]; excluded: GeneralNameDescription[] } | null;
  policies: { oid: string; cps: string[] }[] | null;
  policyMappings: { issuer: string; subject: string }[] | null;
  policyConstraints: { requireExplicitPolicy: number | null; inhibitPolicyMapping: number | null } | null;
  inhibitAnyPolicy: number | null;
  subjectKeyIdentifier: string | null;
  authorityKeyIdentifier: {
    keyIdentifier: string | null;
    issuer: GeneralNameDescription[] | null;
    serial: string | null;
  } | null;
  crlDistributionPoints: DistributionPointDescription[] | null;
  freshestCrl: DistributionPointDescription[] | null;
  authorityInfoAccess: AccessDescription[] | null;
  subjectInfoAccess: AccessDescription[] | null;
  signedCertificateTimestamps: { version: number; logId: string; time: string }[] | null;
  /** Numbers of TLS extensions that the server must send; 5 is "must staple" (RFC 7633). */
  tlsFeature: number[] | null;
}

type Field = keyof ExtensionFields;
type Reader<Name extends Field> = (value: Buffer) => NonNullable<ExtensionFields[Name]>;

const names = (list: readonly GeneralName[]): GeneralNameDescription[] => list.map(describeGeneralName);
const hex = (bytes: Buffer | undefined): string | null => bytes?.toString('hex') ?? null;

const points = (value: Buffer): DistributionPointDescription[] =>
  read.readDistributionPoints(value).map(({ fullName, reasons, crlIssuer }) => ({
    names: names(fullName),
    reasons: reasons ?? null,
    crlIssuer: names(crlIssuer),
  }));

const methods: Readonly<Record<string, 'ocsp' | 'caIssuers'>> = {
  [oid.ocsp]: 'ocsp',
  [oid.caIssuers]: 'caIssuers',
};

const access = (value: Buffer): AccessDescription[] =>
  read.readAccessDescriptions(value).map(({ method, location }) => ({
    method: methods[method] ?? 'other',
    oid: method,
    location: describeGeneralName(location),
  }));

/** Every extension that is decoded: where its content goes, and how. */
const readers: { [Name in Field]: readonly [id: string, read: Reader<Name>] } = {
  names: [oid.subjectAltName, (value) => names(read.readAlternativeNames(value))],
  issuerNames: [oid.issuerAltName, (value) => names(read.readAlternativeNames(value))],
  basicConstraints: [
    oid.basicConstraints,
    (value) => {
      const { ca, pathLength } = read.readBasicConstraints(value);
      return { ca, pathLength: pathLength ?? null };
    },
  ],
  keyUsage: [oid.keyUsage, read.readKeyUsage],
  extendedKeyUsage: [
    oid.extendedKeyUsage,
    (value) => read.readExtendedKeyUsage(value).map((id) => ({ oid: id, name: purposeName(id) })),
  ],
  nameConstraints: [
    oid.nameConstraints,
    (value) => {
      const { permitted, excluded } = read.readNameConstraints(value);
      return { permitted: names(permitted), excluded: names(excluded) };
    },
  ],
  policies: [
    oid.certificatePolicies,
    (value) => readCertificatePolicies(value).map(({ id, cps }) => ({ oid: id, cps })),
  ],
  policyMappings: [oid.policyMappings, read.readPolicyMappings],
  policyConstraints: [
    oid.policyConstraints,
    (value) => {
      const { requireExplicitPolicy, inhibitPolicyMapping } = read.readPolicyConstraints(value);
      return {
        requireExplicitPolicy: requireExplicitPolicy ?? null,
        inhibitPolicyMapping: inhibitPolicyMapping ?? null,
      };
    },
  ],
  inhibitAnyPolicy: [oid.inhibitAnyPolicy, read.readInhibitAnyPolicy],
  subjectKeyIdentifier: [
    oid.subjectKeyIdentifier,
    (value) => read.readSubjectKeyIdentifier(value).toString('hex'),
  ],
  authorityKeyIdentifier: [
    oid.authorityKeyIdentifier,
    (value) => {
      const { keyIdentifier, issuer, serial } = read.readAuthorityKeyIdentifier(value);
      return {
        keyIdentifier: hex(keyIdentifier),
        issuer: issuer ? names(issuer) : null,
        serial: hex(serial),
      };
    },
  ],
  crlDistributionPoints: [oid.crlDistributionPoints, points],
  freshestCrl: [oid.freshestCrl, points],
  authorityInfoAccess: [oid.authorityInfoAccess, access],
  subjectInfoAccess: [oid.subjectInfoAccess, access],
  signedCertificateTimestamps: [
    oid.signedCertificateTimestamps,
    (value) =>
      readSignedCertificateTimestamps(value).map(({ version, logId, time }) => ({
        version,
        logId,
        time: time.toISOString(),
      })),
  ],
  tlsFeature: [oid.tlsFeature, readTlsFeature],
};

const fieldOf = new Map(
  Object.entries(readers).map(([field, [id, reader]]) => [id, { field: field as Field, reader }]),
);

/** Known by their presence alone. */
const withoutContent: ReadonlySet<string> = new Set([oid.ocspNoCheck, oid.ctPoison]);

export interface Described {
  extensions: ExtensionDescription[];
  fields: ExtensionFields;
  /** Each extension that is malformed or stands there twice, with the offset into `der`. */
  malformed: DerError[];
}

const most = 256;

/** Decodes every known extension of a certificate or a request whose encoding is `der`. */
export function describeExtensions(
  extensions: readonly Extension[],
  der: Buffer,
  elements: Budget,
): Described {
  const fields = Object.fromEntries(Object.keys(readers).map((field) => [field, null]));
  const malformed: DerError[] = [];
  const seen = new Set<string>();
  for (const { id, value } of extensions) {
    const known = fieldOf.get(id);
    const at = value.byteOffset - der.byteOffset;
    const what = `extension ${extensionName(id) ?? id}`;
    if (seen.has(id)) malformed.push(new DerError(at, `one ${what}`, 'another'));
    seen.add(id);
    if (!known) continue;
    const content = attempt(known.reader, value, elements);
    if (content instanceof DerError) {
      malformed.push(new DerError(at + content.offset, `${content.expected} in ${what}`, content.found));
    } else Object.assign(fields, { [known.field]: content });
  }
  return {
    extensions: extensions.map(({ id, critical, value }) => ({
      oid: id,
      name: extensionName(id) ?? null,
      critical,
      bytes: value.length,
      value: fieldOf.has(id) || withoutContent.has(id) ? null : value.toString('hex', 0, most),
    })),
    fields: fields as unknown as ExtensionFields,
    malformed,
  };
}

function attempt(reader: (value: Buffer) => unknown, value: Buffer, elements: Budget): unknown {
  try {
    spendElements(value, elements);
    return reader(value);
  } catch (error) {
    if (error instanceof DerError) return error;
    throw error;
  }
}
