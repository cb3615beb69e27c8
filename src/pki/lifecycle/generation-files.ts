import type { KeyObject } from 'node:crypto';
import type { Issued } from '../authorities/authority.ts';
import { jsonText } from '../durable.ts';
import type { GenerationFile } from '../store/generation.ts';
import type { Format, StoredRequest } from '../store/request.ts';
import { sealOf } from '../store/seal.ts';
import { fingerprint, readCertificateOnce, serialHex } from '../x509/certificate.ts';
import { privateKeyDer, privateKeyPem } from '../x509/key.ts';
import { certificatePem } from '../x509/pem-writer.ts';

/** PEM of what an authority answered, as the files of a generation hold it. */
export interface PemSet {
  cert: string;
  /** The intermediates; may be empty. */
  chain: string;
  fullchain: string;
  /** Where the chain ends. */
  ca: string;
}

export function pemSet({ certificate, chain, root }: Issued): PemSet {
  const cert = certificatePem(certificate);
  const intermediates = chain.map(certificatePem).join('');
  return {
    cert,
    chain: intermediates,
    fullchain: cert + intermediates,
    ca: root ? certificatePem(root) : '',
  };
}

/** Every file of a generation. */
export function generationFiles(
  issuance: Issued,
  key: KeyObject | undefined,
  request: StoredRequest,
  generation: number,
  now: Date,
): GenerationFile[] {
  const pem = pemSet(issuance);
  const leaf = readCertificateOnce(issuance.certificate);
  const version = {
    schema: 1,
    generation,
    created: now.toISOString(),
    serial: serialHex(leaf.serial),
    notBefore: leaf.notBefore.toISOString(),
    notAfter: leaf.notAfter.toISOString(),
    fingerprint: fingerprint(leaf.der),
    authority: request.authority,
    ...(issuance.arn === undefined ? {} : { arn: issuance.arn }),
  };
  const open = (name: string, data: string | Uint8Array): GenerationFile => ({ name, data, secret: false });
  const files = [
    ...(key ? [{ name: 'key.pem', data: privateKeyPem(key), secret: true }] : []),
    open('cert.pem', pem.cert),
    open('chain.pem', pem.chain),
    open('fullchain.pem', pem.fullchain),
    open('ca.pem', pem.ca),
    ...request.formats.flatMap((format) => extraFiles(format, issuance, pem, key)),
  ];
  // The last one: where it is there, all are.
  return [...files, open('version.json', jsonText({ ...version, seal: sealOf(files) }))];
}

function extraFiles(
  format: Format,
  issuance: Issued,
  pem: PemSet,
  key: KeyObject | undefined,
): GenerationFile[] {
  switch (format) {
    case 'pair':
      return key ? [{ name: 'pair.pem', data: privateKeyPem(key) + pem.fullchain, secret: true }] : [];
    case 'der':
      return [
        { name: 'cert.der', data: issuance.certificate, secret: false },
        ...(key ? [{ name: 'key.der', data: privateKeyDer(key), secret: true }] : []),
      ];
  }
}
