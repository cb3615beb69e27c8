import { X509Certificate } from 'node:crypto';
import { extension, readCertificateOnce, type Certificate } from './certificate.ts';
import { formatName, readName } from './distinguished-name.ts';
import {
  readAlternativeNames,
  readBasicConstraints,
  readExtendedKeyUsage,
  readKeyUsage,
} from './extensions.ts';
import { formatGeneralName } from './general-name.ts';
import { oid } from './oid.ts';
import { extendedKeyUsageFor, keyKindOf, keyUsageFor, subjectOf, type Profile } from './profile.ts';

/** What an authority handed out, DER each. */
export interface IssuedChain {
  certificate: Buffer;
  chain: readonly Buffer[];
  root: Buffer | undefined;
  /** The times that count, and by how many milliseconds they may be missed; `undefined`: the authority decides them. */
  asked: { notBefore: Date; notAfter: Date; tolerance: number } | undefined;
}

/**
 * Compares what came back with what was asked for.
 * @returns one sentence for each difference; none means that the certificate may be installed.
 */
export async function differences(profile: Profile, issued: IssuedChain): Promise<string[]> {
  const leaf = readCertificateOnce(issued.certificate);
  const found: string[] = [];
  const compare = (what: string, asked: string, got: string): void => {
    if (asked !== got) found.push(`${what}: asked for ${asked || 'none'}, got ${got || 'none'}`);
  };
  compare('names', sorted(profile.names.map(formatGeneralName)), sorted(namesOf(leaf)));
  compare('extended key usage', sorted(extendedKeyUsageFor(profile.usage)), sorted(purposesOf(leaf)));
  const keyUsage = keyUsageFor(profile.usage, keyKindOf(profile.publicKey));
  // Some authorities set keyEncipherment for every key; where no key can be used so, nobody looks at it.
  const got = keyUsageOf(leaf).filter((use) => use !== 'keyEncipherment' || keyUsage.includes(use));
  compare('key usage', sorted(keyUsage), sorted(got));
  compare('subject', formatName(readName(subjectOf(profile))), formatName(leaf.subjectName));
  if (issued.asked) {
    const { notBefore, notAfter, tolerance } = issued.asked;
    const off = (asked: Date, actual: Date): boolean =>
      Math.abs(asked.getTime() - actual.getTime()) > tolerance;
    if (off(notBefore, leaf.notBefore)) compare('not before', iso(notBefore), iso(leaf.notBefore));
    if (off(notAfter, leaf.notAfter)) compare('not after', iso(notAfter), iso(leaf.notAfter));
  }
  compare('CA', 'no', isCa(leaf) ? 'yes' : 'no');
  if (!leaf.publicKey.equals(profile.publicKey)) found.push('key: the certificate is for another key');
  const above = [...issued.chain, ...(issued.root ? [issued.root] : [])];
  return [...found, ...(await brokenLinks(leaf, above))];
}

const sorted = (list: readonly string[]): string => [...list].sort().join(', ');
const iso = (date: Date): string => date.toISOString();

const namesOf = (leaf: Certificate): string[] => {
  const found = extension(leaf, oid.subjectAltName);
  return found ? readAlternativeNames(found.value).map(formatGeneralName) : [];
};
const purposesOf = (leaf: Certificate): string[] => {
  const found = extension(leaf, oid.extendedKeyUsage);
  return found ? readExtendedKeyUsage(found.value) : [];
};
const keyUsageOf = (leaf: Certificate): string[] => {
  const found = extension(leaf, oid.keyUsage);
  return found ? readKeyUsage(found.value) : [];
};
const isCa = (leaf: Certificate): boolean => {
  const found = extension(leaf, oid.basicConstraints);
  return found !== undefined && readBasicConstraints(found.value).ca;
};

/** Every certificate must be signed by the one above it; a root by itself. */
async function brokenLinks(leaf: Certificate, above: readonly Buffer[]): Promise<string[]> {
  const upwards = [leaf, ...above.map(readCertificateOnce)];
  const links = await Promise.all(
    upwards.map(async (certificate, index) => {
      const issuer = upwards[index + 1];
      if (!issuer || (await isSignedWith(certificate, issuer))) return [];
      return [`chain: certificate ${index + 1} is not signed by certificate ${index + 2}`];
    }),
  );
  return links.flat();
}

/** By whom certificates were found to be signed: the same few stand above thousands of leaves. */
const signers = new WeakMap<Certificate, Certificate>();

async function isSignedWith(certificate: Certificate, issuer: Certificate): Promise<boolean> {
  if (signers.get(certificate) === issuer) return true;
  const { innerSignatureAlgorithm, signatureAlgorithm } = certificate;
  if (!innerSignatureAlgorithm.raw.equals(signatureAlgorithm.raw)) return false;
  const { checkSignatureAside } = await import('./validation/signature.ts');
  const check = await checkSignatureAside(certificate, issuer);
  if (check === 'bad' || (check !== 'good' && !isSignedForOpenSsl(certificate, issuer))) return false;
  signers.set(certificate, issuer);
  return true;
}

/** What nobody here would trust may stand high above a CA of AWS, whose certificates were paid for. */
const isSignedForOpenSsl = ({ der }: Certificate, issuer: Certificate): boolean =>
  new X509Certificate(der).verify(new X509Certificate(issuer.der).publicKey);
