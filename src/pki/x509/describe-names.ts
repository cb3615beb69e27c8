import type { AlgorithmIdentifier } from './certificate.ts';
import { signatureName } from './algorithm-names.ts';
import { formatName, type DistinguishedName } from './distinguished-name.ts';
import { formatGeneralName, type GeneralName } from './general-name.ts';

/*
 * Descriptions are what `inspect` shows: plain data, ready for JSON, with every text as it stands in the certificate.
 * `null` says that something is absent.
 */

export interface NameDescription {
  /** `C=DE, O=Shop, CN=orders.internal`; empty for an empty name. */
  text: string;
  /** In the order of the encoding; attributes of one RDN share `rdn`. */
  attributes: { rdn: number; oid: string; value: string | null }[];
}

export const describeName = (name: DistinguishedName): NameDescription => ({
  text: formatName(name),
  attributes: name.flatMap((attributes, rdn) =>
    attributes.map(({ type, value }) => ({ rdn, oid: type, value: value ?? null })),
  ),
});

export interface GeneralNameDescription {
  type: GeneralName['kind'];
  value: string;
}

export function describeGeneralName(name: GeneralName): GeneralNameDescription {
  const text = formatGeneralName(name);
  return { type: name.kind, value: text.slice(text.indexOf(':') + 1) };
}

export interface AlgorithmDescription {
  oid: string;
  /** `ECDSA with SHA-256`; the OID where it has no name here. */
  name: string;
}

export const describeSignature = ({ id }: AlgorithmIdentifier): AlgorithmDescription => ({
  oid: id,
  name: signatureName(id),
});
