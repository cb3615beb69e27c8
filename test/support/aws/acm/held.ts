import type { Cloud } from '../cloud.ts';
import type { AcmCertificate } from './certificate.ts';

/** A certificate for whoever stands behind the scenes, not for a caller. */
export function held(cloud: Cloud, arn: string): AcmCertificate {
  const found = cloud.certificates.get(arn);
  if (!found) throw new Error(`the emulator has no certificate ${arn}`);
  return found;
}
