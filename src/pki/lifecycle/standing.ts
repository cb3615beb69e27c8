import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { readIfThere } from '../durable.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { keyIsElsewhere, readRequest, sameRequest, type StoredRequest } from '../store/request.ts';
import { readCertificate, type Certificate } from '../x509/certificate.ts';
import { isDue } from './due.ts';

export interface Standing {
  generation: number;
  certificate: Certificate;
  chain: readonly Buffer[];
}

/** The generation in use, if its pair is whole, it answers the request and it is not due yet. */
export function standing(folder: CertificateFolder, request: StoredRequest, now: Date): Standing | undefined {
  const generation = folder.current();
  if (generation === undefined) return undefined;
  const asked = readRequest(folder.requestFile);
  if (!asked || !sameRequest(asked.request, request)) return undefined;
  const key = readIfThere(join(folder.currentPath, 'key.pem'));
  const chain = pemCertificates(readIfThere(join(folder.currentPath, 'fullchain.pem')));
  const [leaf] = chain;
  if (!leaf || !belongTogether(key, leaf, keyIsElsewhere(request)) || !linked(chain)) return undefined;
  const certificate = readCertificate(leaf);
  return isDue(certificate, now) ? undefined : { generation, certificate, chain };
}

function pemCertificates(pem: Buffer | undefined): Buffer[] {
  const blocks =
    pem?.toString('latin1').matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g) ?? [];
  return [...blocks].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
}

function belongTogether(key: Buffer | undefined, leaf: Buffer, foreignKey: boolean): boolean {
  if (foreignKey) return true;
  if (!key) return false;
  try {
    return new X509Certificate(leaf).publicKey.equals(createPublicKey(createPrivateKey(key)));
  } catch {
    // A damaged key or certificate is a reason to issue anew, not to fail.
    return false;
  }
}

function linked(chain: readonly Buffer[]): boolean {
  try {
    const certificates = chain.map((der) => new X509Certificate(der));
    return certificates.every((one, index) => {
      const issuer = certificates[index + 1];
      return !issuer || one.verify(issuer.publicKey);
    });
  } catch {
    return false;
  }
}
