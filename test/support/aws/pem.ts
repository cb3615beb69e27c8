import type { Certificate } from '../../../src/pki/x509/certificate.ts';
import { readCertificate } from '../../../src/pki/x509/certificate.ts';
import { certificatePem } from '../../../src/pki/x509/pem-writer.ts';
import { PemError, PemText, pemBlocks } from '../../../src/pki/x509/pem.ts';
import { PkiError } from '../../../src/pki/errors.ts';

/** AWS's PEM has no newline after its last line. */
export const pemOf = (certificate: Certificate): string => certificatePem(certificate.der).trimEnd();

export const chainPem = (chain: readonly Certificate[]): string => chain.map(pemOf).join('\n');

/** The certificates of a PEM text; `undefined` where it holds anything else. */
export function certificatesIn(pem: Buffer): Certificate[] | undefined {
  const found: Certificate[] = [];
  for (const block of pemBlocks(new PemText(pem))) {
    if (block instanceof PemError || block.label !== 'CERTIFICATE') return undefined;
    try {
      found.push(readCertificate(block.decode()));
    } catch (error) {
      if (error instanceof PkiError) return undefined;
      throw error;
    }
  }
  return found;
}
