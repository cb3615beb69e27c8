import { encodeAnswer, encodeFailure, keyHash, readRequest } from '../../ocsp-responder.ts';
import type { Cloud } from '../cloud.ts';
import { signedAs } from './signing-algorithm.ts';

const hour = 3_600_000;

/** What the OCSP responder of all CAs says: what was revoked lately, it does not know yet. */
export function answerOcsp(cloud: Cloud, request: Buffer): Buffer {
  const { der: id, issuerKeyHash, serial } = readRequest(request);
  const ca = [...cloud.cas.values()].find((one) => keyHash(one.publicKey).equals(issuerKeyHash));
  if (ca?.ocsp?.['Enabled'] !== true) return encodeFailure(6);
  const now = cloud.clock.seconds();
  const known = new Date(now.getTime() - cloud.pace.ocspDelay);
  const isIssued = [...ca.issued.values()].some(({ certificate }) => certificate.serial.equals(serial));
  const revoked = [...ca.revoked.values()].find((one) => one.serial.equals(serial) && one.revokedAt <= known);
  return encodeAnswer(
    {
      id,
      status: revoked?.revokedAt ?? (isIssued ? 'good' : 'unknown'),
      responder: ca.publicKey,
      thisUpdate: now,
      nextUpdate: new Date(now.getTime() + hour),
    },
    (tbs) => signedAs(ca.signingAlgorithm, ca.key, tbs),
  );
}
