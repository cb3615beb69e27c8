import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createCa, type NewCa } from '../authorities/local/init.ts';
import { currentCrl } from '../authorities/local/crl.ts';
import { allIssuers, openCa, type Issuer, type LocalCa } from '../authorities/local/open.ts';
import { revokedIssuer } from '../authorities/local/revoked-issuer.ts';
import { purposeName } from '../x509/algorithm-names.ts';
import { extension, fingerprint, serialHex, type Certificate } from '../x509/certificate.ts';
import { readCrlTimes } from '../x509/crl-times.ts';
import { formatName } from '../x509/distinguished-name.ts';
import {
  readBasicConstraints,
  readExtendedKeyUsage,
  readNameConstraints,
  type NameConstraints,
} from '../x509/extensions.ts';
import { foreignCode } from '../errors.ts';
import { ioError, readIfThere } from '../durable.ts';
import { oid } from '../x509/oid.ts';
import { defaultCaKeyType } from '../x509/key.ts';
import { certificatePem } from '../x509/pem-writer.ts';

export { createCa, type NewCa };

/** Ten years for the root. */
export const defaultCaLifetime = 3650 * 86_400_000;

/** `ca init` without a word: a name of its own, so that two test CAs in one trust store are told apart. */
export async function createDefaultCa(
  folder: string,
  passphrase: Buffer | undefined,
  now: Date,
): Promise<void> {
  await createCa(
    folder,
    {
      name: defaultCaName(),
      keyType: defaultCaKeyType,
      lifetime: defaultCaLifetime,
      nameConstraints: undefined,
      passphrase,
      offlineRoot: undefined,
      defaults: { crlUrls: [], ocspUrls: [], issuerUrls: [] },
      crlLifetime: undefined,
    },
    now,
  );
}

export const defaultCaName = (): string => `certwright ${randomBytes(3).toString('hex')}`;

export interface IssuerSummary {
  id: string;
  role: 'root' | 'issuing';
  active: boolean;
  /** It, or one above it: nobody trusts what it signs. */
  revoked: boolean;
  subject: string;
  notBefore: Date;
  notAfter: Date;
  serial: string;
  fingerprint: string;
  pathLength: number | undefined;
  nameConstraints: NameConstraints | undefined;
  /** What certificates below it may be for alone, by name or OID; `undefined`: anything. */
  extendedKeyUsage: string[] | undefined;
  /** `elsewhere` for an offline root. */
  key: 'here' | 'encrypted' | 'elsewhere';
  issued: number;
  crl: { thisUpdate: Date; nextUpdate: Date; path: string } | undefined;
  pem: string;
  file: string;
}

export interface CaSummary {
  folder: string;
  name: string;
  created: string;
  issuers: IssuerSummary[];
  /** Path of the root's certificate: what others must trust. */
  root: string;
}

/** What a CA is and has done, without its keys. */
export function describeCa(folder: string): CaSummary {
  const ca = openCa(folder);
  const issuers = allIssuers(folder).map((issuer) => summarise(issuer, ca));
  issuers.sort((a, b) => Number(b.role === 'root') - Number(a.role === 'root'));
  return {
    folder,
    name: ca.json.name,
    created: ca.json.created,
    issuers,
    root: issuers.find(({ role }) => role === 'root')?.file ?? join(ca.active.folder, 'root.pem'),
  };
}

function summarise(issuer: Issuer, { folder: ca, active }: LocalCa): IssuerSummary {
  const { certificate, folder } = issuer;
  const crl = currentCrl(folder);
  return {
    id: issuer.id,
    role: issuer.chain.length === 0 ? 'root' : 'issuing',
    active: issuer.id === active.id,
    revoked: revokedIssuer(ca, issuer) !== undefined,
    subject: formatName(certificate.subjectName),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    serial: serialHex(certificate.serial),
    fingerprint: fingerprint(certificate.der),
    pathLength: constraintsOf(certificate),
    nameConstraints: nameConstraintsOf(certificate),
    extendedKeyUsage: purposesOf(certificate),
    key: keyState(folder),
    issued: countIssued(folder),
    crl: crl && { ...readCrlTimes(crl.der), path: join(folder, 'crl', 'current', 'crl.pem') },
    pem: certificatePem(certificate.der),
    file: join(folder, 'cert.pem'),
  };
}

function constraintsOf(certificate: Certificate): number | undefined {
  const found = extension(certificate, oid.basicConstraints);
  return found && readBasicConstraints(found.value).pathLength;
}

function nameConstraintsOf(certificate: Certificate): NameConstraints | undefined {
  const found = extension(certificate, oid.nameConstraints);
  return found && readNameConstraints(found.value);
}

function purposesOf(certificate: Certificate): string[] | undefined {
  const found = extension(certificate, oid.extendedKeyUsage);
  return found && readExtendedKeyUsage(found.value).map(purposeName);
}

export function keyState(folder: string): IssuerSummary['key'] {
  const pem = readIfThere(join(folder, 'key.pem'));
  if (!pem) return 'elsewhere';
  return pem.includes('ENCRYPTED') ? 'encrypted' : 'here';
}

function countIssued(folder: string): number {
  const issued = join(folder, 'issued');
  try {
    const lists = readdirSync(issued)
      .filter((entry) => !entry.startsWith('.'))
      .map((month) => readdirSync(join(issued, month)));
    return lists.flat().filter((file) => /^[0-9a-f]+\.pem$/.test(file)).length;
  } catch (error) {
    if (foreignCode(error) === 'ENOENT') return 0;
    throw ioError(error, 'read', issued);
  }
}
