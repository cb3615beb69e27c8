import type { Certificate } from '../x509/certificate.ts';
import { parseRenewalPoint } from '../x509/renewal-point.ts';

/** Ten days, for whoever begins them a little before they are issued, since clocks differ. */
const shortLife = 10 * 86_400_000 + 3_600_000;

type Life = Pick<Certificate, 'notBefore' | 'notAfter'>;

/**
 * When a certificate should be replaced: at the point that was asked for, else with two thirds of its life gone, half
 * where it lives ten days or less. A time before the end that no life is long enough for counts as not asked for: it
 * would have the certificate replaced without end.
 * @param point `66%`, `20d-before`
 */
export function renewAt({ notBefore, notAfter }: Life, point?: string): Date {
  const life = notAfter.getTime() - notBefore.getTime();
  return new Date(
    notBefore.getTime() + (askedFor(life, point) ?? (life <= shortLife ? life / 2 : (life * 2) / 3)),
  );
}

function askedFor(life: number, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const point = parseRenewalPoint(text, 'renewAt');
  if ('share' in point) return life * point.share;
  return point.before < life ? life - point.before : undefined;
}
