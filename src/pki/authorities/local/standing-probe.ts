import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import { createOnce } from '../../create-once.ts';
import { makeFolder, readIfThere, unlinkIfThere } from '../../durable.ts';
import { namesIn } from '../../names-in.ts';
import { sweepDrafts } from '../../sweep.ts';
import { readCertificate, serialHex, type Certificate } from '../../x509/certificate.ts';
import { encodeGeneralName } from '../../x509/general-name.ts';
import { keyTypeOf, privateKeyPem } from '../../x509/key.ts';
import { certificatePem } from '../../x509/pem-writer.ts';
import { decode } from '../../x509/validation/decoded.ts';
import { probesFolder } from './layout.ts';
import { certificatesIn } from './pem-files.ts';
import type { Minted, ProbeSubject } from './probe-certificates.ts';

/** One that ends sooner is not used any more, in milliseconds. */
const margin = 86_400_000;

/**
 * The certificate that an issuer keeps for this client to see whether revocation is heard of: revoked before it was kept.
 * Those that have ended are removed.
 */
export function standingProbe(
  issuer: string,
  subject: ProbeSubject,
  now: Date,
): (Omit<Minted, 'chain'> & { certificate: Certificate }) | undefined {
  for (const file of filesIn(probesFolder(issuer))) {
    const [certificate] = certificatesIn(file);
    if (!certificate) continue;
    if (certificate.notAfter < now) {
      unlinkIfThere(file);
      continue;
    }
    const pem = readIfThere(file);
    if (!pem || certificate.notAfter.getTime() - now.getTime() < margin || !speaksOf(certificate, subject))
      continue;
    const key = createPrivateKey(pem);
    if (keyTypeOf(key) === (keyTypeOf(subject.key) ?? 'ec-p256')) return { certificate, key };
  }
  return undefined;
}

/** Key and certificate in one file, readable by its owner alone. */
export function keepProbe(issuer: string, { chain: [der], key }: Minted): void {
  if (!der) return;
  const folder = probesFolder(issuer);
  makeFolder(folder, 0o700);
  sweepDrafts(folder);
  const file = join(folder, `${serialHex(readCertificate(der).serial)}.pem`);
  createOnce(file, { data: privateKeyPem(key) + certificatePem(der), mode: 0o600 });
}

function speaksOf(certificate: Certificate, { subject, names }: ProbeSubject): boolean {
  const encoded = (list: ProbeSubject['names']): Buffer => Buffer.concat(list.map(encodeGeneralName));
  return (
    certificate.subject.equals(subject) && encoded(decode(certificate).names ?? []).equals(encoded(names))
  );
}

const filesIn = (folder: string): string[] =>
  namesIn(folder)
    .filter((name) => /^[0-9a-f]+\.pem$/.test(name))
    .map((name) => join(folder, name));
