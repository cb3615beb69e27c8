import { encodeExtension } from '../../../../src/pki/x509/certificate-builder.ts';
import * as write from '../../../../src/pki/x509/der-writer.ts';
import { keyUsageBits, type KeyUsage } from '../../../../src/pki/x509/extensions.ts';
import { encodeGeneralName } from '../../../../src/pki/x509/general-name.ts';

/** By OID, in the order in which they are written. */
export type Extensions = Map<string, { critical: boolean; value: Buffer }>;

export const encodeExtensions = (extensions: Extensions): Buffer =>
  write.sequence(...[...extensions].map(([id, { critical, value }]) => encodeExtension(id, value, critical)));

export function encodeBasicConstraints(ca: boolean, pathLength?: number): Buffer {
  if (!ca) return write.sequence();
  return write.sequence(write.trueValue(), ...(pathLength === undefined ? [] : [write.integer(pathLength)]));
}

export const encodeKeyUsage = (names: readonly KeyUsage[]): Buffer =>
  write.namedBits(names.map((name) => keyUsageBits.indexOf(name)));

export const encodeExtendedKeyUsage = (purposes: readonly string[]): Buffer =>
  write.sequence(...purposes.map(write.objectIdentifier));

/** The value of an authority key identifier (RFC 5280 4.2.1.1). */
export const encodeKeyIdentifier = (identifier: Buffer): Buffer =>
  write.sequence(write.implicit(0, identifier));

const uri = (value: string): Buffer => encodeGeneralName({ kind: 'uri', value });

/** One distribution point with one name (RFC 5280 4.2.1.13). */
export const encodeDistributionPoint = (url: string): Buffer =>
  write.sequence(write.sequence(write.explicit(0, write.explicit(0, uri(url)))));

/** One access description (RFC 5280 4.2.2.1). */
export const encodeAccess = (method: string, url: string): Buffer =>
  write.sequence(write.sequence(write.objectIdentifier(method), uri(url)));
