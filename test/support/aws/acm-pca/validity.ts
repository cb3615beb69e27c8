import type { Input } from '../input.ts';
import { invalid, invalidArgs } from '../refusal.ts';
import type { CertificateAuthority } from './certificate-authority.ts';

export interface Validity {
  notBefore: Date;
  notAfter: Date;
}

const hour = 3_600_000;
const day = 24 * hour;

/**
 * When a certificate is valid, as IssueCertificate's Validity and ValidityNotBefore say.
 * @param now in whole seconds
 * @param issuer bounds it by its own end and by its mode; `undefined` for a root's own certificate, whose validity AWS does not check
 * (docs.aws.amazon.com/privateca, "Understand AWS Private CA CA modes")
 */
export function validityOf(
  request: Input,
  now: Date,
  issuer: Pick<CertificateAuthority, 'certificate' | 'usageMode'> | undefined,
): Validity {
  const start = request.optionalStructure('ValidityNotBefore');
  if (start && start.text('Type') !== 'ABSOLUTE')
    throw invalidArgs('ValidityNotBefore must be of type ABSOLUTE');
  // An hour back, so that clocks that are late take it at once.
  const notBefore = start ? new Date(start.integer('Value') * 1000) : new Date(now.getTime() - hour);
  const notAfter = endOf(request.structure('Validity'), now);
  if (Number.isNaN(notAfter.getTime())) throw invalidArgs('The validity end date is not a date');
  if (notAfter <= now || notAfter <= notBefore)
    throw invalidArgs('The certificate validity end date must be after its start and in the future');
  if (issuer?.certificate && notAfter > issuer.certificate.notAfter)
    throw invalid('The certificate validity specified exceeds the certificate authority validity');
  if (issuer?.usageMode === 'SHORT_LIVED_CERTIFICATE' && notAfter.getTime() - now.getTime() > 7 * day)
    throw invalid('The certificate validity specified exceeds 7 days, the maximum for a short-lived CA');
  return { notBefore, notAfter };
}

const types = ['END_DATE', 'ABSOLUTE', 'DAYS', 'MONTHS', 'YEARS'] as const;

function endOf(validity: Input, now: Date): Date {
  const value = validity.integer('Value', { min: 1 });
  const end = new Date(now);
  switch (validity.choice('Type', types)) {
    case 'ABSOLUTE':
      return new Date(value * 1000);
    case 'END_DATE':
      return endDate(value);
    case 'DAYS':
      return new Date(now.getTime() + value * day);
    case 'MONTHS':
      end.setUTCMonth(end.getUTCMonth() + value);
      return end;
    case 'YEARS':
      end.setUTCFullYear(end.getUTCFullYear() + value);
      return end;
  }
}

/** YYMMDDHHMMSS or YYYYMMDDHHMMSS as a number (UTCTime, GeneralizedTime). */
function endDate(value: number): Date {
  const digits = String(value).padStart(12, '0');
  // RFC 5280 4.1.2.5.1: 50 and later is the last century.
  const whole = digits.length === 12 ? `${Number(digits.slice(0, 2)) < 50 ? '20' : '19'}${digits}` : digits;
  const [, year, month, date, hours, minutes, seconds] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(whole) ?? [];
  return new Date(
    `${year ?? ''}-${month ?? ''}-${date ?? ''}T${hours ?? ''}:${minutes ?? ''}:${seconds ?? ''}Z`,
  );
}
