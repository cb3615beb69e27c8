import { buildCrlOf, crlKey } from './acm-pca/crl.ts';
import type { Cloud } from './cloud.ts';

/** What S3 and the CRL's own host name would serve: CRLs as they are now, audit reports as they were written. */
export function objectAt(cloud: Cloud, path: string): { type: string; body: Buffer } | undefined {
  const stored = cloud.objects.get(path);
  if (stored) return stored;
  const ca = [...cloud.cas.values()].find(
    (one) => one.crl?.enabled === true && path.endsWith(`/${crlKey(one)}`),
  );
  return ca && { type: 'application/pkix-crl', body: buildCrlOf(cloud, ca) };
}
