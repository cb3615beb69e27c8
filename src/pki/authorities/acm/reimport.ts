import { PkiError } from '../../errors.ts';
import { extension, type Certificate } from '../../x509/certificate.ts';
import { purposeName } from '../../x509/algorithm-names.ts';
import { readAlternativeNames, readExtendedKeyUsage, readKeyUsage } from '../../x509/extensions.ts';
import { oid } from '../../x509/oid.ts';
import { keyOf } from './importable.ts';

/**
 * Refuses what ACM does not let a certificate under an ARN be replaced by
 * (https://docs.aws.amazon.com/acm/latest/userguide/import-reimport.html). It has no way back.
 * @param before what is there
 * @throws PkiError `not-permitted`
 */
export function checkReimport(before: Certificate, after: Certificate): void {
  const [old, key] = [keyOf(before), keyOf(after)];
  if (old !== key)
    throw refuse(`its key is ${old} and cannot become ${key}`, 'issue with the same --key-type');
  if (hasNames(before) && !hasNames(after)) {
    throw refuse('its host names cannot all be removed', 'issue with at least one host name');
  }
  const purposes = lost(purposesOf(before), purposesOf(after)).filter((id) => id !== oid.clientAuth);
  const usages = lost(usagesOf(before), usagesOf(after)).filter(
    (usage) => !(usage === 'keyEncipherment' && key.startsWith('EC')),
  );
  const removed = [...usages, ...purposes.map(purposeName)];
  if (removed.length > 0)
    throw refuse(`${removed.join(' and ')} cannot be removed`, 'issue with the same --usage');
}

const refuse = (what: string, hint: string): PkiError =>
  new PkiError('not-permitted', `ACM replaces no certificate under its ARN like that: ${what}`, {
    hint: `${hint}, or import it anew with --anew`,
  });

const lost = <T>(before: readonly T[], after: readonly T[]): T[] =>
  before.filter((one) => !after.includes(one));

function hasNames(certificate: Certificate): boolean {
  const found = extension(certificate, oid.subjectAltName);
  return found !== undefined && readAlternativeNames(found.value).some(({ kind }) => kind === 'dns');
}

function usagesOf(certificate: Certificate): string[] {
  const found = extension(certificate, oid.keyUsage);
  return found ? readKeyUsage(found.value) : [];
}

function purposesOf(certificate: Certificate): string[] {
  const found = extension(certificate, oid.extendedKeyUsage);
  return found ? readExtendedKeyUsage(found.value) : [];
}
