import { createPublicKey, verify } from 'node:crypto';
import {
  readCertificationRequest,
  type CertificationRequest,
} from '../../../../src/pki/x509/certification-request.ts';
import { PemError, PemText, pemBlocks } from '../../../../src/pki/x509/pem.ts';
import { schemeOf } from '../../../../src/pki/x509/validation/signature.ts';
import { PkiError } from '../../../../src/pki/errors.ts';
import { Refusal } from '../refusal.ts';

const malformed = (why: string): Refusal => new Refusal('MalformedCSRException', why);

/**
 * Reads IssueCertificate's Csr: one PEM block labelled CERTIFICATE REQUEST, nothing else
 * (`NEW CERTIFICATE REQUEST` and DER are refused), whose signature shows that the caller holds the key.
 */
export function readCsr(pem: Buffer): CertificationRequest {
  const blocks = [...pemBlocks(new PemText(pem))];
  const [block] = blocks;
  if (!block || block instanceof PemError || blocks.length > 1 || block.label !== 'CERTIFICATE REQUEST')
    throw malformed('The certificate signing request is invalid: it is not one PEM CERTIFICATE REQUEST');
  const request = decode(() => readCertificationRequest(block.decode()));
  if (!isProven(request)) throw malformed('The certificate signing request has a wrong signature');
  return request;
}

function decode(read: () => CertificationRequest): CertificationRequest {
  try {
    return read();
  } catch (error) {
    if (error instanceof PkiError) throw malformed(`The certificate signing request is invalid`);
    throw error;
  }
}

function isProven({ publicKey, signatureAlgorithm, tbs, signature }: CertificationRequest): boolean {
  const scheme = schemeOf(signatureAlgorithm);
  try {
    const key = createPublicKey({ key: publicKey, format: 'der', type: 'spki' });
    if (key.asymmetricKeyType !== 'rsa' && key.asymmetricKeyType !== 'ec')
      throw malformed('The certificate signing request has a key that is neither RSA nor EC');
    return scheme !== undefined && verify(scheme.digest, tbs, key, signature);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return false;
  }
}
