import { RevokeCertificateCommand, type RevocationReason as AcmReason } from '@aws-sdk/client-acm';
import { PkiError } from '../../errors.ts';
import { readCertificate, serialHex } from '../../x509/certificate.ts';
import type { RevocationReason } from '../../x509/crl-entries.ts';
import { parseArn } from '../aws/arn.ts';
import { isRefusal } from '../aws/failure.ts';
import type { AwsConnection } from '../aws/options.ts';
import { certificatesInPem } from '../aws/pem.ts';
import { regionOf } from '../aws/region.ts';
import type { AcmCertificateFacts } from './certificate-facts.ts';
import { AcmClient } from './client.ts';
import { isCertificateArn, lookUpCertificate } from './look-up.ts';

/** ACM's words for RFC 5280's; a public certificate is not put on hold. */
export const acmReasons = {
  unspecified: 'UNSPECIFIED',
  keyCompromise: 'KEY_COMPROMISE',
  cACompromise: 'CA_COMPROMISE',
  affiliationChanged: 'AFFILIATION_CHANGED',
  superseded: 'SUPERSEDED',
  cessationOfOperation: 'CESSATION_OF_OPERATION',
  certificateHold: undefined,
  privilegeWithdrawn: 'PRIVILEGE_WITHDRAWN',
  aACompromise: 'A_A_COMPROMISE',
} as const satisfies Record<RevocationReason, AcmReason | undefined>;

/** What is under an ARN of ACM now: it is renewed under the same one. */
export interface UnderArn {
  facts: AcmCertificateFacts;
  /** DER. */
  certificate: Buffer;
  /** DER of who has signed it. */
  issuer: Buffer | undefined;
}

/** @throws PkiError `not-found`, `not-permitted` where it was never issued */
export async function heldUnder(arn: string, connection: AwsConnection): Promise<UnderArn> {
  const { pem, facts } = await lookUpCertificate(arn, connection);
  const [certificate, issuer] = certificatesInPem(pem);
  if (certificate) return { facts, certificate, issuer };
  throw new PkiError('not-permitted', `${arn} is ${facts.status}: there is nothing to revoke`, {
    hint: '"certwright inspect ARN" shows what it waits for',
  });
}

/**
 * Whether it is revoked already.
 * @param serial of the certificate that is meant, lower-case hex
 * @throws PkiError `not-permitted` where the ARN has another one by now, or one that ACM does not revoke
 */
export function isRevokedAlready({ facts, certificate }: UnderArn, serial: string): boolean {
  const held = serialHex(readCertificate(certificate).serial);
  if (held !== serial) {
    throw new PkiError('not-permitted', `${facts.arn} has ${held} by now, not ${serial}`, {
      hint: 'ACM has renewed it, and revokes only what is there now: name the ARN to revoke that one',
    });
  }
  if (facts.status === 'REVOKED') return true;
  if (!facts.exportable) {
    throw new PkiError('not-permitted', `the key of ${facts.arn} never left ACM, which does not revoke it`, {
      hint: 'request another one, take this one out of use, and delete it in ACM',
    });
  }
  return false;
}

/** Has ACM revoke a public certificate that was exported. */
export async function revokeAtAcm(
  { facts }: UnderArn,
  reason: AcmReason,
  connection: AwsConnection,
): Promise<void> {
  const arn = parseArn(facts.arn, 'acm', isCertificateArn, 'the target');
  const client = new AcmClient(regionOf(connection, arn), connection);
  try {
    await client.call(`revoke ${arn.text}`, async (sdk, http) =>
      sdk.send(new RevokeCertificateCommand({ CertificateArn: arn.text, RevocationReason: reason }), http),
    );
  } catch (error) {
    if (!isRefusal(error, 'ResourceInUseException')) throw error;
    throw new PkiError('refused', error.message, {
      hint: `it is in use by ${facts.inUseBy.join(', ') || 'something of AWS'}: give that another certificate first`,
      cause: error.cause,
    });
  }
}
