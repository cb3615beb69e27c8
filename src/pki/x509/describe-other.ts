import { fingerprint, serialHex } from './certificate.ts';
import type { CertificationRequest } from './certification-request.ts';
import type { Crl } from './crl.ts';
import type { CrlSummary } from './crl-summary.ts';
import { crlAge } from './crl-times.ts';
import { DerError } from './der-reader.ts';
import type { FileBudget } from './file-budget.ts';
import { describePublicKey, type PublicKeyDescription } from './describe-certificate.ts';
import {
  describeExtensions,
  type ExtensionDescription,
  type ExtensionFields,
} from './describe-extensions.ts';
import { extensionName } from './algorithm-names.ts';
import {
  describeGeneralName,
  describeName,
  describeSignature,
  type AlgorithmDescription,
  type GeneralNameDescription,
  type NameDescription,
} from './describe-names.ts';
import {
  readAuthorityKeyIdentifier,
  readCrlNumber,
  readIssuingDistributionPoint,
  type Extension,
} from './extensions.ts';
import { oid } from './oid.ts';
import { encodePem } from './pem-writer.ts';

export interface RequestDescription extends ExtensionFields {
  kind: 'request';
  subject: NameDescription;
  publicKey: PublicKeyDescription;
  signatureAlgorithm: AlgorithmDescription;
  /** That there is one; never its value. */
  challengePassword: boolean;
  unstructuredName: string | null;
  otherAttributes: string[];
  extensions: ExtensionDescription[];
  sha256: string;
  /** `null` where it holds a challenge password, which is a secret. */
  pem: string | null;
}

export function describeRequest(
  request: CertificationRequest,
  { elements }: Pick<FileBudget, 'elements'>,
): {
  description: RequestDescription;
  malformed: readonly DerError[];
} {
  const { extensions, fields, malformed } = describeExtensions(request.extensions, request.der, elements);
  const description: RequestDescription = {
    kind: 'request',
    subject: describeName(request.subjectName),
    publicKey: describePublicKey(request.publicKey),
    signatureAlgorithm: describeSignature(request.signatureAlgorithm),
    challengePassword: request.hasChallengePassword,
    unstructuredName: request.unstructuredName ?? null,
    otherAttributes: request.otherAttributes,
    ...fields,
    extensions,
    sha256: fingerprint(request.der),
    pem: request.hasChallengePassword ? null : encodePem('CERTIFICATE REQUEST', request.der),
  };
  return { description, malformed };
}

interface Revoked {
  serial: string;
  revokedAt: string;
}

export interface CrlDescription {
  kind: 'crl';
  version: number;
  issuer: NameDescription;
  /** Lower-case hex. */
  number: string | null;
  /** Hex number of the complete CRL that this one only adds to. */
  deltaOf: string | null;
  thisUpdate: string;
  nextUpdate: string | null;
  state: 'current' | 'outdated' | 'not-yet-valid';
  /** Current, with three quarters of its life gone and no more than 90 days left. */
  lapsing: boolean;
  authorityKeyIdentifier: string | null;
  /** What it covers, where that is not everything its issuer issues. */
  scope: {
    names: GeneralNameDescription[];
    onlyUserCerts: boolean;
    onlyCaCerts: boolean;
    onlyAttributeCerts: boolean;
    onlySomeReasons: string[] | null;
    indirectCrl: boolean;
  } | null;
  signatureAlgorithm: AlgorithmDescription;
  revoked: {
    count: number;
    first: Revoked | null;
    last: Revoked | null;
    reasons: Record<string, number>;
  };
  extensions: ExtensionDescription[];
  sha256: string;
}

const isLapsing = ({ thisUpdate, nextUpdate }: Crl, now: Date): boolean =>
  nextUpdate !== undefined && now >= thisUpdate && crlAge({ thisUpdate, nextUpdate }, now) === 'lapsing';

export function describeCrl(
  crl: Crl,
  summary: CrlSummary,
  now: Date,
): { description: CrlDescription; malformed: readonly DerError[] } {
  const malformed: DerError[] = [];
  const read = <T>(id: string, reader: (value: Buffer) => T): T | undefined =>
    readOne(crl, id, reader, malformed);
  const description: CrlDescription = {
    kind: 'crl',
    version: crl.version,
    issuer: describeName(crl.issuerName),
    number: hexOf(read(oid.crlNumber, readCrlNumber)),
    deltaOf: hexOf(read(oid.deltaCrlIndicator, readCrlNumber)),
    thisUpdate: crl.thisUpdate.toISOString(),
    nextUpdate: crl.nextUpdate?.toISOString() ?? null,
    state:
      now < crl.thisUpdate
        ? 'not-yet-valid'
        : crl.nextUpdate && now > crl.nextUpdate
          ? 'outdated'
          : 'current',
    lapsing: isLapsing(crl, now),
    authorityKeyIdentifier:
      read(oid.authorityKeyIdentifier, readAuthorityKeyIdentifier)?.keyIdentifier?.toString('hex') ?? null,
    scope: scopeOf(read(oid.issuingDistributionPoint, readIssuingDistributionPoint)),
    signatureAlgorithm: describeSignature(crl.signatureAlgorithm),
    revoked: {
      count: summary.count,
      first: describeRevoked(summary.first),
      last: describeRevoked(summary.last),
      reasons: Object.fromEntries(summary.reasons),
    },
    extensions: crl.extensions.map(describeExtension),
    sha256: fingerprint(crl.der),
  };
  return { description, malformed };
}

function readOne<T>(
  { der, extensions }: Crl,
  id: string,
  reader: (value: Buffer) => T,
  malformed: DerError[],
): T | undefined {
  const found = extensions.find((extension) => extension.id === id);
  if (!found) return undefined;
  try {
    return reader(found.value);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    const at = found.value.byteOffset - der.byteOffset + error.offset;
    malformed.push(
      new DerError(at, `${error.expected} in extension ${extensionName(id) ?? id}`, error.found),
    );
    return undefined;
  }
}

const hexOf = (number: Buffer | undefined): string | null => (number ? serialHex(number) : null);

const describeRevoked = (entry: CrlSummary['first']): Revoked | null =>
  entry ? { serial: serialHex(entry.serial), revokedAt: entry.revokedAt.toISOString() } : null;

function scopeOf(
  point: ReturnType<typeof readIssuingDistributionPoint> | undefined,
): CrlDescription['scope'] {
  if (!point) return null;
  const { fullName, onlyUserCerts, onlyCaCerts, onlyAttributeCerts, onlySomeReasons, indirectCrl } = point;
  return {
    names: fullName.map(describeGeneralName),
    onlyUserCerts,
    onlyCaCerts,
    onlyAttributeCerts,
    onlySomeReasons: onlySomeReasons ?? null,
    indirectCrl,
  };
}

const crlFields: ReadonlySet<string> = new Set([
  oid.crlNumber,
  oid.deltaCrlIndicator,
  oid.authorityKeyIdentifier,
  oid.issuingDistributionPoint,
]);

const describeExtension = ({ id, critical, value }: Extension): ExtensionDescription => ({
  oid: id,
  name: extensionName(id) ?? null,
  critical,
  bytes: value.length,
  value: crlFields.has(id) ? null : value.toString('hex', 0, 256),
});
