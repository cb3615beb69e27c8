import { serialHex } from '../../../../src/pki/x509/certificate.ts';
import type { Call } from '../cloud.ts';
import type { Json } from '../input.ts';
import { Refusal } from '../refusal.ts';
import { caOf, requireState } from './arn.ts';
import type { CertificateAuthority, IssuedCertificate } from './certificate-authority.ts';
import { reasons } from './crl.ts';

const reasonWords = Object.keys(reasons) as (keyof typeof reasons)[];

/** Of a complete CRL; a partitioned one takes a hundred times as many. */
const mostRevocations = 1_000_000;

export function revokeCertificate(call: Call): Json {
  const { input, cloud } = call;
  const ca = caOf(call);
  // Pairs with colons, as the documentation has them, or plain hex, as Terraform sends it; capitals are documented
  // nowhere and are refused here.
  const given = input.text('CertificateSerial', {
    max: 128,
    pattern: /^(?:[0-9a-f]{2}(?::[0-9a-f]{2})*|[0-9a-f]+)$/,
  });
  const reason = reasons[input.choice('RevocationReason', reasonWords)];
  requireState(call, ca, 'ACTIVE', 'DISABLED');
  const serial = given.replaceAll(':', '').replace(/^0+/, '');
  const issued = issuedWith(ca, serial);
  if (!issued) {
    throw new Refusal('ResourceNotFoundException', `Could not find certificate with serial number ${given}.`);
  }
  const { certificate } = issued;
  if (certificate.issuer.equals(certificate.subject))
    throw new Refusal('InvalidRequestException', 'Self-signed certificate can not be revoked');
  if (ca.revoked.has(serial)) {
    throw new Refusal(
      'RequestAlreadyProcessedException',
      `The certificate with serial number ${given} is already revoked.`,
    );
  }
  if (certificate.notAfter < cloud.clock.now())
    throw new Refusal('InvalidRequestException', 'Expired certificate can not be revoked');
  if (ca.revoked.size >= mostRevocations)
    throw new Refusal('LimitExceededException', `A CA can revoke at most ${mostRevocations} certificates`);
  ca.revoked.set(serial, { serial: certificate.serial, reason, revokedAt: cloud.clock.seconds() });
  return {};
}

/** @param serial without leading zeros */
function issuedWith(ca: CertificateAuthority, serial: string): IssuedCertificate | undefined {
  const issued = ca.issued.get(`${ca.arn}/certificate/${serial.padStart(32, '0')}`);
  return issued && serialHex(issued.certificate.serial).replace(/^0+/, '') === serial ? issued : undefined;
}
