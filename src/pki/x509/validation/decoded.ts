import type { Certificate } from '../certificate.ts';
import { readCertificatePolicies } from '../certificate-policies.ts';
import {
  readAccessDescriptions,
  readAlternativeNames,
  readAuthorityKeyIdentifier,
  readBasicConstraints,
  readDistributionPoints,
  readExtendedKeyUsage,
  readInhibitAnyPolicy,
  readKeyUsage,
  readNameConstraints,
  readPolicyConstraints,
  readPolicyMappings,
  readSubjectKeyIdentifier,
  type Extension,
} from '../extensions.ts';
import { PkiError } from '../../errors.ts';
import { sameName } from '../name-comparison.ts';
import { oid } from '../oid.ts';

/** The extensions that a path is judged by, with how each is read. */
const readers = {
  basicConstraints: [oid.basicConstraints, readBasicConstraints],
  keyUsage: [oid.keyUsage, readKeyUsage],
  extendedKeyUsage: [oid.extendedKeyUsage, readExtendedKeyUsage],
  names: [oid.subjectAltName, readAlternativeNames],
  issuerNames: [oid.issuerAltName, readAlternativeNames],
  nameConstraints: [oid.nameConstraints, readNameConstraints],
  policies: [oid.certificatePolicies, readCertificatePolicies],
  policyMappings: [oid.policyMappings, readPolicyMappings],
  policyConstraints: [oid.policyConstraints, readPolicyConstraints],
  inhibitAnyPolicy: [oid.inhibitAnyPolicy, readInhibitAnyPolicy],
  subjectKeyIdentifier: [oid.subjectKeyIdentifier, readSubjectKeyIdentifier],
  authorityKeyIdentifier: [oid.authorityKeyIdentifier, readAuthorityKeyIdentifier],
  distributionPoints: [oid.crlDistributionPoints, readDistributionPoints],
  freshestCrl: [oid.freshestCrl, readDistributionPoints],
  authorityInfoAccess: [oid.authorityInfoAccess, readAccessDescriptions],
} as const;
type Readers = typeof readers;

export type DecodedExtensions = { -readonly [Name in keyof Readers]?: ReturnType<Readers[Name][1]> };

export interface Decoded extends DecodedExtensions {
  /** Issuer and subject are the same name (RFC 5280 3.2). */
  selfIssued: boolean;
  /** Extensions that cannot be read, or stand there twice; a sentence each. */
  malformed: readonly string[];
  /** OIDs of critical extensions that nothing here acts upon. */
  unknownCritical: readonly string[];
}

const cache = new WeakMap<Certificate, Decoded>();

/** Decodes each extension once for the life of the certificate. A malformed one is data, not an exception. */
export function decode(certificate: Certificate): Decoded {
  let decoded = cache.get(certificate);
  if (!decoded) {
    decoded = decodeExtensions(certificate);
    cache.set(certificate, decoded);
  }
  return decoded;
}

const byOid = new Map(Object.entries(readers).map(([name, [id, read]]) => [id as string, { name, read }]));

/** Non-critical by their definitions (RFC 5280 4.2.1.1, 4.2.1.2, 4.2.1.15, 4.2.2.1): a critical one is not acted upon. */
const neverCritical: ReadonlySet<string> = new Set([
  oid.authorityKeyIdentifier,
  oid.subjectKeyIdentifier,
  oid.freshestCrl,
  oid.authorityInfoAccess,
]);

function decodeExtensions(certificate: Certificate): Decoded {
  const values: Record<string, unknown> = {};
  const malformed: string[] = [];
  const unknownCritical: string[] = [];
  const seen = new Set<string>();
  for (const { id, critical, value } of certificate.extensions) {
    if (seen.has(id)) malformed.push(`extension ${id} stands there twice`);
    seen.add(id);
    const known = byOid.get(id);
    if (critical && (!known || neverCritical.has(id))) unknownCritical.push(id);
    if (!known) continue;
    const result = attempt(known.read, value);
    if (result instanceof PkiError) malformed.push(`extension ${known.name} is malformed ${result.message}`);
    else values[known.name] = result;
  }
  return {
    ...(values as DecodedExtensions),
    selfIssued: sameName(certificate.issuerName, certificate.subjectName),
    malformed,
    unknownCritical,
  };
}

function attempt(read: (value: Buffer) => unknown, value: Extension['value']): unknown {
  try {
    return read(value);
  } catch (error) {
    if (error instanceof PkiError) return error;
    throw error;
  }
}
