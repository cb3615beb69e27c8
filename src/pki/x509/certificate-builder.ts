import { randomBytes, type KeyObject } from 'node:crypto';
import type { BasicConstraints, KeyUsage, NameConstraints } from './extensions.ts';
import { keyUsageBits } from './extensions.ts';
import * as write from './der-writer.ts';
import { encodeGeneralName, type GeneralName } from './general-name.ts';
import { keyIdentifier } from './key.ts';
import { oid } from './oid.ts';
import { signed, signedAside } from './signing.ts';

/** Everything that a certificate of ours says. */
export interface CertificateTemplate {
  /** Big-endian octets, positive, at most 20. */
  serial: Buffer;
  /** Encoded Name, copied byte for byte from the issuer's certificate. */
  issuer: Buffer;
  /** Encoded Name; an empty one makes the subject alternative name critical (RFC 5280 4.2.1.6). */
  subject: Buffer;
  notBefore: Date;
  notAfter: Date;
  /** Encoded SubjectPublicKeyInfo. */
  publicKey: Buffer;
  basicConstraints: BasicConstraints;
  keyUsage: readonly KeyUsage[];
  extendedKeyUsage: readonly string[];
  names: readonly GeneralName[];
  nameConstraints: NameConstraints | undefined;
  /** `undefined` for a self-signed certificate. */
  authorityKeyIdentifier: Buffer | undefined;
  crlUrls: readonly string[];
  ocspUrls: readonly string[];
  issuerUrls: readonly string[];
  /** Encoded string of the Netscape comment, for people. */
  comment?: Buffer;
}

/** 159 random bits, so that the INTEGER is positive and has at most 20 octets (RFC 5280 4.1.2.2). */
export function randomSerial(): Buffer {
  const serial = randomBytes(20);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

const emptyName = write.sequence();

/**
 * Signs a version 3 certificate and returns its DER.
 * @param weak signs it as nobody must, to see whether it is refused
 */
export const buildCertificate = (
  template: CertificateTemplate,
  issuerKey: KeyObject,
  weak?: 'sha1',
): Buffer => signed(issuerKey, bodyOf(template), weak);

/** The same on another thread, for whoever has other work to do. */
export const buildCertificateAside = (template: CertificateTemplate, issuerKey: KeyObject): Promise<Buffer> =>
  signedAside(issuerKey, bodyOf(template));

const bodyOf =
  (template: CertificateTemplate) =>
  (algorithm: Buffer): Buffer =>
    write.sequence(
      write.explicit(0, write.integer(2)),
      write.integer(template.serial),
      algorithm,
      template.issuer,
      write.sequence(write.time(template.notBefore), write.time(template.notAfter)),
      template.subject,
      template.publicKey,
      write.explicit(3, write.sequence(...extensionsOf(template))),
    );

const critical = true;

function extensionsOf(template: CertificateTemplate): Buffer[] {
  const { extendedKeyUsage, names, nameConstraints, authorityKeyIdentifier } = template;
  const list = [...roleExtensions(template)];
  if (extendedKeyUsage.length > 0) {
    list.push(
      encodeExtension(oid.extendedKeyUsage, write.sequence(...extendedKeyUsage.map(write.objectIdentifier))),
    );
  }
  list.push(encodeExtension(oid.subjectKeyIdentifier, write.octetString(keyIdentifier(template.publicKey))));
  if (authorityKeyIdentifier) list.push(encodeAuthorityKeyIdentifier(authorityKeyIdentifier));
  if (names.length > 0) {
    const value = write.sequence(...names.map(encodeGeneralName));
    list.push(encodeExtension(oid.subjectAltName, value, template.subject.equals(emptyName)));
  }
  if (nameConstraints) list.push(nameConstraintsExtension(nameConstraints));
  if (template.crlUrls.length > 0) {
    list.push(encodeExtension(oid.crlDistributionPoints, encodeDistributionPoints(template.crlUrls)));
  }
  if (template.ocspUrls.length + template.issuerUrls.length > 0) {
    const access = [
      ...template.ocspUrls.map((url) => encodeAccess(oid.ocsp, url)),
      ...template.issuerUrls.map((url) => encodeAccess(oid.caIssuers, url)),
    ];
    list.push(encodeExtension(oid.authorityInfoAccess, write.sequence(...access)));
  }
  if (template.comment) list.push(encodeExtension(oid.netscapeComment, template.comment));
  return list;
}

/** Whether it is a CA, and what its key is for. */
const roleExtensions = ({
  basicConstraints,
  keyUsage,
}: Pick<CertificateTemplate, 'basicConstraints' | 'keyUsage'>): Buffer[] => [
  encodeExtension(oid.basicConstraints, encodeBasicConstraints(basicConstraints), critical),
  encodeExtension(
    oid.keyUsage,
    write.namedBits(keyUsage.map((name) => keyUsageBits.indexOf(name))),
    critical,
  ),
];

/** All that makes a CA of a certificate. */
export const caExtensions = ({
  nameConstraints,
  ...role
}: Pick<CertificateTemplate, 'basicConstraints' | 'keyUsage' | 'nameConstraints'>): Buffer[] => [
  ...roleExtensions(role),
  ...(nameConstraints ? [nameConstraintsExtension(nameConstraints)] : []),
];

const nameConstraintsExtension = (constraints: NameConstraints): Buffer =>
  encodeExtension(oid.nameConstraints, encodeNameConstraints(constraints), critical);

export function encodeExtension(id: string, value: Buffer, isCritical = false): Buffer {
  const flag = isCritical ? [write.trueValue()] : [];
  return write.sequence(write.objectIdentifier(id), ...flag, write.octetString(value));
}

/** The key identifier alone: issuer and serial would tie leaves to one certificate of their issuer (RFC 5280 4.2.1.1). */
export function encodeAuthorityKeyIdentifier(identifier: Buffer): Buffer {
  return encodeExtension(oid.authorityKeyIdentifier, write.sequence(write.implicit(0, identifier)));
}

function encodeBasicConstraints({ ca, pathLength }: BasicConstraints): Buffer {
  if (!ca) return write.sequence();
  return write.sequence(write.trueValue(), ...(pathLength === undefined ? [] : [write.integer(pathLength)]));
}

function encodeNameConstraints({ permitted, excluded }: NameConstraints): Buffer {
  const subtrees = (number: number, names: readonly GeneralName[]): Buffer[] =>
    names.length === 0
      ? []
      : [write.explicit(number, ...names.map((name) => write.sequence(encodeGeneralName(name))))];
  return write.sequence(...subtrees(0, permitted), ...subtrees(1, excluded));
}

function encodeDistributionPoints(urls: readonly string[]): Buffer {
  return write.sequence(
    ...urls.map((value) =>
      write.sequence(write.explicit(0, write.explicit(0, encodeGeneralName({ kind: 'uri', value })))),
    ),
  );
}

function encodeAccess(method: string, value: string): Buffer {
  return write.sequence(write.objectIdentifier(method), encodeGeneralName({ kind: 'uri', value }));
}
