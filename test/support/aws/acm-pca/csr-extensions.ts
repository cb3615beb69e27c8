import * as write from '../../../../src/pki/x509/der-writer.ts';
import { encodeGeneralName } from '../../../../src/pki/x509/general-name.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import type { Input } from '../input.ts';
import { encodeExtensions, type Extensions } from './extension-value.ts';
import { encodeUsage } from './passthrough.ts';

const methods = {
  CA_REPOSITORY: '1.3.6.1.5.5.7.48.5',
  RESOURCE_PKI_MANIFEST: '1.3.6.1.5.5.7.48.10',
  RESOURCE_PKI_NOTIFY: '1.3.6.1.5.5.7.48.13',
} as const;

/** The extensions that a CA's own CSR asks for, as CsrExtensions says. */
export function encodeCsrExtensions(asked: Input | undefined): Buffer | undefined {
  const found: Extensions = new Map();
  const usage = asked?.optionalStructure('KeyUsage');
  if (usage) found.set(oid.keyUsage, { critical: true, value: encodeUsage(usage) });
  const access = (asked?.structures('SubjectInformationAccess') ?? []).map((one) => {
    const method = one.structure('AccessMethod');
    const named = method.optionalChoice('AccessMethodType', Object.keys(methods) as (keyof typeof methods)[]);
    const id = named === undefined ? method.text('CustomObjectIdentifier') : methods[named];
    const value = one.structure('AccessLocation').text('UniformResourceIdentifier');
    return write.sequence(write.objectIdentifier(id), encodeGeneralName({ kind: 'uri', value }));
  });
  if (access.length > 0)
    found.set(oid.subjectInfoAccess, { critical: false, value: write.sequence(...access) });
  return found.size === 0 ? undefined : encodeExtensions(found);
}
