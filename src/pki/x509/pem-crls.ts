/** DER of every CRL in a PEM text. */
export const pemCrls = (pem: string): Buffer[] =>
  [...pem.matchAll(/-----BEGIN X509 CRL-----([^-]*)-----END X509 CRL-----/g)].map(([, base64 = '']) =>
    Buffer.from(base64, 'base64'),
  );
