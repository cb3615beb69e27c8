import { createHash } from 'node:crypto';
import type { Cloud } from '../cloud.ts';
import type { AcmCertificate } from './certificate.ts';

export interface DomainValidation {
  domain: string;
  method: 'DNS' | 'EMAIL';
  /** The CNAME to publish, of DNS validation. */
  record: { name: string; value: string } | undefined;
  /** The domain whose owners are written to, of e-mail validation. */
  mailTo: string;
}

const digest = (text: string): string => createHash('md5').update(text).digest('hex');

/** How one name is validated; `*.x` and `x` share their record. */
export function validationOf(
  domain: string,
  method: DomainValidation['method'],
  account: string,
  mailTo = domain,
): DomainValidation {
  const base = domain.replace(/^\*\./, '');
  const record = {
    name: `_${digest(`${account} ${base} name`)}.${base}.`,
    value: `_${digest(`${account} ${base} value`)}.${digest(base).slice(0, 10)}.acm-validations.aws.`,
  };
  return { domain, method, record: method === 'DNS' ? record : undefined, mailTo };
}

export const isValidated = (cloud: Cloud, validation: DomainValidation): boolean =>
  validation.record !== undefined && cloud.dns.get(validation.record.name) === validation.record.value;

export const isAllValidated = (cloud: Cloud, { approved, validations }: AcmCertificate): boolean =>
  approved || validations.every((one) => isValidated(cloud, one));

/** Who gets the mail (ACM user guide, "E-mail validation"). */
export const mailboxes = (domain: string): string[] =>
  ['administrator', 'hostmaster', 'postmaster', 'webmaster', 'admin'].map(
    (local) => `${local}@${domain.replace(/^\*\./, '')}`,
  );

/** Names that nobody can own in public. */
export const isPrivateName = (domain: string): boolean =>
  /\.(internal|local|localhost|test|invalid|example|lan|corp|home)$/.test(domain);
