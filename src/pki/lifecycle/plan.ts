import { createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readAuthorityLimits } from '../authorities/local/local-authority.ts';
import type { StoredRequest } from '../store/request.ts';
import { formatName, readName } from '../x509/distinguished-name.ts';
import { formatGeneralName } from '../x509/general-name.ts';
import { keyTypeOf } from '../x509/key.ts';
import { oid } from '../x509/oid.ts';
import { extendedKeyUsageFor, keyKindOf, keyUsageFor, subjectOf } from '../x509/profile.ts';
import { defaultCaLifetime } from './ca.ts';
import { profileFor } from './profile-for.ts';

/** What a certificate would say. */
export interface IssuePlan {
  name: string;
  authority: string;
  authorityExists: boolean;
  subject: string;
  names: string[];
  notBefore: string;
  notAfter: string;
  keyType: string;
  keyUsage: string[];
  extendedKeyUsage: string[];
  urls: string[];
}

/**
 * Says what `issue` would do, with every refusal that it would meet before signing; the CA's key stays closed.
 */
export async function planIssue(
  request: StoredRequest,
  publicKey: Buffer | undefined,
  reference: string,
  create: boolean,
  now: Date,
): Promise<IssuePlan> {
  const exists = existsSync(join(reference, 'ca.json'));
  const limits =
    exists || !create
      ? readAuthorityLimits(reference, now)
      : {
          defaults: { crlUrls: [], ocspUrls: [], issuerUrls: [] },
          validity: {
            notBefore: new Date(now.getTime() - 60_000),
            notAfter: new Date(now.getTime() + defaultCaLifetime / 2),
          },
          check: (): void => undefined,
        };
  const profile = profileFor(request, publicKey ?? Buffer.alloc(0), limits, now);
  limits.check(profile);
  const keyType = publicKey
    ? keyTypeOf(createPublicKey({ key: publicKey, format: 'der', type: 'spki' }))
    : request.keyType;
  const keyKind = publicKey ? keyKindOf(publicKey) : request.keyType.startsWith('rsa-') ? 'rsa' : 'other';
  return {
    name: request.name,
    authority: reference,
    authorityExists: exists,
    subject: formatName(readName(subjectOf(profile))),
    names: profile.names.map(formatGeneralName),
    notBefore: profile.notBefore.toISOString(),
    notAfter: profile.notAfter.toISOString(),
    keyType: keyType ?? 'unknown',
    keyUsage: keyUsageFor(request.usage, keyKind),
    extendedKeyUsage: extendedKeyUsageFor(request.usage).map((id) =>
      id === oid.serverAuth ? 'serverAuth' : 'clientAuth',
    ),
    urls: [...profile.crlUrls, ...profile.ocspUrls, ...profile.issuerUrls],
  };
}
