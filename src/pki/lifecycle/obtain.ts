import type { Authority, Issued, Journal, Pending, RequestKey } from '../authorities/authority.ts';
import { PkiError } from '../errors.ts';
import type { StoredRequest } from '../store/request.ts';
import { readCertificate, serialHex } from '../x509/certificate.ts';
import { differences } from '../x509/compare-issued.ts';
import { readCertificationRequest } from '../x509/certification-request.ts';
import { publicKeyDer } from '../x509/key.ts';
import type { Profile } from '../x509/profile.ts';
import { profileFor } from './profile-for.ts';

/** Encoded SubjectPublicKeyInfo; empty where the authority makes the key. */
export function publicKeyOf(key: RequestKey | undefined): Buffer {
  if (!key) return Buffer.alloc(0);
  return key.kind === 'own' ? publicKeyDer(key.key) : readCertificationRequest(key.request).publicKey;
}

/**
 * Asks an authority, and compares what it issued with what was asked for.
 * @throws PkiError `issued-differs` where they differ: it must not be installed.
 */
export async function obtain(
  request: StoredRequest,
  key: RequestKey | undefined,
  authority: Authority,
  journal: Journal,
  now: Date,
): Promise<Issued | Pending> {
  const profile = profileFor(request, publicKeyOf(key), authority, now);
  const issuance = await authority.issue(profile, key, journal);
  if (issuance.state === 'issued') refuseDifferences(profile, request.name, authority, issuance);
  return issuance;
}

function refuseDifferences(profile: Profile, name: string, authority: Authority, issued: Issued): void {
  const publicKey = issued.key ? publicKeyDer(issued.key) : profile.publicKey;
  const found = differences({ ...profile, publicKey }, issued);
  if (found.length === 0) return;
  const { serial } = readCertificate(issued.certificate);
  throw new PkiError(
    'issued-differs',
    `the certificate issued for ${JSON.stringify(name)} by ${authority.reference} (serial ${serialHex(serial)}) is not what was asked for: ${found.join('; ')}`,
    { hint: authority.onDifference },
  );
}
