import type { Call } from '../cloud.ts';
import type { Json } from '../input.ts';
import { chainPem, pemOf } from '../pem.ts';
import { invalid, Refusal } from '../refusal.ts';
import { certificateOf, type AcmCertificate } from './certificate.ts';
import { encryptedKeyPem } from './encrypted-key.ts';
import { settle } from './settle.ts';

const inProgress = (arn: string): Refusal =>
  new Refusal('RequestInProgressException', `Certificate ${arn} is not issued yet.`);

export async function getCertificate(call: Call): Promise<Json> {
  const found = certificateOf(call);
  await settle(call.cloud, found, false);
  return pemsOf(found);
}

function pemsOf({ arn, status, certificate, chain }: AcmCertificate): Json {
  if (status === 'PENDING_VALIDATION') throw inProgress(arn);
  if (!certificate) throw invalid(`Certificate ${arn} has no certificate: its status is ${status}`);
  return {
    Certificate: `${pemOf(certificate)}\n`,
    ...(chain.length > 0 && { CertificateChain: `${chainPem(chain)}\n` }),
  };
}

/** Certificate, chain and key under a passphrase. A private one is paid for when it is first exported. */
export async function exportCertificate(call: Call): Promise<Json> {
  const { cloud, input } = call;
  const found = certificateOf(call);
  const passphrase = input.blob('Passphrase', { min: 4, max: 128 });
  if (!/^[\x20-\x7e]+$/.test(passphrase.toString('latin1')) || /[#$%]/.test(passphrase.toString('latin1')))
    throw invalid('The passphrase can be any ASCII characters except #, $ or %');
  await settle(cloud, found, false);
  const { arn, type, exportable, status, key } = found;
  if (type === 'IMPORTED' || (type === 'AMAZON_ISSUED' && !exportable))
    throw invalid(
      `Certificate ARN: ${arn} is not a private certificate or an exportable public certificate.`,
    );
  if (status === 'PENDING_VALIDATION') throw inProgress(arn);
  if (status !== 'ISSUED' || !key)
    throw invalid(`Certificate ${arn} cannot be exported: its status is ${status}`);
  if (!found.paid) cloud.stats.billed += 1;
  found.paid = true;
  found.exported = true;
  return { ...pemsOf(found), PrivateKey: encryptedKeyPem(key, passphrase) };
}
