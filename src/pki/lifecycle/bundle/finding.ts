import type { Quota } from './targets.ts';

/** A rule of the target that is broken, or something that will hurt later. */
export interface BundleFinding {
  severity: 'fault' | 'warning';
  rule: BundleRule;
  /** Which certificate, CRL or line, and why. */
  message: string;
  hint: string;
  /** A quota that AWS raises on request. */
  adjustable: boolean;
}

export type BundleRule =
  | 'byte-order-mark'
  | 'not-pem'
  | 'blank-line'
  | 'text-outside'
  | 'line-ending'
  | 'label'
  | 'private-key'
  | 'other-content'
  | 'duplicate'
  | 'not-a-ca'
  | 'not-valid-now'
  | 'ends-soon'
  | 'key'
  | 'signature'
  | 'too-many'
  | 'too-large'
  | 'depth'
  | 'no-root'
  | 'two-issuers'
  | 'no-crls'
  | 'crl-missing'
  | 'crl-outdated'
  | 'crl-stranger'
  | 'crl-kind'
  | 'crl-serial'
  | 'crl-file';

export const fault = (rule: BundleRule, message: string, hint: string): BundleFinding => ({
  severity: 'fault',
  rule,
  message,
  hint,
  adjustable: false,
});

export const warning = (rule: BundleRule, message: string, hint: string): BundleFinding => ({
  ...fault(rule, message, hint),
  severity: 'warning',
});

/** Nothing where the bound is kept. */
export function beyond(
  quota: Quota | undefined,
  found: number,
  rule: BundleRule,
  message: (most: number) => string,
  hint: string,
): BundleFinding[] {
  if (!quota || found <= quota.most) return [];
  const more = quota.adjustable ? `${hint}, or have AWS raise the quota and add --raised-quotas` : hint;
  return [{ ...fault(rule, message(quota.most), more), adjustable: quota.adjustable }];
}
