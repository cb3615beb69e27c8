import { encodeName } from '../../../../src/pki/x509/distinguished-name.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import type { Input } from '../input.ts';
import { invalidArgs } from '../refusal.ts';

/** Members of ASN1Subject with their longest values, in the order in which they are encoded. */
const attributes = [
  ['Country', oid.country, 2],
  ['Organization', oid.organization, 64],
  ['OrganizationalUnit', oid.organizationalUnit, 64],
  ['DistinguishedNameQualifier', oid.dnQualifier, 64],
  ['State', oid.state, 128],
  ['CommonName', oid.commonName, 64],
  ['SerialNumber', oid.serialNumber, 64],
  ['Locality', oid.locality, 128],
  ['Title', oid.title, 64],
  ['Surname', oid.surname, 40],
  ['GivenName', oid.givenName, 16],
  ['Initials', oid.initials, 5],
  ['Pseudonym', oid.pseudonym, 128],
  ['GenerationQualifier', oid.generationQualifier, 3],
] as const;

/** Encodes an ASN1Subject. */
export function encodeSubject(subject: Input): Buffer {
  const standard = attributes.flatMap(([name, type, max]) => {
    const value = subject.optionalText(name, { min: 0, max });
    return value === undefined ? [] : [{ type, value }];
  });
  const custom = subject.structures('CustomAttributes', { max: 30 }).map((one) => ({
    type: one.text('ObjectIdentifier', { pattern: /^([0-2])\.([0-9]|([0-3][0-9]))((\.([0-9]+)){0,126})$/ }),
    value: one.text('Value', { max: 256 }),
  }));
  if (standard.length > 0 && custom.length > 0)
    throw invalidArgs('Custom attributes cannot be combined with standard attributes');
  return encodeName([...standard, ...custom]);
}
