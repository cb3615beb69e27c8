import { PkiError } from '../../errors.ts';
import { readIfThere } from '../../durable.ts';
import { readCertificate, type Certificate } from '../../x509/certificate.ts';

/**
 * The certificates of a file that this program wrote.
 * @throws PkiError `not-found`, `malformed`, each with the file's name.
 */
export function certificatesIn(file: string): Certificate[] {
  const pem = readIfThere(file);
  if (!pem) throw new PkiError('not-found', `${file} is not there`, { hint: 'restore it from a backup' });
  const blocks = pem
    .toString('latin1')
    .matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g);
  try {
    return [...blocks].map(([, base64 = '']) => readCertificate(Buffer.from(base64, 'base64')));
  } catch (cause) {
    throw new PkiError('malformed', `${file} holds a certificate that cannot be read`, {
      hint: 'restore it from a backup',
      cause,
    });
  }
}
