import { extension, type Certificate } from '../../../../src/pki/x509/certificate.ts';
import { readExtendedKeyUsage, readKeyUsage } from '../../../../src/pki/x509/extensions.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import { invalid } from '../refusal.ts';
import type { AcmCertificate, KeyAlgorithm } from './certificate.ts';

/** What a new certificate under an old ARN must keep (ACM user guide, "Reimport a certificate"). */
export function checkReimport(
  before: AcmCertificate,
  after: { certificate: Certificate; keyAlgorithm: KeyAlgorithm; names: readonly string[] },
): void {
  if (before.type !== 'IMPORTED' || !before.certificate)
    throw invalid(`Certificate ${before.arn} was not imported and cannot be re-imported`);
  if (before.keyAlgorithm !== after.keyAlgorithm)
    throw invalid(
      `The key type or size cannot change: it was ${before.keyAlgorithm}, it is ${after.keyAlgorithm}`,
    );
  if (before.names.length > 0 && after.names.length === 0)
    throw invalid('Not all domain names can be removed on re-import');
  const ecdsa = after.keyAlgorithm.startsWith('EC');
  const usages = missing(usagesOf(before.certificate), usagesOf(after.certificate));
  const lostUsages = usages.filter((name) => !(ecdsa && name === 'keyEncipherment'));
  const purposes = missing(purposesOf(before.certificate), purposesOf(after.certificate));
  const lostPurposes = purposes.filter((id) => id !== oid.clientAuth);
  if (lostUsages.length + lostPurposes.length > 0) {
    throw invalid(
      `Existing key usage or extended key usage values cannot be removed: ${[...lostUsages, ...lostPurposes].join(', ')}`,
    );
  }
}

const missing = (before: readonly string[], after: readonly string[]): string[] =>
  before.filter((one) => !after.includes(one));

function usagesOf(certificate: Certificate): readonly string[] {
  const found = extension(certificate, oid.keyUsage);
  return found ? readKeyUsage(found.value) : [];
}

function purposesOf(certificate: Certificate): readonly string[] {
  const found = extension(certificate, oid.extendedKeyUsage);
  return found ? readExtendedKeyUsage(found.value) : [];
}
