import { randomUUID } from 'node:crypto';
import type { Input, Json } from '../input.ts';
import { invalidArgs } from '../refusal.ts';
import type { CrlConfiguration } from './certificate-authority.ts';

/** A CrlConfiguration; switching it off takes nothing but `Enabled`. */
export function crlOf(revocation: Input | undefined): CrlConfiguration | undefined {
  const crl = revocation?.optionalStructure('CrlConfiguration');
  if (!crl) return undefined;
  const enabled = crl.flag('Enabled') ?? false;
  const days = crl.optionalInteger('ExpirationInDays', { min: 1, max: 5000 });
  const cname = crl.optionalText('CustomCname', { min: 0, max: 253 });
  const bucket = crl.optionalText('S3BucketName', { min: 3, max: 255 });
  const type = crl.optionalChoice('CrlType', ['COMPLETE', 'PARTITIONED'] as const);
  const path = crl.optionalText('CustomPath', { max: 253 }) ?? 'crl';
  crl.optionalChoice('S3ObjectAcl', ['PUBLIC_READ', 'BUCKET_OWNER_FULL_CONTROL'] as const);
  if (!enabled) {
    if (Object.keys(crl.members).some((name) => name !== 'Enabled'))
      throw invalidArgs('If CrlConfiguration is disabled, no other parameter can be set');
    const given = { Enabled: false };
    return { enabled, days: 7, bucket: undefined, path: 'crl', partition: undefined, given };
  }
  if (bucket === undefined) throw invalidArgs('S3BucketName is required if CRL generation is enabled');
  if (days === undefined) throw invalidArgs('ExpirationInDays is required if CRL generation is enabled');
  if (cname !== undefined && /^https?:/.test(cname))
    throw invalidArgs('CustomCname must not include a protocol prefix');
  const given = { S3ObjectAcl: 'PUBLIC_READ', CrlType: 'COMPLETE', ...crl.members };
  const partition = type === 'PARTITIONED' ? randomUUID() : undefined;
  return { enabled, days, bucket, path, partition, given };
}

export function ocspOf(revocation: Input | undefined): Json | undefined {
  const ocsp = revocation?.optionalStructure('OcspConfiguration');
  if (!ocsp) return undefined;
  const enabled = ocsp.flag('Enabled') ?? false;
  if (!enabled && ocsp.has('OcspCustomCname'))
    throw invalidArgs('If OcspConfiguration is disabled, no other parameter can be set');
  return { ...ocsp.members, Enabled: enabled };
}
