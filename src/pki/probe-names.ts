/** What a CA signs to be refused: what each proves holds only where the CA's others are let in. */
export const signedProbes = [
  'expired',
  'not-yet-valid',
  'wrong-usage',
  'wrong-name',
  'weak-key',
  'weak-signature',
  'revoked',
] as const;

/** What must be refused. */
export const negativeProbes = [
  'no-certificate',
  'stranger',
  'self-signed',
  'foreign-ca',
  'non-ca-intermediate',
  ...signedProbes,
  'tls-1.0',
  'tls-1.1',
] as const;
export type NegativeProbe = (typeof negativeProbes)[number];
