import type { Certificate } from '../x509/certificate.ts';

const day = 86_400_000;

/** When a certificate should be replaced: two thirds of its life gone, half where it lives ten days or less. */
export function renewAt({ notBefore, notAfter }: Pick<Certificate, 'notBefore' | 'notAfter'>): Date {
  const life = notAfter.getTime() - notBefore.getTime();
  return new Date(notBefore.getTime() + (life <= 10 * day ? life / 2 : (life * 2) / 3));
}

export const isDue = (certificate: Pick<Certificate, 'notBefore' | 'notAfter'>, now: Date): boolean =>
  now >= renewAt(certificate);
