import type { Call } from '../cloud.ts';
import type { Json } from '../input.ts';
import { invalid, Refusal } from '../refusal.ts';
import { certificateOf, type AcmCertificate } from './certificate.ts';
import { settle, startRenewal } from './settle.ts';

/** Renews a private certificate that was exported; DescribeCertificate shows when it is done. */
export async function renewCertificate(call: Call): Promise<Json> {
  const found = certificateOf(call);
  await settle(call.cloud, found, false);
  const { arn, type, status, exported, renewal } = found;
  if (type !== 'PRIVATE')
    throw invalid(`Certificate ${arn} is not a private certificate and cannot be renewed by this operation`);
  if (status !== 'ISSUED') throw invalid(`Certificate ${arn} cannot be renewed: its status is ${status}`);
  if (!exported) {
    throw invalid(
      `The certificate ${arn} has not been exported so it is not eligible for the Renew Certificate API`,
    );
  }
  if (renewal?.status === 'PENDING_AUTO_RENEWAL')
    throw new Refusal('RequestInProgressException', `Certificate ${arn} is being renewed`);
  startRenewal(call.cloud, found);
  return {};
}

const reasons = [
  'UNSPECIFIED',
  'KEY_COMPROMISE',
  'CA_COMPROMISE',
  'AFFILIATION_CHANGED',
  'SUPERCEDED',
  'SUPERSEDED',
  'CESSATION_OF_OPERATION',
  'CERTIFICATE_HOLD',
  'REMOVE_FROM_CRL',
  'PRIVILEGE_WITHDRAWN',
  'A_A_COMPROMISE',
] as const;

/** Revokes a public certificate that was exported; private ones are revoked at their CA. */
export async function revokeCertificate(call: Call): Promise<Json> {
  const found = certificateOf(call);
  const reason = call.input.choice('RevocationReason', reasons);
  await settle(call.cloud, found, false);
  if (found.type !== 'AMAZON_ISSUED' || !found.exported)
    throw invalid(`Certificate ${found.arn} cannot be revoked: only exported public certificates can`);
  if (found.status !== 'ISSUED')
    throw new Refusal('ConflictException', `Certificate ${found.arn} is ${found.status}`);
  refuseUsed(found);
  found.status = 'REVOKED';
  found.revoked = { at: call.cloud.clock.now(), reason };
  return { CertificateArn: found.arn };
}

export function deleteCertificate(call: Call): Json {
  const found = certificateOf(call);
  refuseUsed(found);
  call.cloud.certificates.delete(found.arn);
  return {};
}

function refuseUsed({ arn, inUseBy }: AcmCertificate): void {
  if (inUseBy.length > 0)
    throw new Refusal('ResourceInUseException', `Certificate ${arn} is in use by ${inUseBy.join(', ')}.`);
}

/** Everything about Export is decided when a certificate is requested. */
export function updateCertificateOptions(call: Call): Json {
  const found = certificateOf(call);
  const options = call.input.structure('Options');
  if (found.type !== 'AMAZON_ISSUED')
    throw invalid(`Certificate ${found.arn} is not issued by Amazon: it has no options`);
  const exporting = options.optionalChoice('Export', ['ENABLED', 'DISABLED'] as const);
  if (exporting && (exporting === 'ENABLED') !== found.exportable)
    throw invalid('The export option cannot be changed after the certificate is requested');
  return {};
}

export function resendValidationEmail(call: Call): Json {
  const found = certificateOf(call);
  const domain = call.input.text('Domain', { max: 253 });
  call.input.text('ValidationDomain', { max: 253 });
  const pending = found.status === 'PENDING_VALIDATION';
  if (!pending || !found.validations.some((one) => one.domain === domain && one.method === 'EMAIL'))
    throw new Refusal('InvalidStateException', `${domain} is not waiting for e-mail validation`);
  return {};
}
