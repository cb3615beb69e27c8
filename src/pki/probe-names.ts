/** What must be refused. */
export const negativeProbes = [
  'no-certificate',
  'stranger',
  'self-signed',
  'foreign-ca',
  'non-ca-intermediate',
  'expired',
  'not-yet-valid',
  'wrong-usage',
  'wrong-name',
  'weak-key',
  'weak-signature',
  'revoked',
  'tls-1.0',
  'tls-1.1',
] as const;
export type NegativeProbe = (typeof negativeProbes)[number];
